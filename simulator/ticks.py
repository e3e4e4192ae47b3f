"""Every trade of a session: each record of the tape as the trades it counts, a pure function of seed, symbol and date.

A record's trades all lie at its moment, sum to its volume, and begin and end at its open and its close; its high and
its low are among them. So the trades of any stretch of time, cut wherever one likes, aggregate to the bars of the tape.

Which trades make prices, the first condition tells, by the vendor's table: 0 (regular) and 95 (intermarket sweep) set
open, high, low and last; 115 (odd lot), 1 (Form T) and 124 (contingent) count for the volume alone. How the vendor
combines several codes on one trade is not documented, so here every code of a price-making trade makes prices: a
reader who asks all five gets the same bars as one who asks the first only. Two things follow that real rows do not
have: a price-making trade of less than 100 shares is not marked as an odd lot, nor one before or after hours as Form T.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from app.domain import sessions
from simulator import tape as tapes
from simulator.digits import Ints
from simulator.instruments import Instrument
from simulator.market import UNIT
from simulator.tape import Tape

Codes = npt.NDArray[np.uint8]
Small = npt.NDArray[np.int32]

ABSENT = 255
"""An extended condition that is not there."""

CONDITIONS = np.array(
    [  # ext_condition1 to 4, then the condition itself
        (32, ABSENT, ABSENT, ABSENT, 0),
        (32, 95, ABSENT, ABSENT, 95),
        (32, ABSENT, ABSENT, 115, 115),
        (32, 95, ABSENT, 115, 115),
        (32, ABSENT, 1, ABSENT, 1),
        (32, 95, 1, ABSENT, 1),
        (32, ABSENT, 1, 115, 1),
        (32, 95, 1, 115, 1),
        (32, 124, ABSENT, 124, 124),
    ],
    dtype=np.uint8,
)
"""The combinations of codes on a trade, as recorded ones have them; ``Trades.kind`` is a row here."""

_SWEEP, _ODD, _EXTENDED, _CONTINGENT = 1, 2, 4, 8
_STREAM = 3  # the tape's own are 0, 1 and 2
_EXCHANGES = np.array([1, 57, 7, 65, 60, 73, 68, 59, 3, 64], dtype=np.uint8)  # and how often of 256, as recorded:
_EXCHANGE = np.repeat(_EXCHANGES, [71, 42, 37, 31, 21, 18, 10, 11, 8, 7])
_TRF = 57  # where brokers match inside the spread, between the cents


@dataclass(frozen=True)
class Trades:
    """Trades in the order of time. ``ms``: New York, since midnight; ``size`` in shares; ``price`` a code of
    :func:`simulator.tape.shown`; ``sequence`` counts up within an exchange, from anywhere in 32 bits; ``record``: the
    tape's record that the trade belongs to."""

    ms: Small
    sequence: Small
    kind: Codes
    size: Small
    exchange: Codes
    price: Ints
    record: Small

    def __len__(self) -> int:
        return len(self.ms)

    @property
    def condition(self) -> Codes:
        """The vendor's code that tells what the trade counts for."""
        return np.asarray(CONDITIONS[self.kind, 4])

    def extended_condition(self, number: int) -> Codes:
        """The further codes, 1 to 4; :data:`ABSENT` where there is none."""
        return np.asarray(CONDITIONS[self.kind, number - 1])

    def between(self, start: int, end: int) -> Trades:
        """Those of a part of the day, both ends included, without a copy."""
        begin, stop = np.searchsorted(self.ms, (start, end + 1))
        return Trades(*(getattr(self, field.name)[begin:stop] for field in fields(self)))


@lru_cache(maxsize=6)  # 16 MB for a busy stock
def trades(stock: Instrument, session: sessions.Session) -> Trades:
    """All trades from 04:00 to 20:00."""
    tape, rng = tapes.extended(stock, session), _random(stock, session)
    record, exchange, price, made, size = _sold(rng, tape)
    kind = np.where(_bytes(rng, len(record)) < 110, _SWEEP, 0).astype(np.uint8)
    kind[(size < 100) & ~made] += _ODD
    outside = (tape.ms < _ms(session.open)) | (tape.ms > _ms(session.close))
    kind[outside[record] & ~made] += _EXTENDED
    kind[(_bytes(rng, len(record)) == 0) & ~outside[record] & ~made] = _CONTINGENT
    return Trades(
        ms=tape.ms.astype(np.int32)[record],
        sequence=_sequences(rng, exchange),
        kind=kind,
        size=size,
        exchange=exchange,
        price=price,
        record=record,
    )


