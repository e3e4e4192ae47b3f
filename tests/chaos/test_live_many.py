"""A thousand live topics at once."""

from __future__ import annotations

import pytest
from chance import FULL
from harness import Platform, until
from live import market

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not FULL, reason="simulating a thousand markets takes minutes"),
]


@pytest.mark.timeout(600)
def test_a_thousand_subscriptions_are_served_and_ended(platform: Platform) -> None:
    with market(platform, "2024-04-10T10:00:00", 2) as found:
        topics = found.subscribe(tickers=[f"U{i:04d}" for i in range(1000)], schema="trade")
        assert len(topics) == 1000

        def served() -> bool:
            entries = platform.http.get("/live").json()
            return sum(one["state"] == "live" and one["since"] is not None for one in entries) == 1000

        until("a thousand live topics", served, 400)
        before = sum(one["rows"] for one in platform.http.get("/live").json())
        until("rows", lambda: sum(one["rows"] for one in platform.http.get("/live").json()) > before + 1000)
    assert platform.http.get("/live").json() == []
