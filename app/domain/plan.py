"""What a series will ask of the provider: a pure function of the series and the exchange calendar.

The provider's rules (vendor pages "Request Sizing", THETA OpenAPI): an intraday range spans at most one month,
an interval under a minute one day, an end-of-day range 365 days, all inclusive. Days on which the exchange is
closed are not asked for where a range can do without them.
"""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from app.domain import sessions
from app.domain.schema import INTERVAL_SECONDS
from app.domain.series import SeriesName

EOD_DAYS = 365
#: Most weekdays in a range that the provider answers at once.
_WEEKDAYS_OF_YEAR, _WEEKDAYS_OF_MONTH = 262, 23
#: Bytes of memory a fetched row takes: its columns, and the same again while they are parsed.
ROW_BYTES = 160


@dataclass(frozen=True, slots=True)
class Chunk:
    """One provider request: the session dates from ``start`` to ``end``, both inclusive."""

    start: dt.date
    end: dt.date
    rows: int

    @property
    def bytes(self) -> int:
        """An upper estimate of the memory its answer takes."""
        return self.rows * ROW_BYTES


@dataclass(frozen=True)
class Plan:
    """The chunks of a series in event-time order; each is one step, the unit of writing and of checkpoints."""

    chunks: tuple[Chunk, ...]

    @cached_property
    def digest(self) -> str:
        """Names the plan in checkpoints: SHA-256 of its JSON, the first 16 hex digits."""
        return hashlib.sha256(orjson.dumps(self.as_json())).hexdigest()[:16]

    def as_json(self) -> list[list[Any]]:
        return [[c.start.isoformat(), c.end.isoformat(), c.rows] for c in self.chunks]

    @classmethod
    def from_json(cls, rows: list[list[Any]]) -> Plan:
        return cls(tuple(Chunk(dt.date.fromisoformat(a), dt.date.fromisoformat(b), n) for a, b, n in rows))


def plan_series(
    name: SeriesName, start: dt.date, end: dt.date, start_time: dt.time | None, end_time: dt.time | None
) -> Plan:
    """The plan of a stock series over the session dates ``start`` to ``end``, both inclusive."""
    return Plan(tuple(_chunks(name, start, end, start_time, end_time)))


def largest_chunk(name: SeriesName, start_time: dt.time | None, end_time: dt.time | None) -> int:
    """Bytes that no chunk of such a series exceeds, without planning it."""
    if name.interval is None:
        days = _WEEKDAYS_OF_YEAR
    else:
        days = 1 if INTERVAL_SECONDS[name.interval] < 60 else _WEEKDAYS_OF_MONTH
    return days * _rows_per_day(name, start_time, end_time) * ROW_BYTES


def _chunks(
    name: SeriesName, start: dt.date, end: dt.date, start_time: dt.time | None, end_time: dt.time | None
) -> Iterator[Chunk]:
    days = [session.date for session in sessions.sessions(start, end)]
    per_day = _rows_per_day(name, start_time, end_time)
    at = 0
    while at < len(days):
        stop = bisect_right(days, _last_of_request(name, days[at]))
        yield Chunk(days[at], days[stop - 1], (stop - at) * per_day)
        at = stop


def _last_of_request(name: SeriesName, first: dt.date) -> dt.date:
    if name.interval is None:
        return first + dt.timedelta(days=EOD_DAYS - 1)
    if INTERVAL_SECONDS[name.interval] < 60:
        return first
    year, month = (first.year, first.month + 1) if first.month < 12 else (first.year + 1, 1)
    # The day before the same day of the next month: at most one month by whichever way it is counted.
    if first.day > calendar.monthrange(year, month)[1]:
        return dt.date(year, month, calendar.monthrange(year, month)[1]) - dt.timedelta(days=1)
    return dt.date(year, month, first.day) - dt.timedelta(days=1)


def _rows_per_day(name: SeriesName, start_time: dt.time | None, end_time: dt.time | None) -> int:
    """Rows of one session: the provider's grid runs from start to end, both inclusive."""
    if name.interval is None:
        return 1
    begin, stop = start_time or sessions.OPEN, end_time or sessions.CLOSE
    seconds = (stop.hour - begin.hour) * 3600 + (stop.minute - begin.minute) * 60 + stop.second - begin.second
    return seconds // INTERVAL_SECONDS[name.interval] + 1
