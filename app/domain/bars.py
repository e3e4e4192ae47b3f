"""Light processing of bars: what becomes of a bar in which nothing traded.

The provider fills its grid with rows of zeros (THETA API 3.4), also after an early close; zero is no price. Such
rows are dropped and counted, or, on request, filled with the last close between the session's first trade and
its close. Nothing else about a bar is touched: a bar with volume but without eligible prices is data.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.domain import sessions
from app.domain.request import EmptyBars
from app.domain.rows import Rows
from app.domain.times import date_of, micros_of, new_york_days

_TRADED = ("open", "high", "low", "close", "volume", "count")
_PRICES = ("open", "high", "low", "close")


def process_bars(rows: Rows, empty_bars: EmptyBars) -> tuple[Rows, int]:
    """The bars as they are written, and how many of the provider's all-zero rows were left out."""
    empty = np.logical_and.reduce([rows.columns[name] == 0 for name in _TRADED])
    if not empty.any():
        return rows, 0
    if empty_bars == "drop":
        return rows.take(~empty), int(empty.sum())
    rows, filled = _fill(rows, empty)
    keep = ~empty | filled
    return rows.take(keep), int((~keep).sum())


def _fill(rows: Rows, empty: npt.NDArray[np.bool_]) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """The rows with the last close in the empty bars that lie in the session, and which these are."""
    days = new_york_days(rows.timestamps)
    contracts = np.zeros(len(rows), dtype=np.int64) if rows.contracts is None else rows.contracts
    # Session by session, contract by contract, in the order of time.
    order = np.lexsort((rows.timestamps, contracts, days))
    places = np.arange(len(rows))
    begins = np.ones(len(rows), dtype=bool)
    begins[1:] = (np.diff(days[order]) != 0) | (np.diff(contracts[order]) != 0)
    begin = np.maximum.accumulate(np.where(begins, places, 0))
    priced = (~empty & (rows.columns["close"] != 0))[order]
    source = np.maximum.accumulate(np.where(priced, places, -1))
    inside = rows.timestamps[order] <= _closes(days[order], rows.record.asset == "option")
    filling = empty[order] & (source >= begin) & inside
    into, last = order[filling], order[source[filling]]
    prices = {name: rows.columns[name].copy() for name in _PRICES}
    for column in prices.values():
        column[into] = rows.columns["close"][last]
    filled = np.zeros(len(rows), dtype=bool)
    filled[into] = True
    return Rows(rows.record, {**rows.columns, **prices}, rows.contracts), filled


def _closes(days: npt.NDArray[np.int64], options: bool) -> npt.NDArray[np.int64]:
    """When each day's session closes, in UTC microseconds."""
    distinct, inverse = np.unique(days, return_inverse=True)
    closes = []
    for day in distinct.tolist():
        found = sessions.session(date_of(day))
        close = sessions.CLOSE if found is None else found.option_close if options else found.close
        closes.append(micros_of(date_of(day), close))
    return np.array(closes, dtype=np.int64)[inverse.ravel()]


def rows_by_session(rows: Rows) -> dict[int, int]:
    """How many rows each New York date has, as days since 1970."""
    days, counts = np.unique(new_york_days(rows.timestamps), return_counts=True)
    return dict(zip(days.tolist(), counts.tolist(), strict=True))


def missing_bars(rows: Rows, points: int) -> dict[int, int]:
    """How many rows of the provider's grid of ``points`` a day it left out on the days of which it sent any.

    Bars of zeros are there and stand for "no trade"; a bar that is not there at all is a hole at the provider.
    """
    return {day: points - count for day, count in rows_by_session(rows).items() if count < points}
