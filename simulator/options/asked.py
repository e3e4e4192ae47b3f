"""Which contracts and sessions a request asks for: the parameters that all option endpoints read alike."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Container
from dataclasses import dataclass

import numpy as np

from app.domain import sessions
from simulator import market
from simulator.answers import Terminal, limit_days, limit_month
from simulator.digits import Ints
from simulator.instruments import FIRST_DAY
from simulator.market import UNIT
from simulator.options import expirations as calendar
from simulator.options.board import Board
from simulator.options.expirations import Expiration
from simulator.options.roots import Root
from simulator.query import Query, Span
from simulator.refusals import bad

DAY_AT_A_TIME = "When expiration=*, you must request data a day-at-a-time"
"""Seen live, for ``greeks/eod``."""

_STRIKE = re.compile(r"\d{1,6}(\.\d{1,4})?", re.ASCII)
_RIGHTS = {"call": False, "c": False, "put": True, "p": True, "both": None}


@dataclass(frozen=True)
class Filters:
    """Which contracts of a session: ``strike`` in units; ``put`` or call, None for both; ``max_dte`` in calendar days
    from the session; ``strike_range``: so many strikes on each side of the one nearest to the underlying's opening
    price of the session. None does not filter."""

    strike: int | None = None
    put: bool | None = None
    max_dte: int | None = None
    strike_range: int | None = None

    @classmethod
    def read(cls, query: Query, declared: Container[str]) -> Filters:
        """From a request; what its endpoint does not declare is ignored. Raises 400."""
        strike, right = query.values.get("strike", "*"), query.values.get("right", "both")
        if strike != "*" and not _STRIKE.fullmatch(strike):
            raise bad(f"Invalid strike: {strike}. Expected dollars such as 100.00, or *")
        if right.lower() not in _RIGHTS:
            raise bad(f"Invalid right: {right}. Allowed values: call, put, both")
        return cls(
            None if strike == "*" else round(float(strike) * UNIT),
            _RIGHTS[right.lower()],
            number(query, "max_dte", 0) if "max_dte" in declared else None,
            number(query, "strike_range", 1) if "strike_range" in declared else None,
        )

    def admits(self, expiration: Expiration, day: dt.date) -> bool:
        """Whether the expiration quotes on that day and is near enough."""
        return expiration.live(day) and (self.max_dte is None or (expiration.date - day).days <= self.max_dte)

    def chosen(self, board: Board) -> Ints:
        """The rows of a session's board that pass."""
        kept = np.ones(len(board), dtype=np.bool_)
        if self.strike is not None:
            kept &= board.strike == self.strike
        if self.put is not None:
            kept &= board.put == self.put
        if self.strike_range is not None and len(board):
            spot = market.day(board.expiration.root.underlying, board.session).open
            strikes = np.unique(board.strike)
            nearest = int(np.argmin(np.abs(strikes - spot)))
            low, high = max(nearest - self.strike_range, 0), min(nearest + self.strike_range, len(strikes) - 1)
            kept &= (board.strike >= strikes[low]) & (board.strike <= strikes[high])
        return np.flatnonzero(kept)


def number(query: Query, name: str, least: int) -> int | None:
    """An optional whole number; raises 400."""
    text = query.values.get(name)
    if not text:
        return None
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) < least:
        raise bad(f"Invalid {name}: {text}. Expected a whole number from {least}")
    return int(text)


def expiration_date(query: Query) -> dt.date | None:
    """The expiration asked for, None for all of them (``*``); raises 400."""
    return None if query.text("expiration") == "*" else query.date("expiration")


def limit(span: Span, every: bool, *, yearly: bool, day_at_a_time: bool = True) -> None:
    """400 for too long a range. ``yearly``: 365 days and not a month; ``every``: all expirations are asked for, which
    is for one day only unless not ``day_at_a_time``."""
    if every and day_at_a_time and span.start != span.end:
        raise bad(DAY_AT_A_TIME)
    if yearly:
        limit_days(span.start, span.end)
    else:
        limit_month(span.start, span.end)


def traded(terminal: Terminal, root: Root, span: Span) -> list[sessions.Session]:
    """The sessions of a range up to today in which the root's options traded."""
    stock = root.underlying
    return sessions.sessions(max(span.start, stock.first, FIRST_DAY), min(span.end, stock.last, terminal.today))


def expiring(root: Root, date: dt.date | None, days: list[sessions.Session]) -> list[Expiration]:
    """The expiration of that date, or all that quote in any of those sessions, in order."""
    if not days:
        return []
    if date is not None:
        found = calendar.expiration(root, date)
        return [] if found is None else [found]
    first, last = days[0].date, days[-1].date
    after = last + dt.timedelta(days=root.long_days + 7)
    return [found for found in calendar.expirations(root, first, after) if found.listed <= last]
