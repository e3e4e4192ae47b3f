"""Every trade of an expiration's contracts in a session: a pure function of the seed, the contracts and the date.

A trade's price lies within the quote in force just before it. Some trades come at the very moment of a change of the
quote, so that the two readings of "the quote of a trade" (strictly before it, or at its time too) differ.

The condition alone tells what a trade counts for, by the vendor's table: all of those used here make prices, but for
124 (contingent), which counts for the volume only. The four extended conditions are always absent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from app.domain import sessions
from simulator.digits import Ints
from simulator.options import nbbo
from simulator.options.board import Board, board, expected_trades
from simulator.options.expirations import Expiration

ABSENT = 255
"""An extended condition that is not there."""

CONTINGENT = 124
"""The condition of a trade that counts for the volume and makes no price."""

_CONDITIONS = np.repeat([18, 125, 130, 131, 95, 134, 127, CONTINGENT], [110, 40, 40, 24, 14, 14, 8, 6]).astype(np.int64)
_EXCHANGES = np.array([5, 6, 9, 11, 22, 31, 42, 43, 46, 47, 60, 65, 69, 73, 76, 4], dtype=np.int64)
_PLACES = np.array([0, 0, 0, 1, 1, 1, 0.5, 0.25, 0.75, 0.5])  # between bid and ask
_AT_A_CHANGE = 0.08  # of all trades


@dataclass(frozen=True)
class Trades:
    """Trades contract after contract, in the order of time within each. ``contract`` is the row in the board, ``ms``
    New York since midnight, ``price`` in cents, ``size`` in contracts; ``sequence`` signed, of 32 bits."""

    contract: Ints
    ms: Ints
    sequence: Ints
    condition: Ints
    size: Ints
    exchange: Ints
    price: Ints

    def __len__(self) -> int:
        return len(self.ms)

    def at(self, rows: Ints | npt.NDArray[np.bool_]) -> Trades:
        """Some of them."""
        return Trades(*(getattr(self, field.name)[rows] for field in fields(self)))

    def of(self, contracts: Ints) -> Trades:
        """Those of some rows of the board, rising, which become 0, 1, 2 …"""
        place = np.full(int(max(self.contract.max(initial=-1), contracts.max(initial=-1))) + 1, -1, dtype=np.int64)
        place[contracts] = np.arange(len(contracts))
        found = self.at(place[self.contract] >= 0)
        return Trades(place[found.contract], *(getattr(found, f.name) for f in fields(self)[1:]))

    def between(self, start: int, end: int) -> Trades:
        """Those of a part of the day, both ends included."""
        return self.at((self.ms >= start) & (self.ms <= end))


@lru_cache(maxsize=256)  # 60 bytes a trade: some 15 MB for all of an index in one session
def trades(expiration: Expiration, session: sessions.Session) -> Trades:
    """All of the session's, ``contract`` being a row of :func:`simulator.options.board.board`."""
    made = board(expiration, session)
    rng = np.random.default_rng([expiration.root.key, session.date.toordinal(), expiration.date.toordinal()])
    count = rng.poisson(expected_trades(made))
    contract = np.repeat(np.arange(len(made)), count)
    ms = _times(rng, made, contract)
    turn = np.lexsort((ms, contract))
    contract, ms = contract[turn], ms[turn]
    quote = nbbo.in_force(made, contract, ms - 1)
    place = _PLACES[rng.integers(0, len(_PLACES), len(ms))]
    price = np.maximum(quote.bid + np.rint((quote.ask - quote.bid) * place).astype(np.int64), 1)
    return Trades(
        contract=contract,
        ms=ms,
        sequence=_sequences(rng, made, contract, ms),
        condition=_CONDITIONS[rng.integers(0, len(_CONDITIONS), len(ms))],
        size=np.minimum(rng.geometric(0.35, len(ms)) * np.where(rng.random(len(ms)) < 0.08, 10, 1), 500),
        exchange=_EXCHANGES[rng.integers(0, len(_EXCHANGES), len(ms))],
        price=price,
    )


def _times(rng: np.random.Generator, board: Board, contract: Ints) -> Ints:
    """Busiest after the open, busy again before the close; always after the contract's first quote."""
    share = rng.random(len(contract))
    share = np.where(rng.random(len(contract)) < 0.35, share**3, 1 - (1 - share) ** 1.4)
    first = board.open + board.first[contract] + 1
    ms = first + (share * (board.close - first)).astype(np.int64)
    moved = np.flatnonzero(rng.random(len(contract)) < _AT_A_CHANGE)
    change = nbbo.in_force(board, contract[moved], ms[moved]).ms
    ms[moved] = np.maximum(change, first[moved])
    return ms


def _sequences(rng: np.random.Generator, board: Board, contract: Ints, ms: Ints) -> Ints:
    """Numbers that the whole market counts up, some 400 a millisecond, from anywhere: they may run over."""
    start = int(board.session.date.toordinal()) * 2_654_435_761 + board.expiration.root.underlying.key
    number = start % 2**32 + (ms - board.open) * 400 + contract % 397
    # Of several trades of a contract in one millisecond, the later ones have the greater numbers.
    row = np.arange(len(ms))
    begins = np.append(True, (np.diff(ms) != 0) | (np.diff(contract) != 0))[: len(ms)]
    number = (number + row - np.maximum.accumulate(np.where(begins, row, 0))) & 0xFFFF_FFFF
    return np.asarray(number.astype(np.uint32).view(np.int32), dtype=np.int64)
