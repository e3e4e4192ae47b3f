"""The client of a coordinator, blocking (``Platform``) and not (``AsyncPlatform``).

    from app.client import Platform

    with Platform() as platform:
        backtest = platform.backtest("spring", tickers=["AAPL"], start="2024-01-02", end="2024-01-31")
        frame = backtest.to_pandas()

Needs httpx; pyarrow, pandas and polars only where rows are asked for in their shapes.
"""

from app.client.aio import AsyncBacktest, AsyncLive, AsyncPlatform, AsyncSeries
from app.client.backtest import Backtest, Series
from app.client.errors import (
    ApiError,
    BacktestCancelled,
    BacktestFailed,
    BadUse,
    ClientError,
    Conflict,
    CutOff,
    Forbidden,
    InvalidRequest,
    MissingPackage,
    NotFound,
    PartialBacktest,
    ServerFailed,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreachable,
    WaitTimeout,
)
from app.client.models import BacktestStatus, LiveSeries, Plan, Progress, Receipt, SeriesStatus, Session
from app.client.platform import Live, Platform

__all__ = [
    "ApiError",
    "AsyncBacktest",
    "AsyncLive",
    "AsyncPlatform",
    "AsyncSeries",
    "Backtest",
    "BacktestCancelled",
    "BacktestFailed",
    "BacktestStatus",
    "BadUse",
    "ClientError",
    "Conflict",
    "CutOff",
    "Forbidden",
    "InvalidRequest",
    "Live",
    "LiveSeries",
    "MissingPackage",
    "NotFound",
    "PartialBacktest",
    "Plan",
    "Platform",
    "Progress",
    "Receipt",
    "Series",
    "SeriesStatus",
    "ServerFailed",
    "Session",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "WaitTimeout",
]
