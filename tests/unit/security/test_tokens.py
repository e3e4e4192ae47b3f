"""Files of tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.security.tokens import LONGEST, read_tokens


def test_a_line_is_a_token_unless_it_is_blank_or_a_comment(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_bytes(b"\xef\xbb\xbf# ours\r\n\r\n  one  \r\ntwo,three\n#four\nschl\xc3\xbcssel")
    assert read_tokens(file) == ("one", "two,three", "schlüssel")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "no token"), (b"\n# one\n", "no token"), (b"\xff\xfe", "UTF-8"), (b"x" * (LONGEST + 1), "longer")],
)
def test_a_file_without_tokens_is_none(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "tokens"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_tokens(file)
