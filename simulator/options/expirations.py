"""When options expire and when they are listed: a pure function of the root and the exchange calendar.

An expiration that would fall on a closed day moves to the session before it. A daily cycle has none for a closed day.
Before February 2015 real monthly options expired on Saturdays; here they never do.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

from app.domain import sessions
from simulator.instruments import FIRST_DAY
from simulator.options.roots import Cycle, Root

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Expiration:
    """The contracts of a root that expire together: they quote in the sessions from ``listed`` to ``last``."""

    root: Root
    date: dt.date
    listed: dt.date
    last: dt.date

    def live(self, day: dt.date) -> bool:
        """Whether its contracts quote on a session of that date."""
        return self.listed <= day <= self.last


def expiration(root: Root, date: dt.date) -> Expiration | None:
    """The expiration of that date, or None if the root has none then."""
    return next((found for found in expirations(root, date, date) if found.date == date), None)


def expirations(root: Root, start: dt.date, end: dt.date) -> list[Expiration]:
    """Those that ever expire from ``start`` to ``end``, both included, in order, whenever they were listed."""
    found = []
    for year in range(max(start, FIRST_DAY).year, end.year + 1):
        found += [made for made in _year(root, year) if start <= made.date <= end]
    return found


def listed(root: Root, day: dt.date) -> list[Expiration]:
    """Those whose contracts quote on the session of that date: nothing that is listed only later."""
    return [found for found in expirations(root, day, _horizon(root, day)) if found.live(day)]


def ever_listed(root: Root, day: dt.date) -> list[Expiration]:
    """Everything that had been listed by that day, what has expired included."""
    return [found for found in expirations(root, FIRST_DAY, _horizon(root, day)) if found.listed <= day]


def _horizon(root: Root, day: dt.date) -> dt.date:
    return day + dt.timedelta(days=root.long_days + 7)


@lru_cache(maxsize=4096)
def _year(root: Root, year: int) -> tuple[Expiration, ...]:
    stock = root.underlying
    # A stock that comes to the market has options a week later.
    earliest = FIRST_DAY if stock.first == FIRST_DAY else stock.first + dt.timedelta(days=7)
    made = []
    for date, long in _dates(root.cycle, year):
        listed = max(date - dt.timedelta(days=root.long_days if long else root.short_days), earliest)
        last = min(date - _DAY if root.morning else date, stock.last)
        if date >= FIRST_DAY and listed <= last:
            made.append(Expiration(root, date, listed, last))
    return tuple(made)


@lru_cache(maxsize=256)
def _dates(cycle: Cycle, year: int) -> tuple[tuple[dt.date, bool], ...]:
    """The dates of a year's expirations, and whether each is listed long before."""
    first, last = dt.date(year, 1, 1), dt.date(year, 12, 31)
    if cycle == "daily":
        days = [session.date for session in sessions.sessions(first, last)]
        after = [*days[1:], dt.date(year + 1, 1, 1)]
        return tuple((day, day.month != next_.month) for day, next_ in zip(days, after, strict=True))
    # When the first of January is a Friday, its expiration belongs to the year before.
    fridays = [day for day in sessions.days(first + _DAY, last + _DAY) if day.weekday() == 4]
    third = [15 <= day.day <= 21 for day in fridays]
    made = [(_session_at_or_before(day), long) for day, long in zip(fridays, third, strict=True)]
    return tuple(pair for pair in made if pair[1] or cycle == "weekly")


def _session_at_or_before(day: dt.date) -> dt.date:
    while sessions.session(day) is None:
        day -= _DAY
    return day
