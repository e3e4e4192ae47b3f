"""The simulated market by the day: a pure function of the seed, the symbol and the date.

A stock's logarithmic price is a sum of noises, each smooth over its own number of days (1, 2, 4 … 2,048), so it walks
like a price does, yet any day's level comes straight from its date: no earlier day needs to be simulated. A day opens
near the close of the session before, and its high and low enclose both.

Prices are whole numbers of ten-thousandths of a dollar throughout.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from app.domain import sessions
from simulator.digits import Ints
from simulator.instruments import Instrument

Floats = npt.NDArray[np.float64]

UNIT = 10_000
"""Units of price in a dollar."""

_LANDMARK = dt.date(2024, 1, 2).toordinal()
_PERIODS = 2 ** np.arange(12, dtype=np.int64)
_MASK = 0xFFFF_FFFF_FFFF_FFFF


class Draw(IntEnum):
    """What a random number is for: each has a stream of its own, so a new one changes none of the others."""

    GAP = 100
    HIGH = 101
    LOW = 102
    ACTIVITY = 103
    VOLUME = 104
    REPORT = 105
    QUOTE = 106
    LEVEL = 200


@dataclass(frozen=True)
class DailyBars:
    """A stock's sessions, one element each: prices in units, ``volume`` in shares, ``count`` of trades."""

    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    count: Ints


@dataclass(frozen=True)
class Day:
    """One session of a stock, and the close before it."""

    previous_close: int
    open: int
    high: int
    low: int
    close: int
    count: int


def daily_bars(stock: Instrument, days: Sequence[sessions.Session]) -> DailyBars:
    """The bars of these sessions, in their order."""
    close, before = _closes(stock, _ordinals(days)), _closes(stock, _ordinals_before(days))
    return _bars(stock, days, before, close)


def day(stock: Instrument, session: sessions.Session) -> Day:
    """The frame within which the second-by-second tape of a session moves."""
    return _month(stock, session.date.replace(day=1))[session.date]


@lru_cache(maxsize=4096)
def _month(stock: Instrument, first: dt.date) -> dict[dt.date, Day]:
    """All sessions of a month: as cheap as one of them, and they are mostly asked for together."""
    days = sessions.sessions(first, (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1))
    bars, before = daily_bars(stock, days), _closes(stock, _ordinals_before(days))
    columns = (before, bars.open, bars.high, bars.low, bars.close, bars.count)
    frames = zip(*(column.tolist() for column in columns), strict=True)
    return {session.date: Day(*frame) for session, frame in zip(days, frames, strict=True)}


def tick(price: Floats) -> Ints:
    """The smallest step of a displayed price, in units: a cent, from a dollar on; a hundredth of one below."""
    return np.where(price >= UNIT, 100, 1).astype(np.int64)


def uniform(key: int, draw: Draw | int, index: Ints) -> Floats:
    """Numbers in (0, 1), each a function of the key, the stream and its index (splitmix64)."""
    with np.errstate(over="ignore"):
        z = index.astype(np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15)
        z += np.uint64((key + int(draw) * 0xD1B5_4A32_D192_ED03) & _MASK)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53


def normal(key: int, draw: Draw | int, index: Ints) -> Floats:
    """Standard normal numbers, as :func:`uniform` (Box and Muller)."""
    radius = np.sqrt(-2 * np.log(uniform(key, draw, 2 * index)))
    return np.asarray(radius * np.cos(2 * np.pi * uniform(key, draw, 2 * index + 1)))


def _bars(stock: Instrument, days: Sequence[sessions.Session], before: Ints, close: Ints) -> DailyBars:
    at, key = _ordinals(days), stock.key
    opened = _rounded(np.asarray(before, dtype=np.float64) * np.exp(0.3 * stock.volatility * normal(key, Draw.GAP, at)))
    # How far beyond open and close the day reaches: never nothing, or the tape could not move.
    reach = stock.volatility * close
    high = np.maximum(opened, close) + _step(reach * (0.08 - 0.35 * np.log(uniform(key, Draw.HIGH, at))))
    low = np.minimum(opened, close) - _step(reach * (0.08 - 0.35 * np.log(uniform(key, Draw.LOW, at))))
    length = np.array([0.55 if found.early else 1.0 for found in days])
    count = stock.trades * length * np.exp(0.25 * normal(key, Draw.ACTIVITY, at))
    volume = count * stock.size * (1 + 0.02 * normal(key, Draw.VOLUME, at))
    return DailyBars(
        open=opened,
        high=high,
        low=np.maximum(low, np.minimum(np.minimum(opened, close), tick(low.astype(np.float64)))),
        close=close,
        volume=np.maximum(volume, 1).astype(np.int64),
        count=np.maximum(count, 1).astype(np.int64),
    )


def _closes(stock: Instrument, ordinals: Ints) -> Ints:
    walk = _noise(stock, ordinals) - _noise(stock, np.array([_LANDMARK]))
    return _rounded(stock.price * UNIT * np.exp(walk))


def _noise(stock: Instrument, ordinals: Ints) -> Floats:
    """The logarithm of the price, but for a constant: noises of all periods, linear between their knots."""
    knot, past = np.divmod(ordinals[:, None], _PERIODS[None, :])
    stream = knot + (np.arange(len(_PERIODS)) << 40)[None, :]
    share = past / _PERIODS
    value = (1 - share) * normal(stock.key, Draw.LEVEL, stream) + share * normal(stock.key, Draw.LEVEL, stream + 1)
    # The factor makes the returns of successive days have the stock's volatility.
    total: Floats = (value * np.sqrt(_PERIODS)).sum(axis=1) * (0.5 * stock.volatility)
    return total


def _rounded(price: Floats) -> Ints:
    step = tick(price)
    return np.maximum(np.rint(price / step).astype(np.int64), 1) * step


def _step(distance: Floats) -> Ints:
    return np.maximum(np.rint(distance / 100).astype(np.int64), 2) * 100


def _ordinals(days: Sequence[sessions.Session]) -> Ints:
    return np.array([found.date.toordinal() for found in days], dtype=np.int64)


def _ordinals_before(days: Sequence[sessions.Session]) -> Ints:
    return np.array([_session_before(found.date).toordinal() for found in days], dtype=np.int64)


@lru_cache(maxsize=8192)
def _session_before(date: dt.date) -> dt.date:
    date -= dt.timedelta(days=1)
    while sessions.session(date) is None:
        date -= dt.timedelta(days=1)
    return date
