"""The full option trade stream: every trade of every known root, each with its quotes and its contract's bar.

For each trade come, at its time, a ``QUOTE`` (the best bid and offer just before it), an ``OHLC`` (the contract's
session, this trade included) and the ``TRADE``; later, at their own times, the next two quotes of the contract. A quote
that is one of the next two of several trades comes once.

A session has some 700,000 trades; making them takes seconds, which the one who subscribes waits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Literal

import numpy as np

from app.domain import sessions
from simulator.intraday import traded
from simulator.options import expirations as calendar
from simulator.options import nbbo
from simulator.options import trades as option_trades
from simulator.options.bars import running
from simulator.options.board import board
from simulator.options.expirations import Expiration
from simulator.options.nbbo import NATIONAL
from simulator.options.roots import root
from simulator.stream.frames import Body
from simulator.stream.messages import Subscription
from simulator.stream.series import CENT, NOTHING, Event, Series, table

_QUOTE, _OHLC, _TRADE = range(3)
_NAMES: tuple[Literal["QUOTE"], Literal["OHLC"], Literal["TRADE"]] = ("QUOTE", "OHLC", "TRADE")
_NEXT = 2  # quotes after a trade


def full(seed: int, roots: Iterable[str], date: dt.date) -> Series:
    """All trades of some roots' options on a day."""
    session = sessions.session(date)
    parts = [] if session is None else [part for name in roots for part in _root(seed, name, session)]
    return _Full(parts, date) if parts else NOTHING


class _Part:
    """The trades of an expiration, their bars so far and their quotes; rows of the event table point into these."""

    def __init__(self, expiration: Expiration, session: sessions.Session) -> None:
        made = board(expiration, session)
        self.expiration = expiration
        self.board = made
        trades = option_trades.trades(expiration, session)
        quotes, before, later = nbbo.around(made, trades.contract, trades.ms, _NEXT)
        number = np.arange(len(trades))
        self.trades = table(
            trades.contract, trades.ms, trades.sequence, trades.size, trades.condition, trades.price, trades.exchange
        )
        so_far = running(trades)
        prices = (so_far[name] for name in ("open", "high", "low", "close"))
        self.bars = table(trades.contract, trades.ms, *prices, so_far["volume"], so_far["count"])
        bid, ask = (
            (quotes.bid_size, quotes.bid_exchange, quotes.bid),
            (quotes.ask_size, quotes.ask_exchange, quotes.ask),
        )
        self.quotes = table(quotes.contract, quotes.ms, *bid, *ask)
        # A trade's three frames follow one another; quotes that come later, at the same moment, after them.
        ms = np.concatenate([np.repeat(trades.ms, 3), quotes.ms[later]])
        kind = np.concatenate([np.tile([_QUOTE, _OHLC, _TRADE], len(trades)), np.full(len(later), _QUOTE)])
        row = np.concatenate([np.column_stack([before, number, number]).ravel(), later])
        self.events = ms, kind, row


class _Full:
    """The events of all parts in the order of time."""

    def __init__(self, parts: list[_Part], date: dt.date) -> None:
        ms, kind, row = (np.concatenate(columns) for columns in zip(*(part.events for part in parts), strict=True))
        part = np.repeat(np.arange(len(parts)), [len(part.events[0]) for part in parts])
        turn = np.argsort(ms, kind="stable")
        self.ms = ms[turn].astype(np.int32)
        self._rows = table(part[turn], kind[turn], row[turn])
        self._parts = parts
        self._date = date
        self._bodies: dict[tuple[int, int, int], Body] = {}

    def events(self, first: int, stop: int) -> list[Event]:
        return [
            (ms, self._frame(part, kind, row))
            for ms, (part, kind, row) in zip(self.ms[first:stop].tolist(), self._rows[first:stop].tolist(), strict=True)
        ]

    def _frame(self, part: int, kind: int, row: int) -> bytes:
        made = self._parts[part]
        if kind == _TRADE:
            contract, ms, sequence, size, condition, price, exchange = made.trades[row].tolist()
            return self._body(part, contract, kind).trade(ms, sequence, size, condition, price / CENT, exchange)
        if kind == _OHLC:
            contract, ms, open_, high, low, close, volume, count = made.bars[row].tolist()
            prices = (open_ / CENT, high / CENT, low / CENT, close / CENT)
            return self._body(part, contract, kind).ohlc(ms, *prices, volume, count)
        contract, ms, bid_size, bid_at, bid, ask_size, ask_at, ask = made.quotes[row].tolist()
        body = self._body(part, contract, kind)
        return body.quote(ms, bid_size, bid_at, bid / CENT, ask_size, ask_at, ask / CENT, NATIONAL)

    def _body(self, part: int, contract: int, kind: int) -> Body:
        found = self._bodies.get((part, contract, kind))
        if found is None:
            made = self._parts[part]
            strike, put = int(made.board.strike[contract]), bool(made.board.put[contract])
            root_, date = made.expiration.root.symbol, made.expiration.date
            about = Subscription("OPTION", "TRADE", root_, date, strike, put)
            found = self._bodies[part, contract, kind] = Body(_NAMES[kind], about, self._date)
        return found


def _root(seed: int, name: str, session: sessions.Session) -> list[_Part]:
    found = root(seed, name)
    if found is None or not traded(found.underlying, session.date, session.date):
        return []
    parts = [_Part(expiration, session) for expiration in calendar.listed(found, session.date)]
    return [part for part in parts if len(part.trades)]
