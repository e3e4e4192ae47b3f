"""The platform as docker compose runs it: asked from outside, read from outside, killed, taken down, brought up again.

In the order in which they stand: the later ones find the data of the earlier ones.
"""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from confluent_kafka.admin import AdminClient
from containers import Compose
from harness import until
from truth import verify

from app.settings import ROLES

pytestmark = pytest.mark.timeout(900)
TICKERS = ["AAPL", "MSFT", "KO"]
#: Bytes that the image of the platform may have.
MOST_BYTES = 450 * 10**6


def run(compose: Compose, **body: Any) -> dict[str, Any]:
    return whole(compose, compose.platform.ask(tickers=TICKERS, **body))


def whole(compose: Compose, backtest_id: str) -> dict[str, Any]:
    """Wait for a backtest; two consumer groups outside read each of its topics at once: it is as its receipt says."""
    done = compose.platform.finished(backtest_id, 300)
    assert done["state"] == "complete", done
    assert len(done["receipts"]) == len(TICKERS)
    with ThreadPoolExecutor() as threads:
        for receipt in done["receipts"]:
            groups = [threads.submit(verify, compose.platform, receipt) for _ in "AB"]
            assert [group.result() for group in groups] == [receipt["rows"]] * 2
    return done


def begun(compose: Compose, **body: Any) -> str:
    """Ask for a backtest and wait for its first rows."""
    backtest_id = compose.platform.ask(tickers=TICKERS, **body)
    until(f"rows of {backtest_id}", lambda: rows_of(compose, backtest_id) or None, 120)
    return backtest_id


def rows_of(compose: Compose, backtest_id: str) -> int:
    return int(compose.platform.http.get(f"/backtests/{backtest_id}").json()["progress"]["rows"])


def owned(compose: Compose) -> list[int]:
    """How many partitions each history worker owns."""
    workers = compose.platform.http.get("/workers").json()
    return [int(one["partitions"]) for one in workers if one["role"] == "history"]


def test_a_post_from_outside_ends_as_rows_that_groups_outside_read(compose: Compose) -> None:
    run(compose, backtest_id="first", start="2024-03-01", end="2024-03-08")


def test_the_registry_is_reached_from_outside(compose: Compose) -> None:
    subjects = httpx.get(f"{compose.platform.registry}/subjects", timeout=30, trust_env=False)
    assert {"StockOhlcv", "BacktestRequest"} <= set(subjects.raise_for_status().json())


def test_the_stream_comes_to_a_live_topic(compose: Compose) -> None:
    http = compose.platform.http
    assert http.post("/live/stock", json={"tickers": ["AAPL"], "schema": "trade"}).status_code == 202
    until("live rows", lambda: http.get("/live").json()[0]["rows"] or None, 180)


def test_nothing_runs_as_root_or_may_write_to_its_disk(compose: Compose) -> None:
    for service in (*ROLES, "simulator"):
        (container,) = compose.containers(service)
        found = compose.inspect(container)
        assert found["Config"]["User"] == "10001:10001"
        assert found["HostConfig"]["ReadonlyRootfs"]
        assert found["HostConfig"]["CapDrop"] == ["ALL"]


def test_the_image_is_small(compose: Compose) -> None:
    (container,) = compose.containers("coordinator")
    image = compose.inspect(container)["Image"]
    size = subprocess.run(["docker", "image", "inspect", "-f", "{{.Size}}", image], capture_output=True, check=True)
    assert int(size.stdout) < MOST_BYTES


def test_the_brokers_run_as_for_production(compose: Compose) -> None:
    if compose.brokers != "redpanda":
        pytest.skip("these are said in the environment")
    for name in ("write_caching_default", "auto_create_topics_enabled"):
        assert compose("exec", "redpanda", "rpk", "cluster", "config", "get", name).split()[-1] == "false"
    assert "--unsafe-bypass-fsync=true" not in compose("top", "redpanda")


def test_three_history_workers_share_the_series(compose: Compose) -> None:
    compose.up("--scale", "history=3")
    until("three workers with a share each", lambda: len(owned(compose)) == 3 and min(owned(compose)) > 0, 60)
    until("each partition to have one owner", lambda: sum(owned(compose)) == 16, 60)
    run(compose, start="2024-02-01", end="2024-02-29")


@pytest.mark.parametrize("service", ["history", "live", "coordinator", "simulator", "brokers", "registry"])
def test_a_killed_container_is_healed_and_nothing_is_lost(compose: Compose, service: str) -> None:
    name = compose.brokers if service == "brokers" else service
    if name not in compose("config", "--services").split():
        pytest.skip("the registry is the brokers' own")
    backtest_id = begun(compose, backtest_id=f"kill-{name}", start="2023-10-02", end="2024-03-28")
    container = compose.containers(name)[0]
    before = compose.inspect(container)["RestartCount"]
    compose.kill(container)
    until(f"{name} to be started again", lambda: compose.inspect(container)["RestartCount"] > before, 60)
    whole(compose, backtest_id)
    until(f"{name} to be healthy again", lambda: compose.healthy(container), 120)


def test_down_and_up_again_goes_on_with_jobs_and_data(compose: Compose) -> None:
    """Volumes are kept: what is complete is still told, what ran goes on."""
    backtest_id = begun(compose, backtest_id="over", start="2023-01-03", end="2023-12-29")
    told = compose.platform.http.get("/backtests/first").json()
    compose("down", "--timeout", "30")
    compose.up()
    assert compose.platform.http.get("/backtests/first").json() == told
    whole(compose, "first")
    whole(compose, backtest_id)
    there = AdminClient({"bootstrap.servers": compose.platform.kafka}).list_topics(timeout=30).topics
    assert "stock-aapl-trade-live" in there


def test_roles_that_are_stopped_end_by_themselves(compose: Compose) -> None:
    """137 would be the engine's kill, 143 a death by the signal."""
    compose("stop", "--timeout", "25", *ROLES)
    for role in ROLES:
        assert [compose.inspect(one)["State"]["ExitCode"] for one in compose.containers(role)] == [0], role
