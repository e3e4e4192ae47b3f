"""The exchange calendar: which days are sessions, and when each opens and closes.

The rules of the New York Stock Exchange come from the ``holidays`` package, which also knows the closures
that no rule foresees (Hurricane Sandy, days of mourning); a test holds them against a second source.
All times are New York wall clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import holidays

NEW_YORK = ZoneInfo("America/New_York")
OPEN = dt.time(9, 30)
CLOSE = dt.time(16, 0)
EARLY_CLOSE = dt.time(13, 0)
#: On half-days options of the eligible classes trade a quarter of an hour longer (THETA API 3.4, calendar).
OPTION_EARLY_CLOSE = dt.time(13, 15)

DayType = Literal["open", "early_close", "full_close", "weekend"]


@dataclass(frozen=True, slots=True)
class Session:
    """A day on which the exchange trades; ``open`` and ``close`` are New York times."""

    date: dt.date
    open: dt.time
    close: dt.time

    @property
    def early(self) -> bool:
        """Whether the session is a half-day."""
        return self.close < CLOSE

    @property
    def option_close(self) -> dt.time:
        """When its options stop trading."""
        return OPTION_EARLY_CLOSE if self.early else self.close

    @property
    def closed_at(self) -> dt.datetime:
        """The instant of the close, in UTC."""
        return dt.datetime.combine(self.date, self.close, NEW_YORK).astimezone(dt.UTC)


@lru_cache(maxsize=128)
def _closed_days(year: int) -> frozenset[dt.date]:
    return frozenset(holidays.financial_holidays("NYSE", years=year))


@lru_cache(maxsize=128)
def _half_days(year: int) -> frozenset[dt.date]:
    return frozenset(holidays.financial_holidays("NYSE", years=year, categories=("half_day",)))


def day_type(date: dt.date) -> DayType:
    """What kind of day it is, in the provider's words (``/v3/calendar/on_date``)."""
    if date.weekday() >= 5:
        return "weekend"
    if date in _closed_days(date.year):
        return "full_close"
    return "early_close" if date in _half_days(date.year) else "open"


def session(date: dt.date) -> Session | None:
    """The session on a date, or None when the exchange is closed."""
    match day_type(date):
        case "open":
            return Session(date, OPEN, CLOSE)
        case "early_close":
            return Session(date, OPEN, EARLY_CLOSE)
        case _:
            return None


def days(start: dt.date, end: dt.date) -> Iterator[dt.date]:
    """Every calendar day from ``start`` to ``end``, both included."""
    for offset in range((end - start).days + 1):
        yield start + dt.timedelta(days=offset)


def sessions(start: dt.date, end: dt.date) -> list[Session]:
    """The sessions from ``start`` to ``end``, both included, in order."""
    return [found for day in days(start, end) if (found := session(day)) is not None]


def weekdays(start: dt.date, end: dt.date) -> list[dt.date]:
    """Monday to Friday from ``start`` to ``end``, both included: what a receipt accounts for."""
    return [day for day in days(start, end) if day.weekday() < 5]


def last_closed(now: dt.datetime) -> Session:
    """The latest session whose close is not after ``now`` (an aware datetime)."""
    day = now.astimezone(NEW_YORK).date()
    while True:
        found = session(day)
        if found is not None and found.closed_at <= now:
            return found
        day -= dt.timedelta(days=1)
