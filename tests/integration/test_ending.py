"""Cancelling, retrying and deleting backtests, over HTTP and on ``requests``."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests_topic
from confluent_kafka.admin import AdminClient
from harness import FINAL, Platform, until

pytestmark = pytest.mark.integration

#: Several requests for each ticker, of which the last one can be held up.
WORK = {"tickers": ["AAPL", "MSFT"], "start": "2024-07-01", "end": "2024-07-31", "interval": "1s"}
SMALL = {"tickers": ["GE", "JPM"], "start": "2024-07-01", "end": "2024-07-03", "interval": "1m"}
SLOW = {"match": {"date": "2024-07-31"}, "fault": {"kind": "stall", "seconds": 8}}


def status(platform: Platform, backtest_id: str) -> dict[str, Any]:
    found: dict[str, Any] = platform.http.get(f"/backtests/{backtest_id}").json()
    return found


def rows(platform: Platform, backtest_id: str) -> int:
    """Rows so far; none while it has not been decided on."""
    return int(status(platform, backtest_id).get("progress", {}).get("rows", 0))


def begun(platform: Platform, **work: Any) -> str:
    """A slow backtest of which some rows are written."""
    platform.simulator.set_faults([SLOW])
    name = platform.ask(**(work or WORK))
    until("rows", lambda: rows(platform, name) > 0)
    return name


def gone(platform: Platform, backtest_id: str) -> None:
    until(f"{backtest_id} to be unknown", lambda: platform.http.get(f"/backtests/{backtest_id}").status_code == 404)


def topics(platform: Platform, kafka_admin: AdminClient, backtest_id: str) -> list[str]:
    return [name for name in kafka_admin.list_topics(timeout=10).topics if name.endswith(f"-historical-{backtest_id}")]


def digests(done: dict[str, Any]) -> list[str]:
    return [one["sha256"] for one in done["receipts"]]


def asked(platform: Platform) -> list[str]:
    return [one["query"] for one in platform.simulator.stats()["recent"] if "/history/" in one["path"]]


def publish(platform: Platform, **message: Any) -> None:
    requests_topic.publish(platform, json.dumps(message).encode())


@pytest.fixture
def clean(platform: Platform) -> dict[str, Any]:
    """The same small backtest, undisturbed."""
    return platform.run(**SMALL)


def test_what_runs_is_cancelled_and_goes_on_when_it_is_retried(platform: Platform) -> None:
    name = begun(platform)
    answer = platform.http.delete(f"/backtests/{name}")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/backtests/{name}"
    done = platform.finished(name)
    assert done["state"] == "cancelled"
    for one in done["series"]:
        assert one["state"] in ("cancelled", "complete")
        assert len(platform.messages(one["topic"])) == one["rows"]
    again = platform.http.post("/historical/stock", json={"backtest_id": name, **WORK})
    assert (again.status_code, again.json()["state"]) == (202, "cancelled"), "the same request starts nothing"

    platform.simulator.set_faults([])
    platform.simulator.reset()
    answer = platform.http.post(f"/backtests/{name}/retry")
    assert answer.status_code == 202
    assert answer.json()["state"] in ("accepted", "running", "complete")
    whole = platform.finished(name)
    assert whole["state"] == "complete"
    assert whole["progress"]["rows"] > done["progress"]["rows"]
    queries = asked(platform)
    assert len(queries) == len(set(queries))
    clean = platform.run(**WORK)
    assert digests(whole) == digests(clean)


def test_a_cancellation_that_meets_a_retry_at_its_start_holds(platform: Platform) -> None:
    name = begun(platform)
    for _ in range(3):
        platform.http.delete(f"/backtests/{name}")
        platform.http.post(f"/backtests/{name}/retry")
    platform.http.delete(f"/backtests/{name}")
    assert platform.finished(name)["state"] == "cancelled"
    platform.simulator.set_faults([])
    platform.http.post(f"/backtests/{name}/retry")
    done = platform.finished(name)
    assert done["state"] == "complete"
    assert digests(done) == digests(platform.run(**WORK))


def test_a_cancellation_leaves_those_alone_that_share_its_transactions(platform: Platform) -> None:
    platform.simulator.set_faults([SLOW])
    names = [platform.ask(**WORK) for _ in range(2)]
    until("rows of both", lambda: all(rows(platform, name) for name in names))
    platform.http.delete(f"/backtests/{names[0]}")
    assert platform.finished(names[0])["state"] == "cancelled"
    platform.simulator.set_faults([])
    done = platform.finished(names[1])
    assert done["state"] == "complete"
    assert digests(done) == digests(platform.run(**WORK))


def test_what_is_complete_stays_so(platform: Platform, clean: dict[str, Any]) -> None:
    name = clean["backtest_id"]
    assert platform.http.delete(f"/backtests/{name}").json()["state"] == "complete"
    assert platform.http.post(f"/backtests/{name}/retry").json()["state"] == "complete"
    assert status(platform, name)["receipts"] == clean["receipts"]


def test_a_retry_runs_only_what_is_missing(platform: Platform, clean: dict[str, Any]) -> None:
    platform.simulator.set_faults([{"match": {"symbol": "JPM"}, "fault": {"status": 404}, "nth": 1}])
    name = platform.ask(**SMALL)
    done = platform.finished(name)
    assert done["state"] == "partial"
    assert [one["state"] for one in done["series"]] == ["complete", "failed"]
    platform.simulator.set_faults([])
    platform.simulator.reset()
    publish(platform, retry=name)
    until("it to be complete", lambda: status(platform, name)["state"] == "complete")
    assert {query.split("&")[0] for query in asked(platform)} == {"symbol=JPM"}
    whole = status(platform, name)
    assert digests(whole) == digests(clean)
    assert "reason" not in whole["series"][1]


def test_a_series_that_fails_again_says_so_and_may_be_retried_again(platform: Platform) -> None:
    platform.simulator.set_faults([{"match": {"symbol": "JPM"}, "fault": {"status": 404, "body": "not yet"}}])
    name = platform.ask(**SMALL)
    assert platform.finished(name)["state"] == "partial"
    for _ in range(2):
        assert platform.http.post(f"/backtests/{name}/retry").status_code == 202
        done = platform.finished(name)
        assert done["state"] == "partial"
        assert "not yet" in done["series"][1]["reason"]


def test_other_data_than_was_written_fails_the_series_and_the_next_retry_writes_it_anew(platform: Platform) -> None:
    work = {**WORK, "tickers": ["KO"]}
    platform.simulator.set_faults([{"match": {"symbol": "KO", "date": "2024-07-26"}, "fault": {"status": 404}}])
    name = platform.ask(**work)
    done = platform.finished(name)
    assert done["state"] == "failed"
    assert done["series"][0]["rows"] > 0
    revised = [{"match": {"symbol": "KO"}, "fault": {"kind": "revised"}}]
    platform.simulator.set_faults(revised)
    platform.http.post(f"/backtests/{name}/retry")
    changed = platform.finished(name)
    assert changed["state"] == "failed"
    assert changed["series"][0]["reason"].startswith("provider_changed")
    assert changed["series"][0]["rows"] == done["series"][0]["rows"], "nothing was added to what is old"
    platform.http.post(f"/backtests/{name}/retry")
    anew = platform.finished(name)
    assert anew["state"] == "complete"
    assert digests(anew) == digests(platform.run(**work))
    assert len(platform.messages(anew["series"][0]["topic"])) == anew["series"][0]["rows"]


def test_other_data_of_a_chain_fails_it_too(platform: Platform) -> None:
    work = {"root": "AAPL", "start": "2024-07-01", "end": "2024-07-03", "schema": "quote", "interval": "5m"}
    work["contracts"] = {"max_dte": 10, "strike_range": 3}
    last_day = [{"match": {"date": "2024-07-03", "path": "/history/"}, "fault": {"status": 404}}]
    platform.simulator.set_faults(last_day)
    name = platform.ask("option", **work)
    assert platform.finished(name)["state"] == "failed"
    assert status(platform, name)["progress"]["rows"] > 0
    platform.simulator.set_faults([{"match": {"path": "/history/"}, "fault": {"kind": "revised"}}])
    platform.http.post(f"/backtests/{name}/retry")
    assert "provider_changed" in platform.finished(name)["series"][0]["reason"]
    platform.simulator.set_faults([])
    platform.http.post(f"/backtests/{name}/retry")
    done = platform.finished(name)
    assert done["state"] == "complete"
    assert digests(done) == digests(platform.run("option", **work))


def test_a_deleted_backtest_is_unknown_its_topics_are_gone_and_its_id_is_free(
    platform: Platform, kafka_admin: AdminClient, clean: dict[str, Any]
) -> None:
    name = platform.run(**SMALL)["backtest_id"]
    assert len(topics(platform, kafka_admin, name)) == 2
    answer = platform.http.delete(f"/backtests/{name}", params={"topics": "true"})
    assert answer.status_code == 202
    gone(platform, name)
    assert topics(platform, kafka_admin, name) == []
    assert all(one["backtest_id"] != name for one in platform.http.get("/backtests").json())
    for call in (platform.http.get, platform.http.delete):
        assert call(f"/backtests/{name}").status_code == 404
    assert platform.http.post(f"/backtests/{name}/retry").status_code == 404

    other = {"backtest_id": name, "tickers": ["GE"], "start": "2024-07-01", "end": "2024-07-03", "interval": "1m"}
    assert platform.http.post("/historical/stock", json=other).status_code == 202
    done = platform.finished(name)
    assert done["state"] == "complete"
    assert digests(done) == digests(clean)[:1]
    assert len(platform.messages(done["series"][0]["topic"])) == done["series"][0]["rows"]


def test_what_is_written_can_be_deleted_and_begun_again_at_once(platform: Platform, kafka_admin: AdminClient) -> None:
    clean = platform.run(**WORK)
    name = begun(platform)
    for _ in range(2):
        answer = platform.http.delete(f"/backtests/{name}", params={"topics": "true"})
        assert answer.status_code == 202
        taken = platform.http.post("/historical/stock", json={"backtest_id": name, **WORK})
        # It may be gone that soon.
        assert taken.status_code == 202 or "being deleted" in taken.json()["detail"]
        if taken.status_code != 202:
            assert taken.status_code == 409
            gone(platform, name)
            assert topics(platform, kafka_admin, name) == []
            assert platform.http.post("/historical/stock", json={"backtest_id": name, **WORK}).status_code == 202
    platform.simulator.set_faults([])
    done = platform.finished(name)
    assert done["state"] == "complete"
    assert digests(done) == digests(clean)
    assert [len(platform.messages(one["topic"])) for one in done["series"]] == [one["rows"] for one in done["series"]]


def test_the_logs_keep_nothing_of_what_was_deleted(platform: Platform) -> None:
    name = platform.run(**SMALL)["backtest_id"]
    publish(platform, delete=name)
    gone(platform, name)

    def left() -> dict[str, list[str]]:
        found: dict[str, dict[bytes, bytes | None]] = {}
        for log in ("series", "progress", "backtests"):
            last = found.setdefault(log, {})
            for message in platform.messages(log):
                last[message.key()] = message.value()
        return {
            log: [key.decode() for key, value in last.items() if value is not None and name in key.decode()]
            for log, last in found.items()
        }

    until("progress to be swept", lambda: not any(left().values()))


def test_a_deletion_before_anything_ran_leaves_nothing(platform: Platform, kafka_admin: AdminClient) -> None:
    platform.simulator.set_faults([{"fault": {"status": 571}}])
    name = platform.ask("option", root="SPXW", schema="quote", interval="1m", start="2024-07-01", end="2024-07-03")
    platform.http.delete(f"/backtests/{name}", params={"topics": "true"})
    gone(platform, name)
    assert topics(platform, kafka_admin, name) == []


def test_a_query_that_is_neither_yes_nor_no_is_refused(platform: Platform, clean: dict[str, Any]) -> None:
    answer = platform.http.delete(f"/backtests/{clean['backtest_id']}", params={"topics": "perhaps"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "topics"
    assert status(platform, clean["backtest_id"])["state"] in FINAL
