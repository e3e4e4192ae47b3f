"""A provider on a folder of Parquet and CSV files: data that the user owns, published as any other.

What is in a file is taken as it is: a time without a zone is New York wall clock, as everywhere on the provider's side
of the platform, and one with a zone is that instant. Rows may stand in any order. A file that is wrong is refused with
its name and what to do; trying again would find it as wrong.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.domain import sessions
from app.domain.kinds import Kind
from app.domain.limits import Limits
from app.domain.listing import Listing, Need
from app.domain.plan import Chunk
from app.domain.rows import ColumnData, Rows, constant
from app.domain.schema import schemas_of
from app.domain.series import SeriesName
from app.domain.times import DAY, SECOND, Micros, date_of, new_york_days, utc_to_new_york
from app.errors import ProviderError, ProviderGlitch, ProviderRefused, ProviderUnavailable, RequestTooLarge
from app.files.cells import symbols, values
from app.files.layout import files_of, place_of
from app.files.reading import Reader
from app.files.tables import Days, Wanted

#: Files have no rules of their own, but a series is admitted for the memory of a month's bars at a time.
_OPTIONS = frozenset(schemas_of("option"))
FILES_LIMITS = Limits(intraday_months=1, wide=_OPTIONS, max_dte=_OPTIONS)
_LONGEST_REASON = 400


class FilesProvider:
    """A ``Provider`` on the files in a folder. Threads may share it."""

    name = "files"
    limits: Limits = FILES_LIMITS

    def __init__(self, root: Path) -> None:
        self.root = root
        self._reader = Reader()
        self._closed = threading.Event()

    def close(self) -> None:
        self._closed.set()

    def state(self) -> str:
        """See ``Provider.state``: ``CONNECTED`` or ``MISSING``."""
        try:
            return "CONNECTED" if self.root.is_dir() else "MISSING"
        except OSError:
            return "MISSING"

    def refuses(self, series: SeriesName, start: dt.date) -> str | None:
        """See ``Provider.refuses``: a series without a file. For a folder that is away ``fetch`` says so."""
        try:
            if self.root.is_dir():
                files_of(self.root, series)
        except ProviderRefused as error:
            return str(error)
        except OSError:
            return None
        return None

    def fetch(self, series: SeriesName, chunk: Chunk, most: int) -> Rows:
        """See ``Provider.fetch``. The rows are those of sessions, and the contracts those asked for."""
        if chunk.contracts is not None and chunk.contracts.strike_range is not None:
            raise ProviderRefused(
                "strike_range cannot be had: the files provider does not know where the money is; name strikes instead"
            )
        parts, count = [], 0
        for part in self._rows(series, chunk):
            count += len(part)
            if count > most:
                raise RequestTooLarge(f"the files have more than {most:,} rows for it")
            parts.append(part)
        return self._in_order(Rows.joined(parts), series) if parts else Rows.none(series.record)

    def list(self, series: SeriesName, need: Need) -> Listing:
        """See ``Provider.list``."""
        day = need.date
        match need.kind:
            case "expirations":
                return {date_of(int(one)): 0 for (one,) in self._distinct(series, ("expiration",), Wanted())}
            case "strikes":
                assert day is not None
                found = self._distinct(series, ("expiration", "strike"), Wanted(expirations=(day,)))
                count = sum(date_of(int(expiration)) == day for expiration, _ in found)
                return {day: count} if count else {}
            case "contracts":
                assert day is not None
                found = self._distinct(series, ("expiration", "strike", "right"), Wanted(Days(day, day)))
                return dict(Counter(date_of(int(expiration)) for expiration, *_ in found))

    def strikes(self, series: SeriesName, expiration: dt.date) -> frozenset[int]:
        """See ``Provider.strikes``."""
        found = self._distinct(series, ("expiration", "strike"), Wanted(expirations=(expiration,)))
        return frozenset(round(strike * 1000) for day, strike in found if date_of(int(day)) == expiration)

    def _distinct(self, series: SeriesName, names: Sequence[str], wanted: Wanted) -> Sequence[tuple[float, ...]]:
        """The distinct combinations of some columns' values, in their order."""
        kinds = {name: series.record.by_name[name].kind for name in names}
        found: set[tuple[float, ...]] = set()
        for path in self._files(series):
            with _blamed(path):
                for batch, _ in self._reader.read(path, series.record, names, wanted):
                    self._go_on()
                    columns = [values(batch.column(name), name, kind) for name, kind in kinds.items()]
                    found |= set(map(tuple, np.unique(np.column_stack(columns), axis=0).tolist()))
        return sorted(found)

    def _rows(self, series: SeriesName, chunk: Chunk) -> Iterator[Rows]:
        """The chunk's rows, file by file as they stand there."""
        names = [column.name for column in series.record.columns]
        asked = chunk.contracts
        wanted = Wanted(Days(chunk.start, chunk.end), asked.expirations if asked else ())
        days = [(one.date - dt.date(1970, 1, 1)).days for one in sessions.sessions(chunk.start, chunk.end)]
        for path in self._files(series):
            with _blamed(path):
                for batch, times in self._reader.read(path, series.record, names, wanted):
                    self._go_on()
                    naive = utc_to_new_york(times)
                    keep = np.isin(naive // DAY, days)
                    if series.record.has_hours:
                        keep &= _in_hours(naive % DAY, chunk)
                    rows = _typed(batch.filter(pa.array(keep)), times[keep], series)
                    if asked is not None and rows.contracts is not None and len(rows):
                        rows = rows.take(asked.mask(rows.contracts, new_york_days(rows.timestamps)))
                    if len(rows):
                        yield rows

    def _files(self, series: SeriesName) -> tuple[Path, ...]:
        if self.state() != "CONNECTED":
            raise ProviderUnavailable(f"the folder {self.root} is away: mount it again, or correct FILES_DIR")
        with _blamed(place_of(self.root, series)):
            return files_of(self.root, series)

    def _go_on(self) -> None:
        if self._closed.is_set():
            raise ProviderUnavailable("the provider was closed")

    def _in_order(self, rows: Rows, series: SeriesName) -> Rows:
        """The rows by time, an option's contract by contract; ticks of one moment as they stood."""
        if rows.contracts is None:
            rows = rows.in_event_order()
        else:
            rows = rows.take(np.lexsort((rows.timestamps, rows.contracts)))
        if series.interval is None and series.record.has_hours:
            return rows
        twice = np.diff(rows.timestamps) == 0
        if rows.contracts is not None:
            twice &= np.diff(rows.contracts) == 0
        if twice.any():
            moment = np.datetime64(int(rows.timestamps[:-1][twice][0]), "us").astype("M8[ms]")
            raise ProviderRefused(
                f"{place_of(self.root, series)}: {int(twice.sum())} rows are there twice, the first of {moment} UTC: "
                "leave one of each"
            )
        return rows


def _in_hours(time: Micros, chunk: Chunk) -> npt.NDArray[np.bool_]:
    """Which times of the day are asked for. Plans count in milliseconds: one that ends a window is meant as a whole,
    or what happened in it would be in no window."""
    begin, end = _in_day(chunk.start_time or sessions.OPEN), _in_day(chunk.end_time or sessions.CLOSE)
    if end % SECOND:
        end += 999
    inside: npt.NDArray[np.bool_] = (time >= begin) & (time <= end)
    return inside


def _typed(batch: Any, times: Micros, series: SeriesName) -> Rows:
    """A batch's rows in the record's types. Raises ``ValueError`` for what does not fit."""
    record, have = series.record, set(batch.schema.names)
    if not len(batch):
        return Rows.none(record)
    if record.schema == "eod" and (utc_to_new_york(times) % DAY).any():
        raise ValueError("a report's timestamp is not midnight in New York: give its session in a column named date")
    columns: dict[str, ColumnData] = {"timestamp": times}
    for column in record.columns:
        if column.name in ("symbol", "root"):
            others = symbols(batch.column(column.name), column.name) - {series.symbol} if column.name in have else None
            if others:
                raise ValueError(f"a row of {min(others)!r} is not of {series.symbol}: give it a file of its own")
            columns[column.name] = constant(series.symbol, len(batch))
        elif column.kind is Kind.CODES and column.name not in have:
            columns[column.name] = np.zeros(len(batch), dtype=column.kind.dtype)
        elif column.name != "timestamp":
            columns[column.name] = values(batch.column(column.name), column.name, column.kind)
    return Rows.of(record, columns)


def _in_day(time: dt.time) -> int:
    return (time.hour * 3600 + time.minute * 60 + time.second) * SECOND + time.microsecond


@contextmanager
def _blamed(path: Path) -> Iterator[None]:
    """What goes wrong with a file, within, is told with its name."""
    try:
        yield
    except ProviderError:
        raise
    except OSError as error:
        raise ProviderGlitch(f"{path} cannot be read: {_short(error)}") from None
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise ProviderRefused(f"{path}: {_short(error)}; correct the file and ask again under a new id") from None


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:_LONGEST_REASON]
