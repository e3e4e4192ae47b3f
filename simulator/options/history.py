"""The history endpoints' common course: refusals at once, and a portion for every few contracts of an expiration.

A portion holds its contracts' rows of all sessions asked for, so the answer goes contract after contract; and it is
small, so that an answer of millions of rows never needs the memory of more than one of them beside its text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from app.domain import sessions
from simulator.answers import Portion, Terminal
from simulator.bars import Window
from simulator.digits import Ints
from simulator.intraday import EVENTS
from simulator.options.asked import Filters, expiration_date, expiring, limit, traded
from simulator.options.board import Board, board, milliseconds
from simulator.options.cells import Raw, table
from simulator.options.expirations import Expiration
from simulator.options.roots import root
from simulator.options.strikes import in_order
from simulator.options.trades import Trades, trades
from simulator.query import Query
from simulator.refusals import bad, no_data
from simulator.tables import Table
from simulator.tiers import Tier, admit_from

EOD_READY = dt.time(17, 20)
"""When the current day's end-of-day rows are there (reports are made at about 17:15, New York)."""

_ROWS = 60_000  # of a portion, about
_CHANGES = 6_000  # of a contract's quote in a session, about
_MINUTE = 60_000


@dataclass(frozen=True)
class Part:
    """A session's part of an answer: some contracts (``rows`` of the whole board) from ``window.start`` to ``end``."""

    board: Board
    rows: Ints
    window: Window
    end: int

    def trades(self) -> Trades:
        """All the session's trades of these contracts up to ``end``, those before the window among them."""
        whole = trades(self.board.expiration, self.board.session).of(self.rows)
        return whole.at(whole.ms <= self.end)


Make = Callable[[Part], Raw]


@dataclass(frozen=True)
class Intraday:
    """An endpoint of a part of each day; ``make`` gives a session's rows, ``declared`` are its parameters."""

    name: str
    declared: frozenset[str]
    make: Callable[[Query], tuple[Hashable, Make]]

    def __call__(self, terminal: Terminal, query: Query) -> list[Portion]:
        """The portions; raises 400, 403 or 472."""
        date, span, filters = expiration_date(query), query.date_or_range(), Filters.read(query, self.declared)
        if date is None and "max_dte" not in self.declared:
            # Endpoints that want one expiration named have no max_dte either (OpenAPI); the text is a guess.
            raise bad("Invalid expiration: *. Expected YYYYMMDD or YYYY-MM-DD")
        gridded = "interval" in self.declared
        ticks = gridded and self.name != "ohlc" and query.values.get("interval") == "tick"
        interval = query.interval() if gridded and not ticks else EVENTS
        window = Window(query.time("start_time"), query.time("end_time"), interval)
        kind, make = self.make(query)
        if window.start > window.end:
            raise bad(f"Invalid time range: {query.text('start_time')} is after {query.text('end_time')}")
        if gridded and span.start != span.end and interval < _MINUTE:
            raise bad(f"Interval {query.text('interval')} is only available for single day requests")
        limit(span, date is None, yearly=False)
        admit_from(terminal.tier, span.start, terminal.tier.first_option_date)
        found = root(terminal.seed, query.text("symbol"))
        if found is None:
            raise no_data()
        now = milliseconds(terminal.now.time()) + terminal.now.microsecond // 1000
        running = terminal.now.date() if now <= window.end else None
        days = [day for day in traded(terminal, found, span) if day.date != running or now >= window.start]
        ends = {day: min(window.end, now) if day.date == running else window.end for day in days}
        portions = []
        for expiration in expiring(found, date, days):
            chosen = _chosen(expiration, days, filters)
            for numbers in _blocks(expiration, chosen, _rows_each(window, ticks, len(chosen))):
                key = (self.name, kind, found.symbol, expiration.date, tuple(chosen), filters, window, int(numbers[0]))
                cached = None if any(day.date == running for day in chosen) else key
                portions.append(Portion(cached, partial(_block, make, expiration, chosen, numbers, window, ends)))
        if not portions:
            raise no_data()
        return portions


