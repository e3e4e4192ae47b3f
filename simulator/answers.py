"""What an endpoint gives back: portions of a table, made only when they are not cached, and what it may know.

An endpoint decides everything cheap at once (refusals, which days) and leaves the heavy part to the portions, which
the server makes on a thread.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from app.domain.sessions import NEW_YORK
from simulator.refusals import bad
from simulator.tables import Table
from simulator.tiers import Tier

CALENDAR_DAYS = 365


@dataclass(frozen=True)
class Portion:
    """A part of an answer, usually a symbol's day; with a ``key`` its text may be cached."""

    key: Hashable | None
    make: Callable[[], Table]


@dataclass(frozen=True)
class Terminal:
    """The account and the moment an endpoint answers from; ``now`` is an aware New York time."""

    seed: int
    tier: Tier
    now: dt.datetime

    @classmethod
    def at(cls, seed: int, tier: Tier, now: dt.datetime) -> Terminal:
        """At an instant given in any time zone."""
        return cls(seed, tier, now.astimezone(NEW_YORK))

    @property
    def today(self) -> dt.date:
        """The current day in New York."""
        return self.now.date()


def limit_days(start: dt.date, end: dt.date) -> None:
    """400 for more than 365 calendar days, both ends counted (text seen live)."""
    if (end - start).days + 1 > CALENDAR_DAYS:
        raise bad(f"Too many days between start and end date; max {CALENDAR_DAYS} days allowed")


def limit_month(start: dt.date, end: dt.date) -> None:
    """400 for an intraday range beyond the same day of the next month.

    The vendor documents "1 month" and no more: the text is a guess, and so is that the bound itself is allowed.
    """
    month = start.month % 12 + 1
    year = start.year + (month == 1)
    last = (dt.date(year + (month == 12), month % 12 + 1, 1) - dt.timedelta(days=1)).day
    if end > dt.date(year, month, min(start.day, last)):
        raise bad("Too many days between start and end date; multi-day requests are limited to 1 month of data")
