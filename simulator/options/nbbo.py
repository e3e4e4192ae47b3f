"""The best bid and offer of option contracts: piecewise constant, and known at any moment without its history.

A contract's quote changes once in every step of its own (one second for the busiest, a minute for the quietest), at a
random moment within it. So the last change at or before a moment is found by arithmetic alone, and a minute grid over
ten thousand contracts costs what its rows cost. The price of a change follows from the underlying's price then.

Before a contract's first change it has no quote, which the vendor shows as zeros with exchange 42 (recorded at
09:30:00). After the close the last quote stands.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain import sessions
from simulator import market
from simulator import tape as tapes
from simulator.digits import Ints
from simulator.instruments import Instrument
from simulator.market import UNIT, Floats
from simulator.options.board import Board
from simulator.options.pricing import value

NATIONAL = 50
"""The condition of every quote: national best bid and offer."""

NOWHERE = 42
"""The exchange of a side that was never quoted."""

_RANDOM = 65_536  # random numbers in store: a contract's k-th change takes the k-th after its own beginning
_MASK = _RANDOM - 1
_RNG = np.random.default_rng(93)
_JITTER = _RNG.integers(0, 65_536, _RANDOM, dtype=np.int64)
_BITS = _RNG.integers(0, 2**62, _RANDOM, dtype=np.int64)
_EXCHANGES = np.array([5, 6, 9, 11, 22, 31, 42, 43, 46, 47, 60, 65, 69, 73, 76, 4], dtype=np.int64)
_SIZES = np.maximum(np.rint(np.exp(np.linspace(0, 6.2, 256))), 1).astype(np.int64)  # 1 to 493 contracts


@dataclass(frozen=True)
class Quotes:
    """Quotes of some contracts, arrays of one shape: ``contract`` is the row in the board, ``ms`` the moment of the
    change (New York, since midnight; 0 when there was none yet), prices in cents."""

    contract: Ints
    ms: Ints
    bid: Ints
    ask: Ints
    bid_size: Ints
    ask_size: Ints
    bid_exchange: Ints
    ask_exchange: Ints

    def __len__(self) -> int:
        return len(self.ms)

    def at(self, rows: Ints | npt.NDArray[np.bool_]) -> Quotes:
        """Some of them."""
        return Quotes(*(getattr(self, field.name)[rows] for field in fields(self)))


def in_force(board: Board, contract: Ints, ms: Ints) -> Quotes:
    """The last quote at or before each moment, of contracts given by their rows in the board."""
    return _quotes(board, contract, _last(board, contract, ms))


def grid(board: Board, stamps: Ints) -> Quotes:
    """:func:`in_force` for every contract and stamp, contract after contract."""
    contract = np.repeat(np.arange(len(board)), len(stamps))
    return in_force(board, contract, np.tile(stamps, len(board)))


def changes(board: Board, start: int, end: int) -> Quotes:
    """Every change from ``start`` to ``end``, both included (milliseconds since midnight), contract after contract."""
    every = np.arange(len(board))
    before = _last(board, every, np.full(len(board), start - 1))
    count = _last(board, every, np.full(len(board), end)) - before
    contract = np.repeat(every, count)
    number = np.arange(len(contract)) - np.repeat(np.cumsum(count) - count, count)
    return _quotes(board, contract, before[contract] + 1 + number)


def around(board: Board, contract: Ints, ms: Ints, count: int) -> tuple[Quotes, Ints, Ints]:
    """The quotes about some moments: the last one strictly before each, and the next ``count`` after that, which may
    come at the moment itself.

    Returns quotes, each once; for every moment the row of the one before it; and the rows of all that are next to
    any, in no order.
    """
    before = _last(board, contract, ms - 1)
    final = _last(board, contract, np.full(len(contract), board.close))
    following = before[:, None] + 1 + np.arange(count)
    there = following <= final[:, None]
    # A contract and a number of a change in one number; before the first change it is -1.
    stride = np.int64(1) << 32
    mine = contract * stride + before + 1
    later = np.unique((contract[:, None] * stride + following + 1)[there])
    every = np.union1d(mine, later)
    quotes = _quotes(board, every // stride, every % stride - 1)
    return quotes, np.searchsorted(every, mine), np.searchsorted(every, later)


@lru_cache(maxsize=64)  # 0.4 MB each
def path(stock: Instrument, session: sessions.Session) -> tuple[Floats, Floats]:
    """The underlying's last price, in cents, at the begin of every second after the open, and its logarithm. It stands
    still after the last one, which is the close."""
    tape = tapes.regular(stock, session)
    opened = (session.open.hour * 60 + session.open.minute) * 60_000
    seconds = opened + np.arange(int(tape.ms[-1] - opened) // 1000 + 1) * 1000
    last = np.searchsorted(tape.ms, seconds, side="right") - 1
    price = np.where(last < 0, market.day(stock, session).open, tapes.units(tape.close[last]))
    cents = price * (100 / UNIT)
    return cents, np.log(cents)


def _moment(board: Board, contract: Ints, change: Ints) -> Ints:
    """When the changes of those numbers (from 0) come, in milliseconds after the open."""
    step = board.step[contract]
    jitter = _JITTER[(board.key[contract] + change) & _MASK] * step
    jitter >>= 16
    jitter += change * step
    return np.where(change == 0, board.first[contract], jitter)


def _last(board: Board, contract: Ints, ms: Ints) -> Ints:
    """The number of the last change at or before each moment; -1 before the first."""
    since = np.minimum(ms, board.close) - board.open
    # The quotient of whole numbers far below 2^53 is never rounded up to a whole one.
    change = np.floor(since / board.step[contract]).astype(np.int64)
    np.maximum(change, -1, out=change)
    change -= (change >= 0) & (_moment(board, contract, change) > since)
    return change


def _quotes(board: Board, contract: Ints, change: Ints) -> Quotes:
    quoted = change >= 0
    number = np.maximum(change, 0)
    moment = _moment(board, contract, number)
    bits = _BITS[((board.key[contract] >> 16) + number) & _MASK]
    cents, logarithm = path(board.expiration.root.underlying, board.session)
    second = np.minimum(moment // 1000, len(cents) - 1)
    strike = board.strike * (100 / UNIT)
    deviation = board.volatility[contract] * np.sqrt(board.life(board.open + moment))
    worth = value(
        cents[second],
        strike[contract],
        logarithm[second] - np.log(strike)[contract],
        deviation,
        np.where(board.put, -1.0, 1.0)[contract],
    )
    small, large = (1, 5) if board.expiration.root.penny else (5, 10)
    tick = np.where(worth < 300, small, large)
    # Half the distance of bid and ask: a part of the value, less where that is mostly intrinsic, and up to two ticks.
    half = (np.minimum(worth, 1000) + 0.1 * worth) * board.spread[contract] + tick * (0.3 + (bits & 7) * 0.2)
    bid = np.maximum(np.floor((worth - half) / tick), 0).astype(np.int64) * tick
    ask = np.ceil((worth + half) / tick).astype(np.int64) * tick
    offered = quoted & (bid > 0)

    def shown(values: Any, when: Any, otherwise: int = 0) -> Ints:
        return np.where(when, values, otherwise)

    return Quotes(
        contract=contract,
        ms=shown(board.open + moment, quoted),
        bid=shown(bid, quoted),
        ask=shown(ask, quoted),
        bid_size=shown(_SIZES[bits >> 8 & 255], offered),
        ask_size=shown(_SIZES[bits >> 16 & 255], quoted),
        bid_exchange=shown(_EXCHANGES[bits >> 24 & 15], quoted, NOWHERE),
        ask_exchange=shown(_EXCHANGES[bits >> 28 & 15], quoted, NOWHERE),
    )
