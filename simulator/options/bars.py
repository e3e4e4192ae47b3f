"""Bars of option contracts, aggregated from their trades; the same grid as a stock's (see ``simulator.bars``).

A bar covers ``[stamp, stamp + interval)`` and nothing after the window's end. Volume, count and vwap take every trade;
open, high, low and close only those whose condition makes prices. A bar without a trade has zeros and carries the
session's vwap on, also from before the window; so has every bar of a contract that never trades.
"""

from __future__ import annotations

import numpy as np

from simulator.bars import Window
from simulator.digits import Ints
from simulator.options.trades import CONTINGENT, Trades

Bars = dict[str, Ints]


def bars(trades: Trades, contracts: int, window: Window, end: int) -> Bars:
    """The columns of ``history/ohlc`` for the contracts 0, 1 … of ``trades``, each with the whole grid; prices and
    vwap in cents. ``end``: the last moment that is in the answer, milliseconds since midnight."""
    rows = max((end - window.start) // window.interval + 1, 0)
    within = (trades.ms >= window.start) & (trades.ms <= end)
    seen = trades.at(within)
    cell = seen.contract * rows + (seen.ms - window.start) // window.interval
    columns = {name: np.zeros(contracts * rows, dtype=np.int64) for name in ("volume", "count")}
    at, first = np.unique(cell, return_index=True)
    if len(at):
        columns["volume"][at] = np.add.reduceat(seen.size, first)
        columns["count"][at] = np.diff(np.append(first, len(cell)))
    stamps = window.start + np.arange(rows, dtype=np.int64) * window.interval
    return {
        "contract": np.repeat(np.arange(contracts), rows),
        "timestamp": np.tile(stamps, contracts),
        **_prices(seen, cell, contracts * rows),
        **columns,
        "vwap": _vwap(trades, contracts, window, end, rows),
    }


def whole(trades: Trades, contracts: int) -> Bars:
    """One bar for each contract's whole session."""
    cell, columns = trades.contract, {}
    columns["volume"] = np.bincount(cell, weights=trades.size, minlength=contracts).astype(np.int64)
    columns["count"] = np.bincount(cell, minlength=contracts)
    return {**_prices(trades, cell, contracts), **columns}


def running(trades: Trades) -> Bars:
    """The contract's session so far at each trade, that trade included; zeros until one has made a price."""
    rows, contract = np.arange(len(trades)), trades.contract
    making = trades.condition != CONTINGENT
    begin = np.searchsorted(contract, contract)
    last = np.maximum.accumulate(np.where(making, rows, -1))
    priced = last >= begin
    makers = np.flatnonzero(making)
    first = makers[np.minimum(np.searchsorted(makers, begin), max(len(makers) - 1, 0))] if len(makers) else rows
    # Contracts rise, so what a contract has reached is above all that came before it.
    above, most = contract << 32, (1 << 32) - 1
    high = np.maximum.accumulate(above + np.where(making, trades.price, 0)) - above
    low = most - (np.maximum.accumulate(above + np.where(making, most - trades.price, 0)) - above)
    volume = np.cumsum(trades.size)
    before = np.where(begin > 0, volume[np.maximum(begin - 1, 0)], 0)
    columns = {"open": trades.price[first], "high": high, "low": low, "close": trades.price[np.maximum(last, 0)]}
    prices = {name: np.where(priced, values, 0) for name, values in columns.items()}
    return {**prices, "volume": volume - before, "count": rows - begin + 1}


def _prices(trades: Trades, cell: Ints, cells: int) -> Bars:
    """``cell``: to which bar each trade belongs, never falling."""
    making = trades.condition != CONTINGENT
    price, cell = trades.price[making], cell[making]
    columns = {name: np.zeros(cells, dtype=np.int64) for name in ("open", "high", "low", "close")}
    at, first = np.unique(cell, return_index=True)
    if len(at):
        columns["open"][at] = price[first]
        columns["high"][at] = np.maximum.reduceat(price, first)
        columns["low"][at] = np.minimum.reduceat(price, first)
        columns["close"][at] = price[np.append(first[1:], len(cell)) - 1]
    return columns


def _vwap(trades: Trades, contracts: int, window: Window, end: int, rows: int) -> Ints:
    """The session's running average at the end of each bar."""
    trades = trades.at(trades.ms <= end)
    if not len(trades) or not rows:
        return np.zeros(contracts * rows, dtype=np.int64)
    first = np.searchsorted(trades.contract, np.arange(contracts))
    stop = np.searchsorted(trades.contract, np.arange(contracts), side="right")
    value, volume = np.cumsum(trades.price * trades.size), np.cumsum(trades.size)
    before = np.repeat(np.where(first > 0, first - 1, 0), stop - first)
    none = np.repeat(first == 0, stop - first)
    value -= np.where(none, 0, value[before])
    volume -= np.where(none, 0, volume[before])
    average = (2 * value + volume) // (2 * volume)
    # The number of the last trade in each bar or before it; 0 stands for none.
    last = np.zeros((contracts, rows), dtype=np.int64)
    bar = np.maximum(trades.ms - window.start, 0) // window.interval
    np.maximum.at(last, (trades.contract, bar), np.arange(len(trades)) + 1)
    np.maximum.accumulate(last, axis=1, out=last)
    return np.concatenate([[0], average])[last.ravel()]
