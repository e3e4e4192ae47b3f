"""The processes of the platform: who tells of itself is there, who said that it goes is not; silence is no answer."""

from __future__ import annotations

import datetime as dt

import pytest

from app.domain.worker_report import SILENT_AFTER, WorkerReport
from app.errors import LogError
from app.kafka.worker_index import WorkerIndex
from app.settings import load
from tests.unit.kafka.followed import FollowedLog, following

STARTED = dt.datetime(2024, 3, 1, 14, 30, tzinfo=dt.UTC)


class Log(FollowedLog):
    def tell(self, pid: int) -> None:
        one = WorkerReport("history", "here", pid, "0.1.0", STARTED, "CONNECTED")
        self.put("workers", one.key, one.encode())


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> tuple[WorkerIndex, Log]:
    return following(monkeypatch, Log, lambda: WorkerIndex(load(), clock))


def test_who_tells_of_itself_is_there_until_it_says_that_it_goes(made: tuple[WorkerIndex, Log]) -> None:
    index, log = made
    log.tell(1)
    log.tell(2)
    log.put("workers", "history/here/1", None)

    assert [report.pid for report, _ in index.workers()] == [2]


def test_when_nothing_comes_any_more_nobody_is_told_to_be_there(made: tuple[WorkerIndex, Log], clock: Clock) -> None:
    index, log = made
    log.tell(1)
    clock.now += SILENT_AFTER
    assert [report.pid for report, _ in index.workers()] == [1]

    clock.now += 0.1
    with pytest.raises(LogError, match="nothing has come"):
        index.workers()
    log.tell(1)
    assert [report.pid for report, _ in index.workers()] == [1]
