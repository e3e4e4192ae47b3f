"""A series as a polars data frame."""

import polars as pl

from app.client import Platform

with Platform() as platform:
    backtest = platform.backtest("example-polars", tickers=["AAPL"], start="2024-03-01", end="2024-03-08")
    bars = backtest.series[0].to_polars(start="2024-03-04", end="2024-03-05")

print(bars.group_by(pl.col("timestamp").dt.date()).agg(pl.col("high").max(), pl.col("low").min()).sort("timestamp"))
