"""The rows there are once a day: the end-of-day report and the open interest."""

from __future__ import annotations

import numpy as np

from simulator import market
from simulator.digits import Ints
from simulator.options import bars, nbbo
from simulator.options.board import Board, Draw, milliseconds
from simulator.options.cells import Raw
from simulator.options.history import EOD_READY, Part
from simulator.options.rows import sides
from simulator.options.strikes import price_at_listing

_REPORT = 62_100_000  # 17:15, and up to five minutes later
_REPORTED = 23_400_000  # 06:30, and up to ten seconds later
_MOST = 25_000  # contracts open at a busy strike
_FILLS = 10  # days in which half of them are opened


def eod(part: Part) -> Raw:
    """``history/eod``: every contract that was listed, the last quote of its day, zeros where it did not trade.

    Without a trade ``last_trade`` is midnight, as API v2's ``ms_of_day2`` would be 0; no such row of v3 was recorded.
    """
    board, trades = part.board, part.trades()
    every = np.arange(len(board))
    last = np.zeros(len(board), dtype=np.int64)
    last[trades.contract] = trades.ms  # of several the last one stays
    quotes = nbbo.in_force(board, every, np.full(len(board), board.close))
    times = {"contract": every, "created": created(board), "last_trade": last}
    return {**times, **bars.whole(trades, len(board)), **sides(quotes)}


def created(board: Board) -> Ints:
    """When the report on each contract was made, milliseconds since midnight."""
    return _REPORT + board.key % (milliseconds(EOD_READY) - _REPORT)


def open_interest(part: Part) -> Raw:
    """``history/open_interest``: what was open at the end of the session before, told in the morning; no row where
    there is none."""
    reported = _REPORTED + part.board.key % 10_000 // 1000 * 1000
    found = interest(part.board)
    kept = np.flatnonzero((found > 0) & (reported <= part.end))
    return {"contract": kept, "timestamp": reported[kept], "open_interest": found[kept]}


def interest(board: Board) -> Ints:
    """Contracts open in the morning: none on the day of the listing, then ever more, each strike towards its own."""
    expiration, key = board.expiration, board.expiration.root.key
    stream = board.contract * 4_194_304 + expiration.date.toordinal()
    away = np.log(board.strike / price_at_listing(expiration)) / 0.12
    size = market.uniform(key, Draw.INTEREST, stream) ** 3
    goal = _MOST * expiration.root.liquidity * np.exp(-0.5 * away**2) * size
    age = (board.session.date - expiration.listed).days
    daily = 1 + 0.04 * market.uniform(key, Draw.INTEREST + 1000 * board.session.date.toordinal(), stream)
    return np.floor(goal * daily * (age / (age + _FILLS))).astype(np.int64)
