"""Which strikes an expiration has on a session: those round the price when it was listed, and more as it moved.

A strike is listed in the morning, round the close of the session before, so that a chain knows nothing of its day or
of what comes after. What is listed stays until the expiration.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

import numpy as np

from app.domain import sessions
from simulator import market
from simulator.digits import Ints
from simulator.options.expirations import Expiration


@lru_cache(maxsize=8192)
def strikes(expiration: Expiration, day: dt.date) -> Ints:
    """The strikes listed on the session of that date, in units, rising. Empty before the listing."""
    days, first, low, high = _reached(expiration)
    row = int(np.searchsorted(days, day.toordinal(), side="right")) - 1
    if row < 0:
        return np.empty(0, dtype=np.int64)
    root = expiration.root
    step = root.step(first)
    near = _between(low[row] * (1 - root.reach), high[row] * (1 + root.reach), step)
    far = _between(low[row] * (1 - root.far), high[row] * (1 + root.far), step * root.sparser)
    return np.union1d(near, far)


def price_at_listing(expiration: Expiration) -> int:
    """What the underlying cost when the expiration's first strikes were listed, in units."""
    return _reached(expiration)[1]


def order(units: Ints) -> Ints:
    """A number to sort strikes by: the vendor gives them in the order of a hash table."""
    return np.asarray((units * 2_654_435_761) & 0xFFFF_FFFF)


def in_order(contracts: Ints) -> Ints:
    """Contracts' numbers (twice the strike in units, one more for a put) in the order of every answer: strikes in
    hash order, the call before the put."""
    return contracts[np.lexsort((contracts & 1, order(contracts >> 1)))]


def _between(low: float, high: float, step: int) -> Ints:
    return np.arange(max(-(-low // step), 1), high // step + 1).astype(np.int64) * step


@lru_cache(maxsize=4096)
def _reached(expiration: Expiration) -> tuple[Ints, int, Ints, Ints]:
    """The sessions (as ordinals) of the contracts' life, the price at the listing, and the least and the greatest
    known price since then. A price is known from the close of the session before."""
    days = sessions.sessions(expiration.listed, expiration.last)
    stock = expiration.root.underlying
    known = np.array([market.day(stock, session).previous_close for session in days], dtype=np.int64)
    ordinals = np.array([session.date.toordinal() for session in days], dtype=np.int64)
    first = int(known[0]) if len(known) else 0
    return ordinals, first, np.minimum.accumulate(known), np.maximum.accumulate(known)
