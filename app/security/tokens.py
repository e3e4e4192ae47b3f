"""Files of bearer tokens: one a line; blank lines and lines that begin with ``#`` do not count."""

from __future__ import annotations

from pathlib import Path

#: A file that is longer was not meant.
LONGEST = 1 << 20


def read_tokens(path: Path) -> tuple[str, ...]:
    """The tokens in a file. Raises ``OSError`` when it cannot be read, ``ValueError`` when there are none in it or it
    is not such a file."""
    with path.open("rb") as file:
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise ValueError(f"is longer than {LONGEST:,} bytes")
    try:
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise ValueError("is not text in UTF-8") from None
    found = tuple(line for line in lines if line and not line.startswith("#"))
    if not found:
        raise ValueError("has no token in it")
    return found
