"""A platform without what was asked of it before: ids that the docs name are free, and so are live topics."""

from __future__ import annotations

from harness import Platform, until


def emptied(platform: Platform) -> None:
    """End every subscription and delete every backtest with its topics; wait until the ids are free."""
    for one in platform.http.get("/live").json():
        platform.http.delete(f"/live/{one['topic']}")
    for one in platform.http.get("/backtests").json():
        platform.http.delete(f"/backtests/{one['backtest_id']}", params={"topics": "true"})
    until("all backtests to be gone", lambda: platform.http.get("/backtests").json() == [], 120)
