"""The full option trade stream: every trade of every known root, each with its quotes and its contract's bar.

For each trade come, at its time, a ``QUOTE`` (the best bid and offer just before it), an ``OHLC`` (the contract's
session, this trade included) and the ``TRADE``; later, at their own times, the next two quotes of the contract. A quote
that is one of the next two of several trades comes once.

A session has some 700,000 trades; making them takes seconds, which the one who subscribes waits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.domain import sessions
from simulator.digits import Array
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


@dataclass(frozen=True)
class _Part:
    """An expiration's trades, bars so far and quotes, each a table that begins with the contract's number; and its
    events: when, which table, which row."""

    contracts: list[Subscription]
    tables: tuple[Array, Array, Array]
    events: Array

    @classmethod
    def of(cls, expiration: Expiration, session: sessions.Session) -> _Part:
        made, trades = board(expiration, session), option_trades.trades(expiration, session)
        quotes, before, later = nbbo.around(made, trades.contract, trades.ms, _NEXT)
        bid, ask = (
            (quotes.bid_size, quotes.bid_exchange, quotes.bid),
            (quotes.ask_size, quotes.ask_exchange, quotes.ask),
        )
        bars = running(trades)
        prices = (bars[name] for name in ("open", "high", "low", "close"))
        sold = (trades.sequence, trades.size, trades.condition, trades.price, trades.exchange)
        number = np.arange(len(trades))
        # A trade's three frames follow one another; quotes that come later, at the same moment, after them.
        ms = np.concatenate([np.repeat(trades.ms, 3), quotes.ms[later]])
        kind = np.concatenate([np.tile([_QUOTE, _OHLC, _TRADE], len(trades)), np.full(len(later), _QUOTE)])
        row = np.concatenate([np.column_stack([before, number, number]).ravel(), later])
        symbol, date = expiration.root.symbol, expiration.date
        sides = zip(made.strike.tolist(), made.put.tolist(), strict=True)
        return cls(
            contracts=[Subscription("OPTION", "TRADE", symbol, date, strike, put) for strike, put in sides],
            tables=(
                table(quotes.contract, quotes.ms, *bid, *ask),
                table(trades.contract, trades.ms, *prices, bars["volume"], bars["count"]),
                table(trades.contract, trades.ms, *sold),
            ),
            events=table(ms, kind, row),
        )


class _Full:
    """The events of all parts in the order of time."""

    def __init__(self, parts: list[_Part], date: dt.date) -> None:
        self._date = date
        self._contracts = [contract for part in parts for contract in part.contracts]
        self._bodies: dict[tuple[int, int], Body] = {}
        self._tables = [np.concatenate([part.tables[kind] for part in parts]) for kind in range(len(_NAMES))]
        events = np.concatenate([part.events for part in parts])
        # A part's numbers of contracts and rows go on from those of the part before.
        contract, rows, begin = 0, [0] * len(_NAMES), 0
        for part in parts:
            for kind, columns in enumerate(part.tables):
                self._tables[kind][rows[kind] : rows[kind] + len(columns), 0] += contract
            end = begin + len(part.events)
            events[begin:end, 2] += np.array(rows)[events[begin:end, 1]]
            contract, begin = contract + len(part.contracts), end
            rows = [row + len(columns) for row, columns in zip(rows, part.tables, strict=True)]
        self._events = events[np.argsort(events[:, 0], kind="stable")]
        self.ms = self._events[:, 0].astype(np.int32)

    def events(self, first: int, stop: int) -> list[Event]:
        asked = self._events[first:stop]
        made: list[Event] = [(0, b"")] * len(asked)
        frames: tuple[Callable[..., bytes], ...] = (self._quote, self._ohlc, self._trade)
        for kind, frame in enumerate(frames):
            places = np.flatnonzero(asked[:, 1] == kind)
            rows = self._tables[kind][asked[places, 2]].tolist()
            for place, ms, row in zip(places.tolist(), asked[places, 0].tolist(), rows, strict=True):
                made[place] = ms, frame(self._body(row[0], kind), *row[1:])
        return made

    @staticmethod
    def _trade(body: Body, ms: int, sequence: int, size: int, condition: int, price: int, exchange: int) -> bytes:
        return body.trade(ms, sequence, size, condition, price / CENT, exchange)

    @staticmethod
    def _ohlc(body: Body, ms: int, open_: int, high: int, low: int, close: int, volume: int, count: int) -> bytes:
        return body.ohlc(ms, open_ / CENT, high / CENT, low / CENT, close / CENT, volume, count)

    @staticmethod
    def _quote(
        body: Body, ms: int, bid_size: int, bid_at: int, bid: int, ask_size: int, ask_at: int, ask: int
    ) -> bytes:
        return body.quote(ms, bid_size, bid_at, bid / CENT, ask_size, ask_at, ask / CENT, NATIONAL)

    def _body(self, contract: int, kind: int) -> Body:
        found = self._bodies.get((contract, kind))
        if found is None:
            found = self._bodies[contract, kind] = Body(_NAMES[kind], self._contracts[contract], self._date)
        return found


def _root(seed: int, name: str, session: sessions.Session) -> list[_Part]:
    found = root(seed, name)
    if found is None or not traded(found.underlying, session.date, session.date):
        return []
    return [_Part.of(expiration, session) for expiration in calendar.listed(found, session.date)]
