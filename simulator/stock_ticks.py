"""The stock endpoints of single events: trades, quotes, and trades with their quotes."""

from __future__ import annotations

from functools import partial

import numpy as np

from app.domain import sessions
from simulator import quotes as books
from simulator import tape as tapes
from simulator import ticks
from simulator.answers import Portion, Terminal
from simulator.bars import Window
from simulator.instruments import Instrument
from simulator.intraday import EVENTS, by_session
from simulator.query import Query
from simulator.quotes import REGULAR, Quotes
from simulator.tables import Codes, Column, Integers, Picked, Prices, Stamps, Table
from simulator.ticks import CONDITIONS, Trades

_CENT = 100  # units of price


def quote(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/stock/history/quote``: every quote with ``interval=tick``, or else the last one *strictly before* each
    stamp of the grid, as the vendor's "prior to the interval's timestamp" reads."""
    interval = EVENTS if query.text("interval") == "tick" else query.interval()
    return by_session(terminal, query, interval, "quote", _quotes)


def trade(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/stock/history/trade``: every trade."""
    return by_session(terminal, query, None, "trade", _trades)


def trade_quote(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/stock/history/trade_quote``: every trade and the last quote before it; at its time too, if that is not
    ``exclusive``."""
    exclusive = query.text("exclusive") == "true"
    return by_session(terminal, query, None, ("trade_quote", exclusive), partial(_trades_with_quotes, exclusive))


def _quotes(stock: Instrument, session: sessions.Session, window: Window, now: int | None) -> Table:
    book, end = books.quotes(stock, session), _end(window, now)
    if window.interval == EVENTS:
        seen = book.between(window.start, end)
        return Table({"timestamp": Stamps(session.date, seen.ms), **_sides(seen)}, len(seen))
    stamps = np.arange(window.start, end + 1, window.interval)
    rows = book.before(stamps) + 1
    columns = {name: Picked(column, rows) for name, column in _sides(book.after_nothing()).items()}
    return Table({"timestamp": Stamps(session.date, stamps), **columns}, len(stamps))


def _trades(stock: Instrument, session: sessions.Session, window: Window, now: int | None) -> Table:
    seen = ticks.trades(stock, session).between(window.start, _end(window, now))
    return Table({"timestamp": _moments(stock, session, seen), **_details(seen)}, len(seen))


def _trades_with_quotes(
    exclusive: bool, stock: Instrument, session: sessions.Session, window: Window, now: int | None
) -> Table:
    seen = ticks.trades(stock, session).between(window.start, _end(window, now))
    book = books.quotes(stock, session)
    moments = tapes.extended(stock, session).ms
    rows = (book.before(moments) if exclusive else book.at(moments))[seen.record]
    bid, ask = book.bid[rows], book.ask[rows]
    # A recorded row has one scale for all of its prices.
    decimals = np.where((bid % _CENT == 0) & (ask % _CENT == 0), tapes.decimals(seen.price), 4)
    columns = {
        "trade_timestamp": _moments(stock, session, seen),
        "quote_timestamp": Picked(Stamps(session.date, book.ms), rows),
        **_details(seen),
        **{name: Picked(column, rows) for name, column in _sides(book).items()},
        "bid": Prices(bid, decimals),
        "ask": Prices(ask, decimals),
    }
    return Table(columns, len(seen))


def _moments(stock: Instrument, session: sessions.Session, seen: Trades) -> Column:
    """When they traded; a record's trades share one time, whose text is made once."""
    return Picked(Stamps(session.date, tapes.extended(stock, session).ms), seen.record)


def _details(seen: Trades) -> dict[str, Column]:
    codes = ("ext_condition1", "ext_condition2", "ext_condition3", "ext_condition4", "condition")
    return {
        "sequence": Integers(seen.sequence.astype(np.int64)),
        **{name: Picked(Codes(CONDITIONS[:, column]), seen.kind) for column, name in enumerate(codes)},
        "size": Integers(seen.size.astype(np.int64)),
        "exchange": Codes(seen.exchange),
        "price": Prices(tapes.units(seen.price), tapes.decimals(seen.price)),
    }


def _sides(book: Quotes) -> dict[str, Column]:
    decimals = np.where((book.bid % _CENT == 0) & (book.ask % _CENT == 0), 2, 4)
    return {
        "bid_size": Integers(book.bid_size.astype(np.int64)),
        "bid_exchange": Codes(book.bid_exchange),
        "bid": Prices(book.bid, decimals),
        "bid_condition": Codes(REGULAR),
        "ask_size": Integers(book.ask_size.astype(np.int64)),
        "ask_exchange": Codes(book.ask_exchange),
        "ask": Prices(book.ask, decimals),
        "ask_condition": Codes(REGULAR),
    }


def _end(window: Window, now: int | None) -> int:
    return window.end if now is None else min(window.end, now)
