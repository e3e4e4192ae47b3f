"""What the owner of ``requests`` writes unasked: what expires, and what is gone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import orjson
import pytest

from app.coordinator.housekeeping import Housekeeping
from app.domain.checking import parse_request
from app.domain.records import BacktestRecord, Checkpoint, SeriesState

ENDED = dt.datetime(2025, 6, 3, 12, tzinfo=dt.UTC)
RECORD = BacktestRecord(
    parse_request(
        {
            "backtest_id": "b",
            "start": "2024-01-02",
            "end": "2024-01-03",
            "retain_days": 3,
            "series": [{"asset": "stock", "tickers": ["A", "B"]}],
        },
        ENDED,
    ),
    5,
    ENDED,
)
TOPICS = [name.topic for name, _ in RECORD.backtest.members()]


class Logs:
    """Stands for the index and for the writer: what is written, transaction by transaction."""

    def __init__(self, record: BacktestRecord, *states: SeriesState) -> None:
        self.record = record
        self.states = dict(zip(TOPICS, states, strict=True))
        self.runs: dict[str, int | None] = dict.fromkeys(TOPICS, 5)
        self.transactions: list[list[tuple[str, str, Any]]] = []
        self.written: dict[tuple[str, int], int] = {}

    def leaving(self) -> list[BacktestRecord]:
        return [self.record] if self.record.delete is not None else []

    def expiring(self) -> list[BacktestRecord]:
        return [self.record] if self.record.delete is None else []

    def run_of(self, topic: str) -> int | None:
        return self.runs[topic]

    def checkpoint(self, topic: str, run: int) -> Checkpoint | None:
        return Checkpoint(run, run, self.states[topic], "", 0, 0)

    def written_at(self, _topic: str, _run: int) -> int:
        return int(ENDED.timestamp() * 1000)

    def wait_for(self, places: dict[tuple[str, int], int]) -> None:
        assert all(topic != "requests" for topic, _ in places)

    def begin(self) -> None:
        self.transactions.append([])

    def record_(self, topic: str, key: bytes, value: bytes | None, *, partition: int = -1) -> None:
        self.transactions[-1].append((topic, key.decode(), None if value is None else orjson.loads(value)))

    def commit(self) -> None:
        pass


class Writer:
    def __init__(self, logs: Logs) -> None:
        self.begin, self.record, self.commit, self.written = logs.begin, logs.record_, logs.commit, logs.written


def tidied(logs: Logs, now: dt.datetime = ENDED, looks: int = 1) -> list[list[tuple[str, str, Any]]]:
    seconds = iter(range(0, 1_000_000, 100))
    keeper = Housekeeping(logs, lambda: now, lambda: float(next(seconds)))  # type: ignore[arg-type]
    for _ in range(looks):
        keeper.tidy(Writer(logs))  # type: ignore[arg-type]
    return logs.transactions


def test_an_expired_backtest_is_asked_to_be_deleted_once_by_its_run() -> None:
    logs = Logs(RECORD, "complete", "failed")
    late = ENDED + dt.timedelta(days=3)

    assert tidied(logs, late, looks=5) == [[("requests", "b", {"delete": "b", "run": 5})]]


def test_one_that_has_not_expired_is_left_alone() -> None:
    assert tidied(Logs(RECORD, "complete", "complete"), ENDED + dt.timedelta(days=2.9)) == []
    assert tidied(Logs(RECORD, "complete", "running"), ENDED + dt.timedelta(days=30)) == []


@pytest.mark.parametrize("states", [("deleted", "cancelled"), ("running", "deleted")])
def test_what_is_not_wholly_gone_is_not_forgotten(states: tuple[SeriesState, SeriesState]) -> None:
    assert tidied(Logs(replace(RECORD, delete=9), *states)) == []


def test_what_is_gone_is_forgotten_in_one_transaction_series_of_its_run_only() -> None:
    logs = Logs(replace(RECORD, delete=9), "deleted", "deleted")
    logs.runs[TOPICS[1]] = None

    assert tidied(logs) == [[("series", TOPICS[0], None), ("backtests", "b", None)]]
