"""The simulated market by the second: everything that traded in a session, a pure function of seed, symbol and date.

The tape has one record a second in which something traded, and all of a second's trades lie at one moment of it (on
a grid of 10 ms). So bars of any interval, from 10 ms to an hour, are aggregated from the same records and agree.

* The first second of a session trades at the day's open; the closing auction is one record exactly at the close
  (16:00:00.000, on half-days 13:00:00.000).
* 04:00 to 09:30 and 16:00 to 20:00 trade sparsely; nothing trades after the close of a half-day.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from app.domain import sessions
from simulator import market
from simulator.digits import Ints
from simulator.instruments import Instrument
from simulator.market import UNIT, Day, Floats

PRE_OPEN = dt.time(4, 0)
POST_CLOSE = dt.time(20, 0)

_EXTENDED_SHARE = 0.015  # of a day's trades, in the early hours and again in the late ones
_OPENING_SHARE = 0.01
_CLOSING_SHARE = 0.06

# How a price is shown: mostly cents with three decimals, as in the vendor's rows; some with a fourth, half-cents,
# prices between the cents. By a random byte: units added to the cents, and decimals.
_BETWEEN = np.zeros(256, dtype=np.int64)
_BETWEEN[:14] = [4, 13, 37, 58, 79, 96, *[50] * 8]
_SHOWN = np.full(256, 3, dtype=np.int64)
_SHOWN[:6] = 4
_SHOWN[14:34] = 4
_SHOWN[34:38] = 2


@dataclass(frozen=True)
class Tape:
    """Records in the order of time. ``ms``: New York, since midnight. Prices are :func:`shown` codes, ``volume``
    shares, ``count`` trades."""

    ms: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    count: Ints

    def until(self, ms: int) -> Tape:
        """What had traded by then, that moment included."""
        end = int(np.searchsorted(self.ms, ms, side="right"))
        return Tape(*(getattr(self, name)[:end] for name in self.__dataclass_fields__))


def shown(units: Ints, decimals: Ints | int) -> Ints:
    """A price and the number of decimals it is shown with in one number, ordered as the prices are: so the greatest
    of a bar keeps its own text through every aggregation."""
    return units * 8 + decimals


def units(code: Ints) -> Ints:
    """The price in a code, in ten-thousandths of a dollar."""
    return code >> 3


def decimals(code: Ints) -> Ints:
    """The number of decimals in a code."""
    return code & 7


@lru_cache(maxsize=24)  # 1.5 MB each: the intervals of one day are often asked one after the other
def regular(stock: Instrument, session: sessions.Session) -> Tape:
    """The tape from the open to the close, the closing auction included."""
    return _regular(stock, session, market.day(stock, session))


@lru_cache(maxsize=8)
def extended(stock: Instrument, session: sessions.Session) -> Tape:
    """The tape from 04:00 to 20:00."""
    day = market.day(stock, session)
    core = regular(stock, session)
    early = _hours(
        stock, session, day, _Hours(1, _second(PRE_OPEN), _second(session.open), day.previous_close, day.open)
    )
    parts = [early, core]
    if not session.early:
        drift = round(day.close * (1 + 0.1 * stock.volatility * math.sin(session.date.toordinal())))
        late = _hours(stock, session, day, _Hours(2, _second(session.close) + 1, _second(POST_CLOSE), day.close, drift))
        parts.append(late)
    return Tape(*(np.concatenate([getattr(part, name) for part in parts]) for name in Tape.__dataclass_fields__))


@dataclass(frozen=True)
class _Hours:
    """A stretch of a day without auctions: its random stream, its seconds, and the prices between which it leads."""

    stream: int
    begin: int
    end: int
    first: int
    last: int


def _regular(stock: Instrument, session: sessions.Session, day: Day) -> Tape:
    begin, end = _second(session.open), _second(session.close)
    rng = np.random.default_rng([stock.key, session.date.toordinal(), 0])
    mean = (1 - _OPENING_SHARE - _CLOSING_SHARE) * day.count / (end - begin) * _profile(end - begin)
    path = _path(rng, end - begin, day.open, day.close, stock.volatility * day.close, day.low, day.high)
    count = _counts(rng, mean)
    # At least four trades: the opening's open, high, low and close may all differ.
    count[0] = max(count[0] + 1 + int(_OPENING_SHARE * day.count), 4)
    records = _trades(rng, stock, path, count, begin, (day.low, day.high))
    records.open[0] = shown(np.int64(day.open), _scale(day.open))  # type: ignore[arg-type]
    records.high[0] = max(records.high[0], records.open[0])
    records.low[0] = min(records.low[0], records.open[0])
    auction = int(shown(np.int64(day.close), _scale(day.close)))  # type: ignore[arg-type]
    closing = max(int(_CLOSING_SHARE * day.count * stock.size), 1)
    last = (end * 1000, auction, auction, auction, auction, closing, 1 + day.count // 2000)
    names = Tape.__dataclass_fields__
    return Tape(*(np.append(getattr(records, name), value) for name, value in zip(names, last, strict=True)))


def _hours(stock: Instrument, session: sessions.Session, day: Day, hours: _Hours) -> Tape:
    seconds = hours.end - hours.begin
    rng = np.random.default_rng([stock.key, session.date.toordinal(), hours.stream])
    low, high = min(hours.first, hours.last), max(hours.first, hours.last)
    reach = max(int(0.2 * stock.volatility * high), 1)
    # On the grid of what is shown: a price at a limit must not lose a decimal.
    step = 100 if low - reach >= UNIT else 1
    limits = (max((low - reach) // step * step, 1), -(-(high + reach) // step) * step)
    path = _path(rng, seconds, hours.first, hours.last, 0.3 * stock.volatility * high, *limits)
    count = _counts(rng, np.full(seconds, _EXTENDED_SHARE * day.count / seconds))
    return _trades(rng, stock, path, count, hours.begin, limits)


def _path(rng: np.random.Generator, steps: int, first: int, last: int, deviation: float, low: int, high: int) -> Floats:
    """A Brownian bridge from ``first`` to ``last`` over ``steps``, reflected at the limits: ``steps + 1`` prices."""
    walk = np.empty(steps + 1)
    walk[0] = 0
    np.cumsum(rng.standard_normal(steps, dtype=np.float32), dtype=np.float64, out=walk[1:])
    walk *= deviation / np.sqrt(steps)
    walk += np.linspace(first, last - walk[-1], steps + 1)
    np.minimum(walk, 2 * high - walk, out=walk)
    np.maximum(walk, 2 * low - walk, out=walk)
    return np.clip(walk, low, high, out=walk)


def _counts(rng: np.random.Generator, mean: Floats) -> Ints:
    """Trades in each second: geometric, so that even a busy stock has seconds without any, as real tapes do."""
    wait = 1 / np.log1p(1 / mean)
    return np.asarray(rng.standard_exponential(len(mean), dtype=np.float32) * wait, dtype=np.int64)


def _trades(
    rng: np.random.Generator, stock: Instrument, path: Floats, counts: Ints, begin: int, limits: tuple[int, int]
) -> Tape:
    at = np.flatnonzero(counts)
    count = counts[at]
    step, scale = (100, 3) if limits[0] >= UNIT else (1, 4)
    begins, ends = (np.rint(path[i] / step).astype(np.int64) * step for i in (at, at + 1))
    first, last = (_displayed(rng, price, limits) for price in (begins, ends))
    first = np.where(count == 1, last, first)
    spread = np.where(count > 2, stock.volatility * path[0] / 600 / step, 0)
    above = np.asarray(rng.standard_exponential(len(at), dtype=np.float32) * spread, dtype=np.int64) * step
    below = np.asarray(rng.standard_exponential(len(at), dtype=np.float32) * spread, dtype=np.int64) * step
    below[(count == 3) & (above > 0)] = 0  # one trade between the first and the last is not both extremes
    higher = shown(np.minimum(np.maximum(begins, ends) + above, limits[1]), scale)
    lower = shown(np.maximum(np.minimum(begins, ends) - below, limits[0]), scale)
    high, low = np.maximum(first, last), np.minimum(first, last)
    lots = rng.random(len(at), dtype=np.float32)
    return Tape(
        ms=(begin + at) * 1000 + rng.integers(0, 100, len(at), dtype=np.uint8).astype(np.int64) * 10,
        open=first,
        high=np.where(above > 0, np.maximum(high, higher), high),
        low=np.where(below > 0, np.minimum(low, lower), low),
        close=last,
        volume=count + np.asarray(count * lots * (2 * (stock.size - 1)), dtype=np.int64),
        count=count,
    )


def _displayed(rng: np.random.Generator, price: Ints, limits: tuple[int, int]) -> Ints:
    """Prices as they are printed, within the limits; ``price`` in whole cents, from a dollar on."""
    if limits[0] < UNIT:  # below a dollar prices are in hundredths of a cent
        return shown(np.clip(price, *limits), 4)
    kind = rng.integers(0, 256, len(price), dtype=np.uint8)
    return shown(np.clip(price + _BETWEEN[kind], *limits), _SHOWN[kind])


@lru_cache(maxsize=8)
def _profile(seconds: int) -> npt.NDArray[np.float64]:
    """How busy each second of a session is, 1 on average: busiest after the open, busy again before the close."""
    at = np.arange(seconds)
    shape = 0.6 + 1.6 * np.exp(-at / 1500) + 0.9 * np.exp((at - seconds) / 1200)
    return np.asarray(shape / shape.mean())


def _scale(price: int) -> int:
    return 3 if price >= UNIT else 4


def _second(time: dt.time) -> int:
    return time.hour * 3600 + time.minute * 60 + time.second
