"""The best bid and offer of a session, every change of it, consistent with the tape; a pure function like that.

Round each record of the tape the book changes two or three times: a few milliseconds before, to a bid and an ask that
enclose all of the record's trades; at the very moment, to where the last of them left it; and sometimes a few
milliseconds later. So the last quote before a trade always encloses it, and one at the trade's own time need not, as
in recorded rows. Now and then bid and ask are locked (equal); they never cross.

The book opens just before 04:00 round the close of the day before, and stands still when nothing trades: after an
early close and in the pauses of a quiet stock.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from app.domain import sessions
from simulator import market
from simulator import tape as tapes
from simulator.digits import Ints
from simulator.instruments import Instrument
from simulator.market import UNIT
from simulator.ticks import Codes, Small

OPENS = 4 * 3_600_000 - 10
"""When the first quote of a day comes: milliseconds since midnight, before any trade."""

REGULAR = 0
"""The condition of every bid and ask here."""

_STREAM = 4
_AFTER = 140  # of 256 records: how many are followed by a third change
_EXCHANGES = np.array([1, 7, 60, 65, 73, 68, 9, 64], dtype=np.uint8)


@dataclass(frozen=True)
class Quotes:
    """Quotes in the order of time, no two at one. ``ms``: New York, since midnight; prices in ten-thousandths of a
    dollar; sizes in round lots."""

    ms: Small
    bid: Ints
    ask: Ints
    bid_size: Small
    ask_size: Small
    bid_exchange: Codes
    ask_exchange: Codes

    def __len__(self) -> int:
        return len(self.ms)

    def between(self, start: int, end: int) -> Quotes:
        """Those of a part of the day, both ends included, without a copy."""
        begin, stop = np.searchsorted(self.ms, (start, end + 1))
        return Quotes(*(getattr(self, field.name)[begin:stop] for field in fields(self)))

    def after_nothing(self) -> Quotes:
        """With a row of zeros first, which stands for the time before the book opens."""
        return Quotes(*(np.insert(getattr(self, field.name), 0, 0) for field in fields(self)))

    def before(self, ms: Ints | Small) -> Ints:
        """The row of the last quote strictly before each moment; -1 where there is none."""
        return np.asarray(np.searchsorted(self.ms, ms, side="left") - 1)

    def at(self, ms: Ints | Small) -> Ints:
        """The row of the last quote at or before each moment; -1 where there is none."""
        return np.asarray(np.searchsorted(self.ms, ms, side="right") - 1)


@lru_cache(maxsize=16)  # 2 MB for a busy stock
def quotes(stock: Instrument, session: sessions.Session) -> Quotes:
    """All quotes from just before 04:00 to 20:00."""
    tape = tapes.extended(stock, session)
    rng = np.random.default_rng([stock.key, session.date.toordinal(), _STREAM])
    rows = len(tape.ms)
    low, high, close = (tapes.units(part) for part in (tape.low, tape.high, tape.close))
    step = np.where(low >= UNIT, 100, 1)
    # The tape's records are 10 ms apart or more: 4 before and 5 after never meet.
    times = [tape.ms - rng.integers(1, 5, rows), tape.ms, tape.ms + rng.integers(1, 6, rows)]
    bids = [low // step * step]
    asks = [np.maximum(-(-high // step) * step, bids[0] + step)]
    for _ in range(2):
        width = rng.geometric(0.45, rows)
        width[rng.integers(0, 256, rows) == 0] = 0
        below = (width * rng.random(rows)).astype(np.int64)
        bids.append(np.maximum(close // step - below, 1) * step)
        asks.append(bids[-1] + width * step)
    kept = np.column_stack([np.ones((rows, 2), dtype=np.bool_), rng.integers(0, 256, rows) < _AFTER]).ravel()
    start = market.day(stock, session).previous_close
    first = int(market.tick(np.array([float(start)]))[0])

    def merged(opening: int, parts: list[Ints]) -> Ints:
        return np.concatenate([[opening], np.column_stack(parts).ravel()[kept]])

    ms = merged(OPENS, times).astype(np.int32)
    book = Quotes(
        ms=ms,
        bid=merged(max(start - 5 * first, first), bids),
        ask=merged(start + 5 * first, asks),
        bid_size=_lots(rng, len(ms)),
        ask_size=_lots(rng, len(ms)),
        bid_exchange=_EXCHANGES[rng.integers(0, len(_EXCHANGES), len(ms))],
        ask_exchange=_EXCHANGES[rng.integers(0, len(_EXCHANGES), len(ms))],
    )
    columns = [getattr(book, field.name) for field in fields(book)]
    changed = np.logical_or.reduce([np.diff(column, prepend=0) != 0 for column in columns[1:]])
    return Quotes(*(column[changed] for column in columns))


def _lots(rng: np.random.Generator, rows: int) -> Small:
    """Mostly one to five, seldom hundreds, as recorded."""
    return np.asarray(np.minimum(np.exp(1.2 * rng.standard_exponential(rows)), 999), dtype=np.int32)
