"""One file of a series as batches of the rows of some days, their times in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from app.domain.kinds import Kind
from app.domain.schema import RecordType
from app.domain.times import DAY, Micros, new_york_to_utc
from app.files.cells import moments
from app.files.tables import CsvTable, Days, Table, Wanted, open_table

#: Where the session of a report may stand instead of in ``timestamp``.
_DATE = "date"
#: Columns that need not be there: the file's name tells the symbol, and most trades have no further codes.
OPTIONAL = ("symbol", "root", "ext_conditions")


@dataclass(frozen=True, slots=True)
class _Span:
    """The first and the last day of a file as it was (days since 1970), a day more for times with a zone."""

    version: tuple[int, int]
    first: int
    last: int


class Reader:
    """Reads files. It remembers which days a CSV holds: nothing in such a file tells but its rows."""

    def __init__(self) -> None:
        self._spans: dict[Path, _Span] = {}

    def read(
        self, path: Path, record: RecordType, names: Sequence[str], wanted: Wanted
    ) -> Iterator[tuple[Any, Micros]]:
        """Record batches of the record's columns ``names``, those of ``OPTIONAL`` where the file has them, and the
        rows' times in UTC microseconds.

        Rows are those of ``wanted.days``; other expirations may be among them. Raises ``ValueError`` or an Arrow error
        for a file that is wrong, ``OSError`` for one that cannot be read.
        """
        version = _version(path)
        if wanted.days is not None and self._misses(path, version, wanted.days):
            return
        table = open_table(path)
        time, kinds = _kinds(table, record, names)
        first, last = 2**40, -(2**40)
        for batch in table.batches(kinds, time, wanted):
            if not len(batch):
                continue
            moment, naive = moments(batch.column(time), time)
            spare = 0 if naive else 1
            first = min(first, int(moment.min()) // DAY - spare)
            last = max(last, int(moment.max()) // DAY + spare)
            if wanted.days is not None:
                low, high = wanted.days.bounds(naive=naive)
                keep = (moment >= low) & (moment < high)
                if not keep.all():
                    batch, moment = batch.filter(pa.array(keep)), moment[keep]  # noqa: PLW2901
            if len(batch):
                yield batch, new_york_to_utc(moment) if naive else moment
        if isinstance(table, CsvTable):
            self._spans[path] = _Span(version, first, last)

    def _misses(self, path: Path, version: tuple[int, int], days: Days) -> bool:
        """Whether a file is known to have no row of these days."""
        span = self._spans.get(path)
        if span is None or span.version != version:
            return False
        low, high = days.bounds(naive=True)
        return span.last < low // DAY or span.first >= high // DAY


def _version(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _kinds(table: Table, record: RecordType, names: Sequence[str]) -> tuple[str, dict[str, Kind]]:
    """The column with the time, and what to read, by name. Raises ``ValueError`` for a column that is not there."""
    report = record.schema == "eod" and _DATE in table.names
    kinds = {_DATE: Kind.DATE} if report else {"timestamp": Kind.TIMESTAMP}
    time = next(iter(kinds))
    kinds |= {
        name: record.by_name[name].kind
        for name in names
        if name != "timestamp" and (name in table.names or name not in OPTIONAL)
    }
    for name in kinds:
        if name not in table.names:
            have = ", ".join(table.names)[:300]
            raise ValueError(f"column {name} is missing: add it; the file has {have}")
        if table.names.count(name) > 1:
            raise ValueError(f"column {name} is there twice: leave one")
    return time, kinds
