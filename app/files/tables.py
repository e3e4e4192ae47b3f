"""Parquet and CSV as a row of small batches: never a whole file, not even a whole row group, is in memory.

Parquet tells the least and the largest value of each row group, so those without a wanted day or expiration are not
read at all. A CSV is read from its beginning each time; blocks of a megabyte become columns as they come.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.fs
import pyarrow.parquet as pq

from app.domain.kinds import Kind
from app.domain.times import DAY, SECOND, micros_of

_BLOCK = 1 << 20
_BATCH = 65_536
_LONGEST_HEADER = 65_536
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
#: How a CSV cell is read. Times stay text: each may or may not have a zone.
_CSV: dict[Kind, Any] = {
    Kind.STRING: pa.string(),
    Kind.INT: pa.int32(),
    Kind.LONG: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.NULLABLE: pa.float64(),
    Kind.TIMESTAMP: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.RIGHT: pa.string(),
    Kind.CODES: pa.string(),
}


@dataclass(frozen=True, slots=True)
class Days:
    """New York dates, both inclusive."""

    start: dt.date
    end: dt.date

    def bounds(self, *, naive: bool) -> tuple[int, int]:
        """Microseconds, the first inclusive and the last exclusive: of naive New York times, else of UTC."""
        after = self.end + dt.timedelta(days=1)
        if not naive:
            return micros_of(self.start), micros_of(after)
        return _epoch_day(self.start) * DAY, _epoch_day(after) * DAY


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a table may be left unread; what is read may still hold other rows."""

    days: Days | None = None
    expirations: tuple[dt.date, ...] = ()


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """A Parquet file."""

    path: Path
    names: list[str]

    @classmethod
    def of(cls, path: Path) -> ParquetTable:
        return cls(path, list(pq.read_schema(path).names))

    def batches(self, kinds: dict[str, Kind], time: str, wanted: Wanted) -> Iterator[Any]:
        """Record batches of these columns, in the file's own types."""
        fragment = ds.ParquetFileFormat().make_fragment(str(self.path), filesystem=pa.fs.LocalFileSystem())
        schema = fragment.physical_schema
        conditions = [*_in_days(schema, time, wanted.days), *_of_expirations(schema, wanted.expirations)]
        for condition in conditions:
            fragment = fragment.subset(condition)
        groups = [group.id for group in fragment.row_groups]
        # The dataset's own scanner would hold whole row groups, several at once.
        with pq.ParquetFile(self.path, buffer_size=_BLOCK, pre_buffer=False) as file:
            for batch in file.iter_batches(_BATCH, row_groups=groups, columns=list(kinds), use_threads=False):
                # Columns are picked by prefix and come in the file's order.
                yield batch.select(list(kinds))


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file whose first line names the columns."""

    path: Path
    names: list[str]

    @classmethod
    def of(cls, path: Path) -> CsvTable:
        """Raises ``ValueError`` when there is no first line."""
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            line = file.readline(_LONGEST_HEADER)
        if not line.strip():
            raise ValueError("the first line does not name the columns")
        return cls(path, next(csv.reader([line])))

    def batches(self, kinds: dict[str, Kind], time: str, wanted: Wanted) -> Iterator[Any]:
        """Record batches of these columns; every row of the file comes."""
        reader = pa.csv.open_csv(
            self.path,
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            convert_options=pa.csv.ConvertOptions(
                column_types={name: _CSV[kind] for name, kind in kinds.items()},
                include_columns=list(kinds),
                strings_can_be_null=False,
            ),
        )
        with reader:
            yield from reader


Table = ParquetTable | CsvTable


def open_table(path: Path) -> Table:
    """The file as a table. Raises ``ValueError`` or an Arrow error when it is none, ``OSError`` when it is away."""
    return ParquetTable.of(path) if path.suffix.lower() == ".parquet" else CsvTable.of(path)


def _in_days(schema: Any, time: str, days: Days | None) -> Sequence[Any]:
    kind = schema.field(time).type
    if days is None or not pa.types.is_timestamp(kind):
        return ()
    low, high = days.bounds(naive=kind.tz is None)
    unit = _UNITS[kind.unit]
    first, after = low * unit // SECOND, -(-high * unit // SECOND)
    return (ds.field(time) >= pa.scalar(first, kind), ds.field(time) < pa.scalar(after, kind))


def _of_expirations(schema: Any, expirations: Sequence[dt.date]) -> Sequence[Any]:
    if not expirations or not pa.types.is_date32(schema.field("expiration").type):
        return ()
    return (
        ds.field("expiration") >= pa.scalar(min(expirations), pa.date32()),
        ds.field("expiration") <= pa.scalar(max(expirations), pa.date32()),
    )


def _epoch_day(date: dt.date) -> int:
    return (date - dt.date(1970, 1, 1)).days
