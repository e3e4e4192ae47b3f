"""A subscription's events in one session: what ``history/trade`` and ``history/quote`` tell, as frames.

Columns are kept as one table of small whole numbers, from which a stretch becomes frames only when it is due.
"""

from __future__ import annotations

import datetime as dt
from typing import Protocol

import numpy as np
import numpy.typing as npt

from app.domain import sessions
from simulator import quotes as books
from simulator import tape as tapes
from simulator import ticks
from simulator.clock import DAY
from simulator.digits import Ints
from simulator.instruments import instrument
from simulator.intraday import traded
from simulator.market import UNIT
from simulator.options import expirations as calendar
from simulator.options import nbbo
from simulator.options import trades as option_trades
from simulator.options.board import board
from simulator.options.nbbo import NATIONAL
from simulator.options.roots import root
from simulator.quotes import REGULAR
from simulator.stream.frames import Body, state
from simulator.stream.messages import Subscription

Event = tuple[int, bytes]
"""When, in milliseconds since midnight, and the frame."""

CENT = 100.0
"""Cents in a dollar, of the prices of options."""


class Series(Protocol):
    """Events in the order of time; ``ms``: New York, since midnight."""

    ms: npt.NDArray[np.int32]

    def events(self, first: int, stop: int) -> list[Event]:
        """Those of some rows."""
        ...


class TradeSeries:
    """Trades of one contract; prices come as whole numbers, ``scale`` to a dollar."""

    def __init__(self, body: Body, scale: float, *columns: Ints | npt.NDArray[np.integer]) -> None:
        """``columns``: ms, sequence, size, condition, price, exchange."""
        self._body, self._scale = body, scale
        self._rows = table(*columns)
        self.ms = self._rows[:, 0].astype(np.int32)

    def events(self, first: int, stop: int) -> list[Event]:
        trade, scale = self._body.trade, self._scale
        return [
            (ms, trade(ms, sequence, size, condition, price / scale, exchange))
            for ms, sequence, size, condition, price, exchange in self._rows[first:stop].tolist()
        ]


class QuoteSeries:
    """Quotes of one contract; prices come as whole numbers, ``scale`` to a dollar."""

    def __init__(self, body: Body, scale: float, condition: int, *columns: Ints | npt.NDArray[np.integer]) -> None:
        """``columns``: ms, bid size, bid exchange, bid, ask size, ask exchange, ask."""
        self._body, self._scale, self._condition = body, scale, condition
        self._rows = table(*columns)
        self.ms = self._rows[:, 0].astype(np.int32)

    def events(self, first: int, stop: int) -> list[Event]:
        quote, scale, condition = self._body.quote, self._scale, self._condition
        return [
            (ms, quote(ms, bid_size, bid_at, bid / scale, ask_size, ask_at, ask / scale, condition))
            for ms, bid_size, bid_at, bid, ask_size, ask_at, ask in self._rows[first:stop].tolist()
        ]


class StateSeries:
    """The open or the close of a session."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self.ms = np.array([ms for ms, _ in events], dtype=np.int32)

    def events(self, first: int, stop: int) -> list[Event]:
        return self._events[first:stop]


NOTHING: Series = StateSeries([])
"""A session without an event."""


def opening(session: sessions.Session | None) -> Series:
    """``STATE`` ``START`` at the open of the exchange."""
    return StateSeries([(_ms(session.open), state("START"))]) if session else NOTHING


def closing(session: sessions.Session | None) -> Series:
    """``STATE`` ``STOP`` at the close of the exchange."""
    return StateSeries([(_ms(session.close), state("STOP"))]) if session else NOTHING


def series(seed: int, subscription: Subscription, date: dt.date) -> Series:
    """The events of a subscription (not of a bulk one) on a day; none for what does not exist or does not trade."""
    session = sessions.session(date)
    if session is None:
        return NOTHING
    body = Body(subscription.kind, subscription, date)
    match subscription.security:
        case "STOCK":
            return _stock(seed, subscription, session, body)
        case "OPTION":
            return _option(seed, subscription, session, body)
        case "INDEX":
            return NOTHING


def _stock(seed: int, subscription: Subscription, session: sessions.Session, body: Body) -> Series:
    stock = instrument(seed, subscription.root)
    if stock is None or not traded(stock, session.date, session.date):
        return NOTHING
    if subscription.kind == "TRADE":
        made = ticks.trades(stock, session)
        price = tapes.units(made.price)
        return TradeSeries(body, UNIT, made.ms, made.sequence, made.size, made.condition, price, made.exchange)
    book = books.quotes(stock, session)
    bid, ask = (book.bid_size, book.bid_exchange, book.bid), (book.ask_size, book.ask_exchange, book.ask)
    return QuoteSeries(body, UNIT, REGULAR, book.ms, *bid, *ask)


def _option(seed: int, subscription: Subscription, session: sessions.Session, body: Body) -> Series:
    found, date = root(seed, subscription.root), subscription.expiration
    expiration = calendar.expiration(found, date) if found and date else None
    if expiration is None or not expiration.live(session.date):
        return NOTHING
    made = board(expiration, session)
    row = made.row(subscription.strike, subscription.put)
    if row is None:
        return NOTHING
    if subscription.kind == "QUOTE":
        book = nbbo.changes(made.take(np.array([row])), 0, DAY)
        bid, ask = (book.bid_size, book.bid_exchange, book.bid), (book.ask_size, book.ask_exchange, book.ask)
        return QuoteSeries(body, CENT, NATIONAL, book.ms, *bid, *ask)
    every = option_trades.trades(expiration, session)
    first, stop = np.searchsorted(every.contract, (row, row + 1))
    mine = every.at(np.arange(first, stop))
    return TradeSeries(body, CENT, mine.ms, mine.sequence, mine.size, mine.condition, mine.price, mine.exchange)


def table(*columns: Ints | npt.NDArray[np.integer]) -> npt.NDArray[np.int32] | Ints:
    """Columns side by side, in half the room where their numbers allow it."""
    greatest = max((int(np.abs(column.astype(np.int64)).max(initial=0)) for column in columns), default=0)
    made = np.empty((len(columns[0]), len(columns)), dtype=np.int32 if greatest < 2**31 - 1 else np.int64)
    for place, column in enumerate(columns):
        made[:, place] = column
    return made


def _ms(time: dt.time) -> int:
    return (time.hour * 3600 + time.minute * 60 + time.second) * 1000
