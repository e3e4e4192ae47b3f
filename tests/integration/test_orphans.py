"""Orphaned topics are found and told, over HTTP, in the metrics and on the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from command import run_command
from confluent_kafka.admin import AdminClient, NewTopic
from harness import Platform, until

pytestmark = pytest.mark.integration


def looked(platform: Platform) -> dict[str, Any]:
    response = platform.http.get("/topics/orphaned?fresh=true")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json"), response.text
    found: dict[str, Any] = response.json()
    return found


def test_topics_that_nobody_answers_for_are_told_until_they_are_deleted(
    platform: Platform, kafka_admin: AdminClient
) -> None:
    done = platform.run(tickers=["GE"], interval="1h", start="2024-07-02", end="2024-07-02")
    ours = done["series"][0]["topic"]
    lost, ended = "stock-ge-ohlcv1h-historical-lost", "stock-lost-quote-live"
    for future in kafka_admin.create_topics([NewTopic(lost, 1), NewTopic(ended, 1)]).values():
        future.result(20)
    until("both to be told", lambda: lost in str(found := looked(platform)) and ended in found["ended"])

    found = looked(platform)
    assert {"topic": lost, "backtest_id": "lost"} in found["orphaned"]
    assert ended in found["ended"]
    assert ours not in str(found)
    assert platform.http.get("/topics/orphaned").json() == found
    assert f"\nfdp_coordinator_orphaned_topics {len(found['orphaned']):.1f}\n" in platform.http.get("/metrics").text

    url = str(platform.http.base_url)
    table = run_command("orphans", "--url", url)
    assert table.returncode == 0, table.stderr
    assert lost in table.stdout.decode()
    assert "kafka-topics.sh" in table.stdout.decode()
    told = json.loads(run_command("orphans", "--json", "--url", url).stdout)
    assert told["orphaned"] == found["orphaned"]

    for future in kafka_admin.delete_topics([lost, ended]).values():
        future.result(20)
    until("both to be gone", lambda: "lost" not in str(looked(platform)))


def test_a_query_that_is_wrong_is_a_422(platform: Platform) -> None:
    response = platform.http.get("/topics/orphaned?fresh=perhaps")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "fresh")
