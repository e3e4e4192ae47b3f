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
    close_prices = rows.columns["close"]
    prices = {name: rows.columns[name].copy() for name in _PRICES}
    filled = np.zeros(len(rows), dtype=bool)
    days = new_york_days(rows.timestamps)
    priced = ~empty & (close_prices != 0)
    for day in np.unique(days).tolist():
        here = np.flatnonzero(days == day)
        first = here[priced[here]]
        if len(first) == 0:
            continue
        found = sessions.session(date_of(day))
        close = micros_of(date_of(day), found.close if found else sessions.CLOSE)
        gaps = here[empty[here] & (here > first[0]) & (rows.timestamps[here] <= close)]
        sources = first[np.searchsorted(first, gaps) - 1]
        for column in prices.values():
            column[gaps] = close_prices[sources]
        filled[gaps] = True
    return Rows(rows.record, {**rows.columns, **prices}), filled


def rows_by_session(rows: Rows) -> dict[int, int]:
    """How many rows each New York date has, as days since 1970."""
    days, counts = np.unique(new_york_days(rows.timestamps), return_counts=True)
    return dict(zip(days.tolist(), counts.tolist(), strict=True))
