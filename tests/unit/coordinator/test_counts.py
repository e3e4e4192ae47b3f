"""Decisions and states as the coordinator counts them."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import Any

import pytest

from app.coordinator.counts import KINDS, Counts, States
from app.domain.checking import parse_request
from app.domain.decide import Rejected, Repeated
from app.domain.records import BacktestRecord, Checkpoint
from app.errors import InvalidRequest
from app.kafka.log import Record

NOW = dt.datetime(2024, 7, 1, tzinfo=dt.UTC)


def backtest(run: int) -> BacktestRecord:
    body: dict[str, Any] = {
        "backtest_id": f"b{run}",
        "start": "2024-01-02",
        "end": "2024-01-03",
        "series": [{"asset": "stock", "tickers": ["A", "B"], "schema": "eod"}],
    }
    return BacktestRecord(parse_request(body, NOW), run, NOW)


def test_decisions_are_counted_by_kind_and_from_the_brokers_stamp() -> None:
    counts = Counts()
    record = Record("requests", 0, 1, int(time.time() * 1000) - 40_000, None, None)
    # A broker whose clock is ahead of ours.
    ahead = replace(record, timestamp=record.timestamp + 80_000)
    counts.committed([(record, Repeated("b1")), (ahead, Rejected(InvalidRequest.of("", "no")))])
    assert counts.decided.read() == {(kind,): float(kind in ("repeated", "rejected")) for kind in KINDS}
    (found, total), *_ = counts.seconds.read().values()
    assert found[-1] == 2
    assert 40 <= total < 70


def test_states_are_computed_at_most_once_in_ten_seconds() -> None:
    asked: list[str] = []
    now = [0.0]
    done = {1}

    def checkpoint(topic: str, run: int) -> Checkpoint | None:
        asked.append(topic)
        return Checkpoint(run, 0, "complete", "", 0, 0) if run in done else None

    states = States(lambda: [backtest(1), backtest(2)], checkpoint, lambda: now[0])
    expected = dict.fromkeys([("running",), ("partial",), ("failed",), ("cancelled",)], 0.0)
    assert states.read() == {**expected, ("accepted",): 1, ("complete",): 1}
    done.add(2)
    now[0] = 10.0
    assert states.read()[("complete",)] == 1
    assert len(asked) == 4
    now[0] = 10.1
    assert states.read()[("complete",)] == 2


@pytest.mark.parametrize("kind", ["accepted", "repeated", "rejected", "subscribed", "unsubscribed"])
def test_each_decision_has_a_kind_of_its_own(kind: str) -> None:
    assert kind in KINDS
