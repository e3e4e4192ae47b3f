"""Following a backtest: Server-Sent Events, long polls; who is at work; dead letters over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from harness import FINAL, Platform, until
from requests_topic import publish

pytestmark = pytest.mark.integration

GOOD: dict[str, Any] = {"tickers": ["KO", "PEP"], "start": "2024-07-01", "end": "2024-07-03", "interval": "1m"}
#: Nothing of history comes for so long.
STALL = {"match": {"path": "/history/"}, "fault": {"kind": "stall", "seconds": 20}}


def events(platform: Platform, backtest_id: str, last: str = "", **query: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and data of each event until the stream ends."""
    headers = {"Last-Event-ID": last} if last else {}
    with httpx.stream(
        "GET",
        platform.http.base_url.join(f"/backtests/{backtest_id}/events"),
        params=query,
        headers=headers,
        timeout=30,
        trust_env=False,
    ) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"] == "text/event-stream"
        name = ""
        for line in response.iter_lines():
            if line.startswith("id: "):
                name = line[4:]
            elif line.startswith("data: "):
                yield name, orjson.loads(line[6:])


def series_states(platform: Platform, backtest_id: str) -> set[str]:
    return {one["state"] for one in platform.http.get(f"/backtests/{backtest_id}").json()["series"]}


def test_events_lead_to_the_final_state_and_end_there(platform: Platform) -> None:
    backtest_id = platform.ask(**GOOD)

    told = list(events(platform, backtest_id))

    states = [body["state"] for _, body in told]
    assert states[-1] == "complete"
    assert not set(states[:-1]) & set(FINAL)
    rows = [body["progress"]["rows"] for _, body in told]
    assert rows == sorted(rows)
    assert len({name for name, _ in told}) == len(told)
    final = platform.http.get(f"/backtests/{backtest_id}").json()
    receipts = final.pop("receipts")
    assert told[-1][1] == final
    assert sum(receipt["rows"] for receipt in receipts) == rows[-1] > 0


def test_who_comes_again_is_told_only_what_is_different(platform: Platform) -> None:
    backtest_id = platform.run(**GOOD)["backtest_id"]
    ((name, _),) = events(platform, backtest_id)

    again = platform.http.get(f"/backtests/{backtest_id}/events", headers={"Last-Event-ID": name})
    ((other, body),) = events(platform, backtest_id, last="something else")

    assert (again.status_code, again.content) == (204, b"")
    assert (other, body["state"]) == (name, "complete")


def test_events_may_leave_the_series_out(platform: Platform) -> None:
    backtest_id = platform.run(**GOOD)["backtest_id"]

    ((_, body),) = events(platform, backtest_id, series="false")

    assert "series" not in body
    assert body["state"] == "complete"


def test_a_backtest_that_is_deleted_ends_its_stream(platform: Platform) -> None:
    platform.simulator.set_faults([STALL])
    backtest_id = platform.ask(**GOOD)
    stream = events(platform, backtest_id)
    first = next(stream)[1]
    assert first["state"] in ("accepted", "running")

    assert platform.http.delete(f"/backtests/{backtest_id}?topics=true").status_code == 202
    platform.simulator.set_faults([])

    assert [body["state"] for _, body in stream][-1] in ("cancelled", "deleted")


def test_there_are_no_events_of_what_is_not_there(platform: Platform) -> None:
    response = platform.http.get("/backtests/nothing/events")

    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


def test_a_parameter_that_events_do_not_have_is_named(platform: Platform) -> None:
    response = platform.http.get("/backtests/nothing/events?serie=false")

    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"field": "serie", "message": "is not a parameter of a request; did you mean series?"}
    ]


def test_every_role_tells_how_it_is(platform: Platform) -> None:
    def all_there() -> list[dict[str, Any]] | None:
        found = platform.http.get("/workers").json()
        there = {one["role"] for one in found if one["ready"]}
        return found if there == {"coordinator", "history", "live"} else None

    found = {one["role"]: one for one in until("every role to report", all_there)}

    pids = {role: int(one["instance"].rpartition(":")[2]) for role, one in found.items()}
    assert pids == {role: platform.pids()[role] for role in ("coordinator", "history", "live")}
    history = found["history"]
    assert 0 <= history["slots_in_use"] <= history["slots_limit"]
    assert history["provider_state"] == "CONNECTED"


def test_dead_letters_are_told_with_their_reason(platform: Platform) -> None:
    publish(platform, b"no JSON at all")

    def told() -> dict[str, Any] | None:
        letters = platform.http.get("/dlq?limit=5").json()["letters"]
        return next((one for one in letters if one["bytes"] == len(b"no JSON at all")), None)

    one = until("the letter", told)

    assert "JSON" in one["reason"]
    assert one["resubmitted"] is False
    assert one["source"].startswith("requests@")


def test_a_poll_that_waits_is_answered_with_the_end(platform: Platform) -> None:
    backtest_id = platform.ask(**GOOD)

    body = platform.http.get(f"/backtests/{backtest_id}?wait=30").json()

    assert body["state"] == "complete"
    assert len(body["receipts"]) == 2


def test_a_poll_that_knows_the_state_is_answered_when_it_changes(platform: Platform) -> None:
    platform.simulator.set_faults([STALL])
    backtest_id = platform.ask(**GOOD)
    until("both series to run", lambda: series_states(platform, backtest_id) == {"running"})
    before = platform.http.get(f"/backtests/{backtest_id}")
    known = {"If-None-Match": before.headers["etag"]}

    same = platform.http.get(f"/backtests/{backtest_id}", headers=known)
    still = platform.http.get(f"/backtests/{backtest_id}?wait=0.3", headers=known)
    assert platform.http.delete(f"/backtests/{backtest_id}").status_code == 202
    changed = platform.http.get(f"/backtests/{backtest_id}?wait=30", headers=known)

    assert [one.status_code for one in (same, still, changed)] == [304, 304, 200]
    assert changed.headers["etag"] != before.headers["etag"]


@pytest.mark.parametrize("wait", ["-1", "61", "long", "nan"])
def test_a_wait_that_is_none_is_a_422(platform: Platform, wait: str) -> None:
    response = platform.http.get(f"/backtests/nothing?wait={wait}")

    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["wait"]
