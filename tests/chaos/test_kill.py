"""Roles killed with kill -9 while they work: each row is there once, in order, and the receipts are true."""

from __future__ import annotations

from typing import Any

import pytest
from chance import FULL, Diary
from harness import Platform, until
from workers import worker_of

pytestmark = pytest.mark.integration

WORK = {"tickers": ["AAPL", "MSFT", "NVDA"], "start": "2024-07-01", "end": "2024-07-12", "interval": "1s"}
CHAIN = {"root": "AAPL", "start": "2024-07-01", "end": "2024-07-03", "schema": "quote", "interval": "1m"}


@pytest.mark.timeout(300)
def test_rows_survive_the_death_of_their_writer(platform: Platform) -> None:
    clean = platform.run(**WORK)
    done = run_and_kill(platform, "stock", WORK)
    compare(platform, done, clean)
    for one in done["receipts"]:
        times = [message.timestamp()[1] for message in platform.messages(one["topic"])]
        assert times == sorted(set(times))


@pytest.mark.skipif(not FULL, reason="minutes of a plan that is split")
@pytest.mark.timeout(300)
def test_a_chain_whose_plan_is_split_survives_the_death_of_its_writer(platform: Platform) -> None:
    clean = platform.run("option", **CHAIN)
    too_much = {"match": {"path": "/history/"}, "fault": {"status": 570}, "probability": 0.3}
    platform.simulator.set_faults([too_much])
    done = run_and_kill(platform, "option", CHAIN, most=2)
    compare(platform, done, clean)
    assert done["progress"]["chunks_total"] > clean["progress"]["chunks_total"]
    for one in done["receipts"]:
        places = [(message.timestamp()[1], message.key()) for message in platform.messages(one["topic"])]
        assert places == sorted(set(places))


def run_and_kill(platform: Platform, asset: str, work: dict[str, Any], most: int = 4 if FULL else 1) -> dict[str, Any]:
    """A backtest whose history role is killed up to ``most`` times, at random moments."""
    diary = Diary(f"{asset} history killed")
    history = worker_of(platform, "history")
    name = platform.ask(asset, **work)
    kills = 0
    while platform.http.get(f"/backtests/{name}").json()["state"] in ("accepted", "running") and kills < most:
        rows = platform.http.get(f"/backtests/{name}").json()["progress"]["rows"]
        more = rows + diary.chance.randrange(1, 60_000)

        def on_the_way(more: int = more) -> bool:
            found = platform.http.get(f"/backtests/{name}").json()
            return found["progress"]["rows"] >= more or found["state"] not in ("accepted", "running")

        until(f"{more} rows", on_the_way)
        diary.fault("kill -9 history", f"({history.pid})")
        history.kill()
        kills += 1
    done = platform.finished(name, timeout=120)
    print(f"  {diary.total()}")
    assert done["state"] == "complete", done
    return done


def compare(platform: Platform, done: dict[str, Any], clean: dict[str, Any]) -> None:
    """The same rows as on a run that nobody disturbed."""
    assert [one["sha256"] for one in done["receipts"]] == [one["sha256"] for one in clean["receipts"]]
    assert [one["sessions"] for one in done["receipts"]] == [one["sessions"] for one in clean["receipts"]]
    for one in done["receipts"]:
        assert len(platform.messages(one["topic"])) == one["rows"]


@pytest.mark.timeout(300)
def test_requests_survive_the_death_of_their_decider(platform: Platform) -> None:
    body = {"tickers": ["GE"], "start": "2024-07-02", "end": "2024-07-02", "interval": "1h"}
    names = [platform.ask(**body) for _ in range(3)]
    coordinator = worker_of(platform, "coordinator")
    coordinator.kill()
    coordinator.ready()
    for name in names:
        assert platform.finished(name)["state"] == "complete"
    assert platform.run(**body)["state"] == "complete"
    again = platform.http.post("/historical/stock", json={"backtest_id": names[0], **body})
    assert again.status_code == 202
    assert again.json()["state"] == "complete", "no second run"