@dataclass(frozen=True)
class Daily:
    """An endpoint with a row for each contract and session, up to 365 days."""

    name: str
    declared: frozenset[str]
    make: Callable[[Query], tuple[Hashable, Make]]
    day_at_a_time: bool = False

    def __call__(self, terminal: Terminal, query: Query) -> list[Portion]:
        """The portions; raises 400, 403 or 472."""
        date, filters = expiration_date(query), Filters.read(query, self.declared)
        span = query.date_or_range() if "date" in self.declared else query.range()
        kind, make = self.make(query)
        limit(span, date is None, yearly=True, day_at_a_time=self.day_at_a_time)
        admit_from(terminal.tier, span.start, terminal.tier.first_option_date)
        today = sessions.session(terminal.today)
        late = terminal.tier == Tier.FREE or terminal.now.time() < EOD_READY
        if self.name != "open_interest" and today is not None and late and span.start <= today.date <= span.end:
            raise bad("EOD is not available for the current day")
        found = root(terminal.seed, query.text("symbol"))
        if found is None:
            raise no_data()
        now = milliseconds(terminal.now.time())
        days = traded(terminal, found, span)
        whole = Window(0, 86_400_000, EVENTS)
        ends = {day: now if day.date == terminal.today else whole.end for day in days}
        portions = []
        for expiration in expiring(found, date, days):
            live = [day for day in days if filters.admits(expiration, day.date)]
            if not live:
                continue
            key = (self.name, kind, found.symbol, expiration.date, live[0], live[-1], filters)
            running = self.name == "open_interest" and live[-1].date == terminal.today
            make_all = partial(_whole, make, expiration, live, filters, whole, ends)
            portions.append(Portion(None if running else key, make_all))
        if not portions:
            raise no_data()
        return portions


def _rows_each(window: Window, ticks: bool, days: int) -> int:
    """How many rows a contract has, about."""
    if ticks:
        return _CHANGES
    return max((window.end - window.start) // window.interval + 1, 1) * days if window.interval else 1


def _blocks(expiration: Expiration, chosen: dict[sessions.Session, Ints], rows_each: int) -> list[Ints]:
    """The contracts' numbers in their order, so many at a time that a portion keeps its size."""
    if not chosen:
        return []
    numbers = in_order(np.unique(np.concatenate([board(expiration, day).contract[r] for day, r in chosen.items()])))
    size = max(_ROWS // max(rows_each, 1), 2)
    return [numbers[begin : begin + size] for begin in range(0, len(numbers), size)]


def _chosen(expiration: Expiration, days: Sequence[sessions.Session], filters: Filters) -> dict[sessions.Session, Ints]:
    """Of each session the rows of the board that are asked for, if there are any."""
    admitted = [day for day in days if filters.admits(expiration, day.date)]
    rows = {day: filters.chosen(board(expiration, day)) for day in admitted}
    return {day: found for day, found in rows.items() if len(found)}


def _block(
    make: Make,
    expiration: Expiration,
    chosen: dict[sessions.Session, Ints],
    numbers: Ints,
    window: Window,
    ends: dict[sessions.Session, int],
) -> Table:
    """A few contracts in all sessions."""
    mine = {day: rows[np.isin(board(expiration, day).contract[rows], numbers)] for day, rows in chosen.items()}
    return _joined(make, expiration, {day: rows for day, rows in mine.items() if len(rows)}, window, ends)


def _whole(
    make: Make,
    expiration: Expiration,
    days: Sequence[sessions.Session],
    filters: Filters,
    window: Window,
    ends: dict[sessions.Session, int],
) -> Table:
    """All contracts in all sessions; the boards are looked at only now, a year of an index has thousands of them."""
    rows = {day: filters.chosen(board(expiration, day)) for day in days}
    return _joined(make, expiration, rows, window, ends)


def _joined(
    make: Make,
    expiration: Expiration,
    chosen: dict[sessions.Session, Ints],
    window: Window,
    ends: dict[sessions.Session, int],
) -> Table:
    parts = []
    for day, rows in chosen.items():
        part = Part(board(expiration, day).take(rows), rows, window, ends[day])
        parts.append((day.date, part.board.contract, make(part)))
    return table(expiration.root.symbol, expiration.date, parts)
