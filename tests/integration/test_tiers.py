"""What the account's tier does not cover is said before anything is asked of the provider.

A platform of its own, broker included: two coordinators on one log would both decide on its requests. The registry
is everybody's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from harness import Platform, until, web_ports

from app.local.platform import LocalPlatform
from app.settings import Settings
from simulator.server import Simulator

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def value(registry_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Simulator.in_thread(seed=7, tier="value") as simulator:
        settings = Settings(
            theta_tier="value",
            schema_registry_url=registry_url,
            theta_url=simulator.url,
            theta_ws_url=simulator.ws_url,
            state_dir=tmp_path_factory.mktemp("value"),
            **web_ports(),
        )
        with LocalPlatform(settings) as local, httpx.Client(base_url=local.endpoints.web, trust_env=False) as http:
            yield Platform(local, simulator, http, local.endpoints.kafka, local.endpoints.registry)


DAY = {"start": "2024-07-02", "end": "2024-07-02"}


def test_what_the_tier_covers_runs_and_the_rest_says_why_not(value: Platform) -> None:
    greeks: dict[str, Any] = {"asset": "option", "root": "QUIET", "schema": "greeks"}
    bars = {"asset": "stock", "tickers": ["QUIET"], "schema": "ohlcv"}
    trades = {"asset": "stock", "tickers": ["QUIET"], "schema": "trade"}
    value.simulator.reset()
    body = {"backtest_id": "mixed", "series": [greeks, bars, trades], **DAY}
    assert value.http.post("/backtests", json=body).status_code == 202
    done = value.finished("mixed")
    assert done["state"] == "partial"
    assert [one["state"] for one in done["series"]] == ["failed", "complete", "failed"]
    assert "needs a pro subscription and THETA_TIER is value" in done["series"][0]["reason"]
    assert "needs a standard subscription and THETA_TIER is value" in done["series"][2]["reason"]
    asked = [path for path in value.simulator.stats()["by_path"] if "/terminal/" not in path]
    assert asked == ["/v3/stock/history/ohlc"]


def test_a_range_that_begins_before_the_first_access_date_names_that_date(value: Platform) -> None:
    early = {"tickers": ["QUIET"], "start": "2020-12-31", "end": "2021-01-05"}
    done = value.finished(value.ask(**early))
    assert done["state"] == "failed"
    assert "2021-01-01" in done["series"][0]["reason"]


def test_a_stream_that_the_account_does_not_have_is_refused_in_the_vendors_word(value: Platform) -> None:
    response = value.http.post("/live/stock", json={"tickers": ["QUIET"], "schema": "quote"})
    assert response.status_code == 202
    topic = response.json()["series"][0]["topic"]

    def refused() -> dict[str, Any] | None:
        found: dict[str, Any] = value.http.get(f"/live/{topic}").json()
        return found if found["state"] == "refused" else None

    assert until("the vendor's word", refused)["reason"] == "INVALID_PERMS"


def test_a_plan_tells_beforehand_what_the_tier_refuses(value: Platform) -> None:
    body = {"backtest_id": "p", "tickers": ["QUIET"], "schema": "trade", **DAY}
    found = value.http.post("/plan", json=body).json()
    assert [one["topic"] for one in found["refused"]] == ["stock-quiet-trade-historical-p"]
    assert found["requests"] == 0
