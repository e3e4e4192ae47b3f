"""An expiration's contracts in one session, column by column: what each is and how it behaves that day.

Everything is a function of the seed, the contract and the date, and of nothing later than the open of the session.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain import sessions
from simulator import market
from simulator.digits import Ints
from simulator.market import UNIT, Floats
from simulator.options import strikes as listing
from simulator.options.expirations import Expiration

EARLY_CLOSE = dt.time(13, 15)
"""Until when options trade on a half-day; the stocks close at 13:00 (the vendor's calendar page)."""

YEAR = 365 * 86_400_000.0
"""Milliseconds: volatilities are per calendar year."""

_SHORTEST_LIFE = 600_000  # a contract's value never gets nearer to its expiration than ten minutes
_SLOWEST, _FASTEST = 60_000, 1_000  # milliseconds between two changes of a quote, on average
_FIRST_QUOTES = 20_000  # by when the first of a busy contract's day is there, after the open
_TRADES = 260  # a session, of the busiest contract


class Draw(IntEnum):
    """Streams of random numbers of a contract; the market's own are below 300."""

    VOLATILITY = 400
    CONTRACT = 401
    FIRST = 402
    LEVEL = 403
    INTEREST = 404


@dataclass(frozen=True)
class Board:
    """``strike`` in units, ``put``: whether it is one, ``key`` seeds what is random about a contract, ``volatility``
    per year; ``step``: milliseconds between changes of its quote; ``first``: when its first quote comes, in
    milliseconds after the open; ``spread``: part of the value by which bid and ask lie apart; ``activity`` 0 to 1."""

    expiration: Expiration
    session: sessions.Session
    strike: Ints
    put: npt.NDArray[np.bool_]
    key: Ints
    volatility: Floats
    activity: Floats
    step: Ints
    first: Ints
    spread: Floats

    def __len__(self) -> int:
        return len(self.strike)

    @property
    def contract(self) -> Ints:
        """A number for each contract, the same on every day: twice the strike, and one more for a put."""
        return np.asarray(2 * self.strike + self.put)

    @property
    def open(self) -> int:
        """When quoting begins, in milliseconds since midnight."""
        return milliseconds(self.session.open)

    @property
    def close(self) -> int:
        """After when nothing changes, in milliseconds since midnight."""
        return milliseconds(EARLY_CLOSE if self.session.early else self.session.close)

    def life(self, ms: Any) -> Any:
        """Years until the expiration at moments of the session, never less than ten minutes."""
        end = _expires(self.expiration, self.session)
        return np.maximum(end - ms, _SHORTEST_LIFE) / YEAR

    def row(self, strike: int, put: bool) -> int | None:
        """Where a contract stands, or None if it is not listed."""
        found = np.flatnonzero(self.contract == 2 * strike + put)
        return int(found[0]) if len(found) else None

    def take(self, rows: Ints) -> Board:
        """Some of the contracts."""
        columns = {field.name: getattr(self, field.name)[rows] for field in fields(self)[2:]}
        return replace(self, **columns)


def milliseconds(time: dt.time) -> int:
    """Since midnight."""
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 1000


@lru_cache(maxsize=1024)  # some 50 kB each; an index has some forty a session
def board(expiration: Expiration, session: sessions.Session) -> Board:
    """All contracts listed that day: strikes in the vendor's hash order, the call before the put."""
    found = listing.strikes(expiration, session.date)
    found = found[np.argsort(listing.order(found))]
    strike, put = np.repeat(found, 2), np.arange(2 * len(found)) % 2 == 1
    root, at = expiration.root, session.date.toordinal()
    stock = root.underlying
    spot = market.day(stock, session).open
    stream = (2 * strike + put) * 4_194_304 + expiration.date.toordinal()

    def uniform(draw: int, day: int) -> Floats:
        return market.uniform(root.key, draw + 1000 * day, stream)

    opened = milliseconds(session.open)
    life = max(_expires(expiration, session) - opened, _SHORTEST_LIFE) / YEAR
    level = float(market.normal(stock.key, Draw.LEVEL, np.array([at]))[0])
    base = stock.volatility * np.sqrt(252) * np.exp(0.1 * level)
    # Distance from the money in standard deviations until the expiration, a day at the least.
    away = np.log(strike / spot) / (base * np.sqrt(max(life, 1 / 365)))
    skew = np.clip(away, -8, 8)
    smile = np.clip(1 - 0.05 * skew + 0.015 * skew**2, 0.6, 2.5)
    volatility = base * smile * (0.99 + 0.02 * uniform(Draw.VOLATILITY, at))
    near = np.exp(-0.5 * (away / 1.3) ** 2) / (1 + 365 * life / 12)
    # Contracts at round strikes are livelier.
    activity = root.liquidity * near * np.where(strike % (25 * UNIT) == 0, 1.0, 0.6)
    step = np.clip(_FASTEST / np.maximum(activity, 1e-9) ** 0.55, _FASTEST, _SLOWEST).astype(np.int64)
    first = 1 + (np.minimum(step - 2, _FIRST_QUOTES) * uniform(Draw.FIRST, at)).astype(np.int64)
    return Board(
        expiration=expiration,
        session=session,
        strike=strike,
        put=put,
        key=(uniform(Draw.CONTRACT, at) * 2**53).astype(np.int64),
        volatility=volatility,
        activity=activity,
        step=step,
        first=first,
        spread=0.004 + 0.03 * (1 - root.liquidity) + 0.01 * np.minimum(np.abs(skew) / 4, 1),
    )


def expected_trades(board: Board) -> Floats:
    """How many trades of each contract there are in such a session on average."""
    length = 0.55 if board.session.early else 1.0
    return np.asarray(_TRADES * length * board.activity)


def _expires(expiration: Expiration, session: sessions.Session) -> float:
    """The moment of expiry in milliseconds since the session's midnight: the open (AM) or the close of its day."""
    closing = sessions.session(expiration.date)
    assert closing is not None
    time = closing.open if expiration.root.morning else closing.close
    return (expiration.date - session.date).days * 86_400_000.0 + milliseconds(time)
