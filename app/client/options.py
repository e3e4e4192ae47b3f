"""What a backtest and a subscription may be asked for with; the coordinator checks the values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, TypedDict

from app.client.calls import Day

Schema = Literal["ohlcv", "quote", "trade", "trade_quote", "eod", "open_interest", "greeks", "implied_volatility"]
Interval = Literal["tick", "1s", "5s", "10s", "15s", "30s", "1m", "5m", "10m", "15m", "30m", "1h"]


class Contracts(TypedDict, total=False):
    """Which contracts of a root: ``strikes`` in dollars; ``max_dte`` calendar days to the expiration, as of each
    session; ``strike_range`` strikes on each side of the money."""

    expirations: Sequence[Day]
    strikes: Sequence[float | Decimal | str]
    right: Literal["call", "put", "both"]
    max_dte: int
    strike_range: int


class _Kind(TypedDict, total=False):
    schema: Schema
    interval: Interval | None
    start_time: dt.time | str
    end_time: dt.time | str


class SeriesOptions(_Kind, total=False):
    """An entry of ``series``."""

    asset: Literal["stock", "option"]
    tickers: Sequence[str]
    ticker: str
    root: str
    contracts: Contracts
    empty_bars: Literal["drop", "fill"]


class Options(_Kind, total=False):
    """A backtest of ``tickers``, of a ``root`` with ``contracts``, or of several ``series``. ``start`` and ``end`` are
    session dates, New York, both inclusive; ``start_time`` and ``end_time`` New York too."""

    tickers: str | Sequence[str]
    root: str
    contracts: Contracts
    series: Sequence[SeriesOptions]
    start: Day
    end: Day
    empty_bars: Literal["drop", "fill"]
    live: bool
    retain_days: int | None


class LiveOptions(_Kind, total=False):
    """A live subscription to ``tickers``, or to ``contracts`` of a ``root``."""

    tickers: str | Sequence[str]
    root: str
    contracts: Contracts
