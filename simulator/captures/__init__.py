"""Recorded rows of the provider, and how to read them; their origin is told in the README beside them."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping
from functools import cache
from importlib import resources

_END_OF_DAY = {"AAPL": "stock_history_eod_AAPL_2024-01-02.csv"}


@cache
def end_of_day(symbol: str) -> Mapping[dt.date, Mapping[str, str]]:
    """The recorded end-of-day rows of a stock by session, each cell as the provider wrote it."""
    if symbol not in _END_OF_DAY:
        return {}
    text = resources.files(__name__).joinpath(_END_OF_DAY[symbol]).read_text(encoding="ascii")
    return {dt.date.fromisoformat(row["created"][:10]): row for row in csv.DictReader(text.splitlines())}
