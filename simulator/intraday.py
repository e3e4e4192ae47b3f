"""What the intraday endpoints of a stock have in common: which sessions, which part of each, how much of today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable
from functools import partial

from app.domain import sessions
from simulator.answers import Portion, Terminal, limit_month
from simulator.bars import Window
from simulator.instruments import FIRST_DAY, Instrument, instrument
from simulator.query import Query
from simulator.refusals import bad, no_data
from simulator.tables import Table
from simulator.tiers import admit_from

EVENTS = 0
"""The interval of an answer that is not on a grid: a row for each thing that happened."""

_MINUTE = 60_000

Make = Callable[[Instrument, sessions.Session, Window, int | None], Table]
"""A session's rows within the window; the last argument is ``now`` in milliseconds, if the session still runs."""


def by_session(terminal: Terminal, query: Query, interval: int | None, kind: Hashable, make: Make) -> list[Portion]:
    """A portion for each session of a day, or of a range of up to a month, in the part of the day asked for.

    An ``interval`` (milliseconds) below one minute is for a single day only; with None the endpoint has no interval.
    Of the session that runs now there is what the subscription may see. ``kind`` tells the endpoint's cached portions
    from those of others. Raises 400, 403 or 472.
    """
    symbol, span = query.text("symbol"), query.date_or_range()
    window = Window(query.time("start_time"), query.time("end_time"), EVENTS if interval is None else interval)
    if window.start > window.end:
        raise bad(f"Invalid time range: {query.text('start_time')} is after {query.text('end_time')}")
    if span.start != span.end and interval is not None and interval < _MINUTE:
        raise bad(f"Interval {query.text('interval')} is only available for single day requests")
    limit_month(span.start, span.end)
    admit_from(terminal.tier, span.start)
    stock = instrument(terminal.seed, symbol)
    if stock is None:
        raise no_data()
    seen = terminal.now - terminal.tier.delay
    now = ((seen.hour * 60 + seen.minute) * 60 + seen.second) * 1000 + seen.microsecond // 1000
    portions = []
    for session in traded(stock, span.start, min(span.end, seen.date())):
        if session.date < seen.date() or now > window.end:
            key = (kind, stock.symbol, session.date, window)
            portions.append(Portion(key, partial(make, stock, session, window, None)))
        elif now >= window.start:
            portions.append(Portion(None, partial(make, stock, session, window, now)))
    if not portions:
        raise no_data()
    return portions


def traded(stock: Instrument, start: dt.date, end: dt.date) -> list[sessions.Session]:
    """The sessions of those days in which the stock was listed."""
    return sessions.sessions(max(start, stock.first, FIRST_DAY), min(end, stock.last))
