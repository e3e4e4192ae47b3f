"""Several backtests at once, without blocking."""

import asyncio

from app.client import AsyncPlatform


async def closes(platform: AsyncPlatform, ticker: str) -> float:
    backtest = await platform.backtest(
        f"example-{ticker.lower()}", tickers=[ticker], start="2024-03-04", end="2024-03-08"
    )
    last = 0.0
    async for row in backtest.series[0].rows(columns=["timestamp", "close"]):
        last = row["close"]
    return last


async def main() -> None:
    tickers = ["AAPL", "MSFT", "NVDA"]
    async with AsyncPlatform() as platform:
        found = await asyncio.gather(*(closes(platform, ticker) for ticker in tickers))
    print(dict(zip(tickers, found, strict=True)))


asyncio.run(main())
