"""End a backtest, run what is missing of it, and delete it with its topics."""

from app.client import Platform

with Platform() as platform:
    backtest = platform.backtest(
        "example-ended", tickers=["AAPL", "MSFT"], start="2024-01-02", end="2024-03-28", schema="quote", interval="1m"
    )
    backtest.cancel()
    print(backtest.wait(check=False).state)
    backtest.retry()
    print(backtest.wait().state)
    backtest.delete()