@lru_cache(maxsize=64)  # 0.3 MB for a busy stock
def vwap(stock: Instrument, session: sessions.Session) -> Ints:
    """The volume-weighted average price of all trades of the session so far, in cents, half of one up, at the end of
    each record of :func:`simulator.tape.extended`. It runs from the open on, through the late hours; the early hours
    have one of their own."""
    tape = tapes.extended(stock, session)
    _, _, price, _, size = _sold(_random(stock, session), tape)
    first = np.cumsum(tape.count) - tape.count
    value = np.add.reduceat(tapes.units(price) * size, first).cumsum()
    volume = tape.volume.cumsum()
    opened = int(np.searchsorted(tape.ms, _ms(session.open)))
    if opened:
        value[opened:] -= value[opened - 1]
        volume[opened:] -= volume[opened - 1]
    return np.asarray((2 * value + 100 * volume) // (200 * volume))


def _random(stock: Instrument, session: sessions.Session) -> np.random.Generator:
    return np.random.default_rng([stock.key, session.date.toordinal(), _STREAM])


def _sold(rng: np.random.Generator, tape: Tape) -> tuple[Small, Codes, Ints, npt.NDArray[np.bool_], Small]:
    """Of each trade its record, its exchange, its price, whether it makes one of the record's, and its size."""
    first = np.cumsum(tape.count) - tape.count
    record = np.repeat(np.arange(len(tape.ms), dtype=np.int32), tape.count)
    exchange = _EXCHANGE[_bytes(rng, len(record))]
    price = _prices(rng, tape, first, record, exchange)
    made = np.zeros(len(record), dtype=np.bool_)
    for at, code in _marks(rng, tape, first):
        price[at], made[at] = code, True
    return record, exchange, price, made, _sizes(rng, tape, first, record, made)


def _marks(rng: np.random.Generator, tape: Tape, first: Ints) -> list[tuple[Ints, Ints]]:
    """The trades that make each record's open, high, low and close: where they are, and their prices."""
    count, last = tape.count, first + tape.count - 1
    # With four trades or more, high and low are two different ones between the first and the last.
    many = np.flatnonzero(count >= 4)
    inner = count[many] - 2
    high = (inner * rng.random(len(many))).astype(np.int64)
    low = ((inner - 1) * rng.random(len(many))).astype(np.int64)
    low += low >= high
    # Of three, the one in the middle is that extreme which is neither the first nor the last.
    three = np.flatnonzero(count == 3)
    ends = np.maximum(tape.open[three], tape.close[three])
    middle = np.where(tape.high[three] > ends, tape.high[three], tape.low[three])
    return [
        (first[many] + 1 + high, tape.high[many]),
        (first[many] + 1 + low, tape.low[many]),
        (first[three] + 1, middle),
        (first, tape.open),
        (last, tape.close),
    ]


def _prices(rng: np.random.Generator, tape: Tape, first: Ints, record: Small, exchange: Codes) -> Ints:
    """From a record's open to its close, never beyond its high and low: the codes of all trades."""
    opened, closed, low, high = (tapes.units(part) for part in (tape.open, tape.close, tape.low, tape.high))
    step = np.where(low >= UNIT, 100, 1)
    rise = (closed - opened) / np.maximum(tape.count - 1, 1) / step
    reach = (high - low) / step
    place = np.arange(len(record)) - first[record]
    noise = rng.random(len(record), dtype=np.float32) - np.float32(0.5)
    steps = np.rint((opened / step)[record] + rise[record] * place + reach[record] * noise).astype(np.int64)
    units = steps * step[record]
    halves = (exchange == _TRF) & (_bytes(rng, len(record)) < 80) & (step == 100)[record]
    units[halves] += 50
    decimals = np.where(halves, 4, np.where(step == 100, 3, 4)[record])
    return np.clip(tapes.shown(units, decimals), tape.low[record], tape.high[record])


def _sizes(rng: np.random.Generator, tape: Tape, first: Ints, record: Small, made: npt.NDArray[np.bool_]) -> Small:
    """Shares of each trade, at least one, that sum to their record's volume: cut at random points."""
    weight = rng.standard_exponential(len(record), dtype=np.float32)
    # A weight of nothing at all would be a share of nothing.
    np.maximum(weight, np.float32(1e-6), out=weight)
    weight[made] *= 3  # what makes a price is rather a round lot than an odd one
    reached = np.concatenate([[0.0], np.cumsum(weight, dtype=np.float64)])
    begin, end = reached[first], reached[first + tape.count]
    # At a record's last trade the share is one number divided by itself: nothing is lost by rounding.
    share = (reached[1:] - begin[record]) / (end - begin)[record]
    cut = (share * (tape.volume - tape.count)[record]).astype(np.int32)
    before = np.concatenate([cut[:1], cut[:-1]])
    before[first] = 0
    return np.asarray(cut - before + 1, dtype=np.int32)


def _sequences(rng: np.random.Generator, exchange: Codes) -> Small:
    """Each exchange counts its own trades, from a start of its own; the number is signed and may run over."""
    sequence = np.empty(len(exchange), dtype=np.uint32)
    starts = rng.integers(0, 2**32, len(_EXCHANGES), dtype=np.uint32)
    for code, start in zip(_EXCHANGES, starts, strict=True):
        at = np.flatnonzero(exchange == code)
        sequence[at] = np.arange(len(at), dtype=np.uint32) + start
    return sequence.view(np.int32)


def _bytes(rng: np.random.Generator, rows: int) -> Codes:
    return np.frombuffer(rng.bytes(rows), dtype=np.uint8)


def _ms(time: dt.time) -> int:
    return (time.hour * 3600 + time.minute * 60 + time.second) * 1000
