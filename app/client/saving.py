"""Rows into a file, which is there only when they are all in it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

from app.client import packages
from app.client.calls import Format, Selection
from app.client.errors import BadUse
from app.client.reading import Place, Restart, batches, document, lines
from app.client.steps import Flow, gathered

#: ``arrow-file`` can be opened at any place of it; ``arrow`` is the stream as it comes.
FileFormat = Literal["ndjson", "csv", "arrow", "parquet", "arrow-file"]
_SUFFIXES: dict[str, FileFormat] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".arrow": "arrow-file",
    ".feather": "arrow-file",
    ".arrows": "arrow",
}


def format_of(path: Path) -> FileFormat:
    """The format that a file's name ends in. Raises ``BadUse``."""
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise BadUse(f"{path.name!r} does not say which format; let it end in one of {', '.join(_SUFFIXES)}")
    return found


def document_of(place: Place, form: Format, selection: Selection, restartable: bool) -> Flow[Any]:
    """Emits the bytes of a series in a format, and ``Restart`` where they begin anew."""
    if form in ("ndjson", "csv"):
        return lines(place, form, selection)
    return document(place, form, selection, restartable)


def saved(place: Place, selection: Selection, path: Path, form: FileFormat | None = None) -> Flow[int]:
    """Writes a series into a file; comes to its size in bytes."""
    form = form or format_of(path)
    with _new(path) as file:
        if form == "arrow-file":
            yield from _arrow_file(place, selection, file)
        else:
            yield from gathered(document_of(place, form, selection, restartable=True), lambda part: _put(file, part))
        size = file.tell()
    return size


def _put(file: IO[bytes], part: bytes | Restart) -> None:
    if isinstance(part, Restart):
        file.seek(0)
        file.truncate()
    else:
        file.write(part)


def _arrow_file(place: Place, selection: Selection, file: IO[bytes]) -> Flow[None]:
    pa = packages.pyarrow("saving an .arrow file")
    writer: list[Any] = []

    def put(batch: Any) -> None:
        if not writer:
            writer.append(pa.ipc.new_file(file, batch.schema))
        writer[0].write_batch(batch)

    schema = yield from gathered(batches(place, selection), put)
    if not writer:
        writer.append(pa.ipc.new_file(file, schema))
    writer[0].close()


@contextlib.contextmanager
def _new(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of ``path`` when the block ends well, and goes when it does not."""
    path = path.expanduser()
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        file = part.open("xb")
    except OSError as error:
        raise BadUse(f"{path} cannot be written ({error.strerror}); name a file in a folder that is there") from None
    try:
        with file:
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
