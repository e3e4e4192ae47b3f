"""The four forms in which rows are given out, each as an encoder that takes parts of rows and gives bytes.

Nothing is ever gone back to: what ``begin``, each ``write`` and ``end`` give, put together, is the whole answer.
Without what ``end`` gives it is recognisably not whole in Arrow and Parquet; the lines of text have no such mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.kinds import Kind
from app.domain.rows import Rows
from app.domain.schema import RecordType
from app.rows.arrow import arrow_batch, arrow_schema
from app.rows.text import Dialect, csv_header, lines

Format = Literal["ndjson", "csv", "arrow", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
#: What an answer is, by format; the first is what is given to who says nothing.
MEDIA_TYPES: Mapping[Format, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
#: To be raised when the bytes of any format change: strong validators hang on it.
VERSION = 1
#: Rows of a row group of a Parquet file.
GROUP_ROWS = 131_072
_TEXTS = (Kind.STRING, Kind.RIGHT, Kind.DATE)


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a topic in its order; ``offsets`` are theirs, when they are asked for. ``last_offset``: everything
    up to there has been looked at."""

    topic: str
    rows: Rows
    offsets: npt.NDArray[np.int64] | None
    last_offset: int


class Encoder(Protocol):
    """Rows to bytes."""

    def begin(self) -> bytes: ...

    def write(self, part: Part) -> bytes: ...

    def end(self) -> bytes: ...


def encoder(form: Format, record: RecordType, columns: Sequence[str], about: Mapping[str, str]) -> Encoder:
    """An encoder of some columns of a record type; ``about`` is put into the schema of Arrow and Parquet."""
    match form:
        case "arrow":
            return _Arrow(arrow_schema(record, columns, about))
        case "parquet":
            return _Parquet(arrow_schema(record, columns, about), record)
        case _:
            return _Text(form, columns)


class _Text:
    def __init__(self, dialect: Dialect, columns: Sequence[str]) -> None:
        self._dialect = dialect
        self._columns = columns

    def begin(self) -> bytes:
        return csv_header(self._columns) if self._dialect == "csv" else b""

    def write(self, part: Part) -> bytes:
        return lines(part.rows, self._columns, self._dialect, part.offsets)

    def end(self) -> bytes:
        return b""


class _Arrow:
    """Every batch says in its own metadata up to which offset of which topic it goes."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._sink = _Sink()
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._sink, mode="w"), schema)

    def begin(self) -> bytes:
        return self._sink.take()

    def write(self, part: Part) -> bytes:
        batch = arrow_batch(part.rows, self._schema, part.offsets)
        self._writer.write_batch(batch, {"topic": part.topic, "last_offset": str(part.last_offset)})
        return self._sink.take()

    def end(self) -> bytes:
        self._writer.close()
        return self._sink.take()


class _Parquet:
    def __init__(self, schema: pa.Schema, record: RecordType) -> None:
        self._schema = schema
        self._sink = _Sink()
        kinds = {name: record.by_name[name].kind if name in record.by_name else Kind.LONG for name in schema.names}
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._sink, mode="w"),
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name, kind in kinds.items() if kind in _TEXTS],
            write_statistics=True,
        )
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0

    def begin(self) -> bytes:
        return self._sink.take()

    def write(self, part: Part) -> bytes:
        self._batches.append(arrow_batch(part.rows, self._schema, part.offsets))
        self._rows += len(part.rows)
        if self._rows >= GROUP_ROWS:
            self._group()
        return self._sink.take()

    def end(self) -> bytes:
        if self._rows:
            self._group()
        self._writer.close()
        return self._sink.take()

    def _group(self) -> None:
        table = pa.Table.from_batches(self._batches, self._schema)
        self._batches, self._rows = [], 0
        self._writer.write_table(table, row_group_size=table.num_rows)


class _Sink:
    """A file that only grows, and whose newest bytes are taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._at = 0
        self.closed = False

    def write(self, piece: Any) -> int:
        taken = bytes(piece)
        self._pieces.append(taken)
        self._at += len(taken)
        return len(taken)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing is held back."""

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
