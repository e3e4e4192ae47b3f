"""Trades as Arrow batches, one after the other: any number of rows in the memory of one batch."""

import pyarrow.compute as pc

from app.client import Platform

with Platform() as platform:
    backtest = platform.backtest(
        "example-trades", tickers=["AAPL"], start="2024-03-04", end="2024-03-04", schema="trade"
    )
    shares = trades = 0
    for batch in backtest.series[0].batches(columns=["price", "size"]):
        trades += batch.num_rows
        shares += pc.sum(batch["size"]).as_py()

print(f"{trades:,} trades of {shares:,} shares")
