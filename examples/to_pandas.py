"""A backtest as a pandas data frame; its times are aware, in UTC."""

from app.client import Platform

with Platform() as platform:
    backtest = platform.backtest("example-pandas", tickers=["AAPL", "MSFT"], start="2024-03-01", end="2024-03-08")
    # Reading waits for rows still to come.
    bars = backtest.to_pandas(columns=["symbol", "timestamp", "close", "volume"])

hourly = bars.set_index("timestamp").groupby("symbol").resample("1h").agg({"close": "last", "volume": "sum"})
print(hourly[hourly["volume"] > 0])
