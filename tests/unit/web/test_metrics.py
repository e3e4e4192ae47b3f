"""How metrics are told: the names of the table, in Prometheus' format, and nothing under another name."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from app.domain.live import Gap
from app.errors import BadTable, ProviderBusy, ProviderError, ProviderUnavailable
from app.history.fetch import StepTooLarge
from app.tally import Spread, Tally
from app.web.asked import Asked, cause_of
from app.web.measured import oldest, provider_state
from app.web.metric_table import LIBRARY, exported
from app.web.metrics import Metrics
from app.web.problems import problems
from app.web.traffic import Traffic


def families(metrics: Metrics) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}


def test_a_value_a_tally_and_a_spread_are_told_under_their_names() -> None:
    metrics = Metrics("history")
    tally, spread = Tally([("committed",)]), Spread((0.1, 1.0))
    metrics.tell("fdp_ready", lambda: 1)
    metrics.tell("fdp_transactions_total", tally)
    metrics.tell("fdp_commit_seconds", spread)
    tally.add("aborted")
    spread.take(0.5)
    found = families(metrics)
    assert [sample.value for sample in found["fdp_ready"].samples] == [1]
    samples = {sample.labels["outcome"]: sample.value for sample in found["fdp_transactions"].samples}
    assert samples == {"committed": 0, "aborted": 1}
    buckets = {s.labels.get("le", s.name): s.value for s in found["fdp_commit_seconds"].samples}
    assert buckets == {"0.1": 0, "1.0": 1, "+Inf": 1, "fdp_commit_seconds_count": 1, "fdp_commit_seconds_sum": 0.5}


def test_only_names_of_the_roles_table_are_told_each_once() -> None:
    metrics = Metrics("history")
    for wrong in ("fdp_anything", "fdp_live_owner", "process_open_fds"):
        with pytest.raises(ValueError, match=wrong):
            metrics.tell(wrong, lambda: 1)
    metrics.tell("fdp_ready", lambda: 1)
    with pytest.raises(ValueError, match="told already"):
        metrics.tell("fdp_ready", lambda: 1)
    assert metrics.untold == {one.name for one in exported("history") if one not in LIBRARY} - {"fdp_ready"}


def test_errors_are_counted_by_the_nearest_kind_that_is_known() -> None:
    asked = Asked()
    asked.fetched(0.2, 5, None)
    asked.fetched(0.2, 0, ProviderBusy("full", status=429))
    asked.retried(ProviderBusy("full", status=429))
    assert (asked.requests.read()[("ok",)], asked.requests.read()[("busy",)]) == (1, 1)
    assert (asked.retries.read()[("busy",)], asked.rows.total) == (1, 5)
    errors = {ProviderUnavailable: "unavailable", BadTable: "bad_table", StepTooLarge: "too_large"}
    assert {kind: cause_of(kind("x")) for kind in errors} == errors
    assert cause_of(ProviderError("x")) == "other"


@pytest.mark.parametrize(
    ("told", "state"),
    [("CONNECTED", "connected"), ("UNREACHABLE (refused)", "unreachable"), ("HTTP 500", "other"), ("", "other")],
)
def test_a_providers_word_is_one_of_a_few_states(told: str, state: str) -> None:
    found = provider_state(told)
    assert sum(found.values()) == found[(state,)] == 1


def test_the_oldest_gap_of_each_cause_counts() -> None:
    def gap(why: Any, opened: str) -> Gap:
        return Gap("t", 1, "g", 0, 1, why, opened_at=opened)

    gaps = [gap("socket", "2024-07-01T00:00:10Z"), gap("socket", "2024-07-01T00:00:05Z"), gap("silent", "")]
    found = oldest(gaps, 1719792065.0)
    assert (found[("socket",)], found[("silent",)], found[("start",)]) == (60, 0, 0)


def test_requests_are_counted_by_route_and_the_query_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    traffic = Traffic()

    async def one(request: web.Request) -> web.Response:
        if request.match_info["backtest_id"] == "gone":
            raise web.HTTPNotFound
        return web.Response()

    async def ask() -> None:
        app = web.Application(middlewares=[traffic.measure, problems])
        app.router.add_get("/backtests/{backtest_id}", one)
        async with TestClient(TestServer(app)) as client:
            await client.get("/backtests/b1?token=secret")
            await client.get("/backtests/gone")
            await client.get("/elsewhere/b1%0aforged")
            await client.request("PROPFIND", "/backtests/b1")

    with caplog.at_level(logging.DEBUG, "app.web.traffic"):
        asyncio.run(ask())
    assert traffic.requests.read() == {
        ("GET", "/backtests/{backtest_id}", "2xx"): 1,
        ("GET", "/backtests/{backtest_id}", "4xx"): 1,
        ("GET", "none", "4xx"): 1,
        ("other", "none", "4xx"): 1,
    }
    assert set(traffic.seconds.read()) == {kinds[:2] for kinds in traffic.requests.read()}
    assert [message.rsplit(" in ")[0] for message in caplog.messages] == [
        "GET /backtests/b1: 200",
        "GET /backtests/gone: 404",
        "GET /elsewhere/b1%0Aforged: 404",
        "other /backtests/b1: 405",
    ]
