"""A backtest is computed once for all who watch it, and not more often than is good for others."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import orjson
import pytest

from app.domain.records import BacktestRecord
from app.domain.request import Backtest
from app.web.snapshots import Snapshots, snapshot_of

DAY = dt.date(2024, 3, 1)


def record(run: int = 1, retry: int | None = None) -> BacktestRecord:
    return BacktestRecord(Backtest("spring", DAY, DAY, ()), run, dt.datetime(2024, 3, 2, tzinfo=dt.UTC), retry)


def body(state: str = "running", rows: int = 0, eta: float | None = None) -> dict[str, Any]:
    progress = {"rows": rows, "chunks_done": 0, "chunks_total": 1, "eta_seconds": eta}
    return {"backtest_id": "spring", "state": state, "progress": progress, "series": [{"topic": "t", "rows": rows}]}


class Logs:
    """What a coordinator knows, and how often it is asked."""

    def __init__(self) -> None:
        self.version = 0
        self.asked = 0
        self.told = body()

    def status(self, _: BacktestRecord) -> dict[str, Any]:
        self.asked += 1
        return self.told

    def change(self, told: dict[str, Any]) -> None:
        self.version += 1
        self.told = told


def test_the_name_changes_with_everything_but_the_estimate() -> None:
    now = snapshot_of(body(rows=5, eta=3.0))

    assert snapshot_of(body(rows=5, eta=2.0)).name == now.name
    assert snapshot_of(body(rows=6, eta=3.0)).name != now.name
    assert snapshot_of(body("complete", rows=5, eta=3.0)).name != now.name


def test_a_brief_one_is_the_same_without_its_series() -> None:
    now = snapshot_of(body(rows=5))

    assert orjson.loads(now.body) == body(rows=5)
    assert orjson.loads(now.brief) == {name: value for name, value in body(rows=5).items() if name != "series"}


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        ("accepted", False),
        ("running", False),
        ("complete", True),
        ("partial", True),
        ("failed", True),
        ("cancelled", True),
    ],
)
def test_it_knows_which_states_are_final(state: str, ended: bool) -> None:
    assert snapshot_of(body(state)).ended is ended


def test_all_who_watch_at_once_are_told_of_one_look() -> None:
    logs = Logs()

    async def watch() -> set[str]:
        snapshots = Snapshots(logs.status, lambda: logs.version)
        found = await asyncio.gather(*(snapshots.of(record()) for _ in range(50)))
        return {one.name for one in found}

    assert len(asyncio.run(watch())) == 1
    assert logs.asked == 1


def test_what_has_changed_is_looked_at_again_and_what_has_not_is_not() -> None:
    logs = Logs()

    async def watch() -> list[str]:
        snapshots = Snapshots(logs.status, lambda: logs.version)
        found = [(await snapshots.of(record())).state, (await snapshots.of(record())).state]
        logs.change(body("complete"))
        return [*found, (await snapshots.of(record())).state]

    assert asyncio.run(watch()) == ["running", "running", "complete"]
    assert logs.asked == 2


def test_an_id_that_is_used_again_is_another_backtest() -> None:
    logs = Logs()

    async def watch() -> list[str]:
        snapshots = Snapshots(logs.status, lambda: logs.version)
        first = await snapshots.of(record(run=1))
        logs.told = body("accepted")
        return [first.state, (await snapshots.of(record(run=2))).state]

    assert asyncio.run(watch()) == ["running", "accepted"]


def test_who_asks_after_a_retry_is_not_told_what_an_older_look_found() -> None:
    """A look that was on its way when the retry was decided speaks of the attempt before."""
    logs = Logs()
    logs.told = body("failed")

    def status(of: BacktestRecord) -> dict[str, Any]:
        logs.asked += 1
        return body("failed" if of.retry is None else "accepted")

    async def watch() -> list[str]:
        snapshots = Snapshots(status, lambda: logs.version)
        await snapshots.of(record())
        logs.version += 1
        waiting = asyncio.ensure_future(snapshots.of(record()))
        await asyncio.sleep(0)
        logs.version += 1
        after = await snapshots.of(record(retry=7))
        return [(await waiting).state, after.state]

    assert asyncio.run(watch()) == ["failed", "accepted"]
