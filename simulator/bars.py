"""Bars on the terminal's grid, aggregated from the tape.

The grid runs from ``start_time`` to ``end_time``, both included: 09:30 to 16:00 has 391 bars of a minute and 7 of an
hour. A bar covers ``[stamp, stamp + interval)``, and nothing after ``end_time`` is in the answer: a recorded response
whose window ended at 09:36:00 has an empty bar there, in a stock that trades every second. Hence bars of whatever
interval over the same window hold the same trades.

A bar without a trade has zeros (shown as ``0.0``, as recorded) and carries the vwap on, which is that of all the
session's trades so far.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from app.domain import sessions
from simulator import tape as tapes
from simulator import ticks
from simulator.digits import Ints
from simulator.instruments import Instrument
from simulator.tables import Integers, Prices, Stamps, Table
from simulator.tape import Tape


@dataclass(frozen=True)
class Window:
    """A part of each day and the width of the bars in it: milliseconds, New York time, ``end`` included."""

    start: int
    end: int
    interval: int

    def within(self, open_: dt.time, close: dt.time) -> bool:
        """Whether it reaches beyond neither of these times."""
        return _ms(open_) <= self.start and self.end <= _ms(close)


def session_bars(stock: Instrument, session: sessions.Session, window: Window, now: int | None = None) -> Table:
    """A session's bars as the columns of ``history/ohlc``. ``now`` (milliseconds of the day) for the session that is
    still running: what is later has not happened yet, and its bars are not there."""
    # The regular tape is enough for a half-day's default window too: nothing trades after an early close.
    regular = window.within(session.open, sessions.CLOSE)
    tape = tapes.regular(stock, session) if regular else tapes.extended(stock, session)
    begin = int(np.searchsorted(tapes.extended(stock, session).ms, tape.ms[0])) if len(tape.ms) else 0
    vwap = ticks.vwap(stock, session)[begin:]
    end = window.end
    if now is not None:
        end = min(end, now)
        tape = tape.until(now)
    return _table(session.date, tape, vwap, Window(window.start, end, window.interval))


def _table(date: dt.date, tape: Tape, vwap: Ints, window: Window) -> Table:
    """``vwap``: at each record of the tape."""
    rows = max((window.end - window.start) // window.interval + 1, 0)
    stamps = window.start + np.arange(rows, dtype=np.int64) * window.interval
    edges = np.searchsorted(tape.ms, np.append(stamps, window.end + 1))
    begin, end = edges[:-1], edges[1:]
    traded = np.flatnonzero(end > begin)
    first, stop = begin[traded], edges[-1]

    def spread(values: Ints, empty: int) -> Ints:
        column = np.full(rows, empty, dtype=np.int64)
        column[traded] = values
        return column

    def reduced(by: np.ufunc, column: Ints) -> Ints:
        return np.asarray(by.reduceat(column[:stop], first)) if len(first) else column[:0]

    nothing = int(tapes.shown(np.int64(0), 1))  # type: ignore[arg-type]
    codes = {
        "open": spread(tape.open[first], nothing),
        "high": spread(reduced(np.maximum, tape.high), nothing),
        "low": spread(reduced(np.minimum, tape.low), nothing),
        "close": spread(tape.close[end[traded] - 1], nothing),
    }
    return Table(
        {
            "timestamp": Stamps(date, stamps),
            **{name: Prices(tapes.units(code), tapes.decimals(code)) for name, code in codes.items()},
            "volume": Integers(spread(reduced(np.add, tape.volume), 0)),
            "count": Integers(spread(reduced(np.add, tape.count), 0)),
            "vwap": Prices(100 * np.concatenate([[0], vwap])[end], 2),
        },
        rows,
    )


def _ms(time: dt.time) -> int:
    return (time.hour * 3600 + time.minute * 60 + time.second) * 1000
