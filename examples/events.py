"""Follow a backtest until it has ended."""

from app.client import Platform

with Platform() as platform:
    backtest = platform.backtest("example-events", tickers=["AAPL", "MSFT"], start="2024-01-02", end="2024-03-28")
    for status in backtest.events():
        progress = status.progress
        print(status.state, f"{progress.chunks_done}/{progress.chunks_total} chunks, {progress.rows:,} rows")
