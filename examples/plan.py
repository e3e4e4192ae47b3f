"""What a backtest would do, without doing it."""

from app.client import Platform

with Platform() as platform:
    plan = platform.plan(tickers=["AAPL"], start="2024-01-02", end="2024-12-31", schema="quote", interval="1s")

print(f"{plan.requests} requests, up to {plan.rows:,} rows, {plan.bytes / 1e6:,.0f} MB, {plan.seconds:,.0f} seconds")
for refused in plan.refused:
    print("not in the account's tier:", refused["topic"], refused["reason"])
