"""Ask for a backtest, wait until it is complete, and look at its receipts."""

from app.client import BacktestFailed, Platform

with Platform() as platform:
    backtest = platform.backtest(
        "example-bars", tickers=["AAPL", "MSFT"], start="2024-03-01", end="2024-03-08", schema="ohlcv", interval="1m"
    )
    try:
        status = backtest.wait(timeout=300)
    except BacktestFailed as error:
        raise SystemExit(f"it failed: {error.reasons}") from None

for receipt in status.receipts:
    print(receipt.topic, receipt.rows, receipt.first, receipt.last, receipt.sha256)
