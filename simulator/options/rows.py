"""A session's rows of each history endpoint, as raw numbers."""

from __future__ import annotations

import numpy as np

from simulator.digits import Ints
from simulator.intraday import EVENTS
from simulator.options import bars, nbbo
from simulator.options.cells import Raw
from simulator.options.history import Part
from simulator.options.nbbo import NATIONAL, Quotes
from simulator.options.trades import ABSENT, Trades


def ohlc(part: Part) -> Raw:
    """``history/ohlc``."""
    return bars.bars(part.trades(), len(part.board), part.window, part.end)


def quote(part: Part) -> Raw:
    """``history/quote``: every change of the window, or the last quote at or before each stamp."""
    if part.window.interval == EVENTS:
        found = nbbo.changes(part.board, part.window.start, part.end)
        return {"contract": found.contract, "timestamp": found.ms, **sides(found)}
    stamps = np.arange(part.window.start, part.end + 1, part.window.interval)
    found = nbbo.grid(part.board, stamps)
    return {"contract": found.contract, "timestamp": np.tile(stamps, len(part.board)), **sides(found)}


def trade(part: Part) -> Raw:
    """``history/trade``."""
    found = part.trades().between(part.window.start, part.end)
    return {"contract": found.contract, "timestamp": found.ms, **details(found)}


def trade_quote(part: Part, exclusive: bool) -> Raw:
    """``history/trade_quote``: with each trade the last quote before it, at its time too if not ``exclusive``."""
    found = part.trades().between(part.window.start, part.end)
    paired = nbbo.in_force(part.board, found.contract, found.ms - int(exclusive))
    times = {"trade_timestamp": found.ms, "quote_timestamp": paired.ms}
    return {"contract": found.contract, **times, **details(found), **sides(paired)}


def sides(quotes: Quotes) -> dict[str, Ints | int]:
    """The columns of a quote."""
    return {
        "bid_size": quotes.bid_size,
        "bid_exchange": quotes.bid_exchange,
        "bid": quotes.bid,
        "bid_condition": NATIONAL,
        "ask_size": quotes.ask_size,
        "ask_exchange": quotes.ask_exchange,
        "ask": quotes.ask,
        "ask_condition": NATIONAL,
    }


def details(trades: Trades) -> dict[str, Ints | int]:
    """The columns of a trade."""
    return {
        "sequence": trades.sequence,
        **{f"ext_condition{n}": ABSENT for n in (1, 2, 3, 4)},
        "condition": trades.condition,
        "size": trades.size,
        "exchange": trades.exchange,
        "price": trades.price,
    }
