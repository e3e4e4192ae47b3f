"""Which series are handed over to the owners of their partitions, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from app.domain.records import Checkpoint, SeriesRecord
from app.history import runner as runner_module
from app.history.counts import Counts
from app.history.runner import MAX_RUNNING, Runner
from tests.unit.history.fetching import record_of

#: Free places that are filled between two looks.
TOGETHER = MAX_RUNNING // 2


class Owner:
    """An owner that only notes what it is given; ``done`` is what it tells of a series that needs no more work."""

    def __init__(self, _deps: Any, partition: int, done: Callable[[SeriesRecord], None], *_: Any) -> None:
        self.partition = partition
        self.done = done
        self.given: list[SeriesRecord] = []
        self.swept: list[str] = []
        self.was_slow = False
        self.ending = False

    def start(self) -> None:
        pass

    def submit(self, record: SeriesRecord) -> bool:
        if self.ending:
            return False
        self.given.append(record)
        return True

    def sweep(self, topics: list[str]) -> bool:
        self.swept += topics
        return True


class Logs:
    """What the index knows; everything lies in partition 0."""

    def __init__(self) -> None:
        self.series: dict[str, SeriesRecord] = {}
        self.checkpoints: dict[str, Checkpoint] = {}
        self.gone: list[str] = []
        self.asked = 0
        self.looks = 0

    def unfinished(self, _partitions: set[int]) -> list[tuple[int, SeriesRecord]]:
        self.looks += 1
        return [(0, record) for record in self.series.values()]

    def left_over(self, _partitions: set[int]) -> list[tuple[int, str]]:
        return [(0, topic) for topic in self.gone]

    def checkpoint(self, topic: str, _run: int) -> Checkpoint | None:
        return self.checkpoints.get(topic)


@pytest.fixture
def logs() -> Logs:
    return Logs()


@pytest.fixture
def runner(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setattr(runner_module, "PartitionOwner", Owner)
    fetcher = SimpleNamespace(set_share=lambda *_: None)
    made = Runner(SimpleNamespace(index=logs, fetcher=fetcher, counts=Counts()), 1)  # type: ignore[arg-type]
    made.assign([0])
    return made


def owner(runner: Runner) -> Owner:
    return runner._owners[0]  # type: ignore[return-value]


def asked(logs: Logs, count: int = 1, **marks: Any) -> list[SeriesRecord]:
    found = [replace(record_of(f"T{i}", 3), order=i, **marks) for i in range(count)]
    logs.series |= {record.topic: record for record in found}
    logs.asked += count
    return found


def finish(runner: Runner, logs: Logs, some: list[SeriesRecord]) -> None:
    """End these one after another; after each it is looked what may follow."""
    for record in some:
        logs.checkpoints[record.topic] = Checkpoint(0, 0, "complete", "", 0, 0)
        owner(runner).done(record)
        runner._hand_over()


def test_a_series_is_handed_over_once(runner: Runner, logs: Logs) -> None:
    records = asked(logs)
    runner._hand_over()
    runner._hand_over()

    assert owner(runner).given == records
    assert runner.running == {records[0].topic}


def test_no_more_run_than_can_be_served_but_all_are_cancelled_at_once(runner: Runner, logs: Logs) -> None:
    asked(logs, 200)
    runner._hand_over()
    assert len(owner(runner).given) <= MAX_RUNNING

    asked(logs, 200, cancel=5)
    runner._hand_over()
    assert len({record.topic for record in owner(runner).given if record.cancel == 5}) == 200


def test_one_that_is_done_is_followed_by_the_next_without_a_look_at_all_of_them(
    runner: Runner, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "LOOK_EVERY", 3600.0)
    records = asked(logs, 200)
    runner._hand_over()
    finish(runner, logs, records)
    assert owner(runner).given == records
    assert runner.running == set()
    assert logs.looks == 1


def test_those_that_wait_are_begun_in_groups_but_none_waits_beyond_the_next_look(
    runner: Runner, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "LOOK_EVERY", 3600.0)
    records = asked(logs, 200)
    runner._hand_over()
    begun = owner(runner).given
    assert begun == records[:MAX_RUNNING]

    finish(runner, logs, records[: TOGETHER - 1])
    assert begun == records[:MAX_RUNNING]
    finish(runner, logs, records[TOGETHER - 1 : TOGETHER])
    assert begun == records[: MAX_RUNNING + TOGETHER]

    finish(runner, logs, records[TOGETHER : TOGETHER + 3])
    logs.series = {record.topic: record for record in records[TOGETHER + 3 :]}
    monkeypatch.setattr(runner_module, "LOOK_EVERY", 0.0)
    runner._hand_over()
    assert begun == records[: MAX_RUNNING + TOGETHER + 3]


def test_the_first_series_are_begun_in_the_request_s_order_and_the_others_by_partition() -> None:
    records = [replace(record_of(f"T{i}", 3), order=i) for i in range(MAX_RUNNING + 6)]
    found = runner_module._in_turns([(i % 3, record) for i, record in enumerate(reversed(records))])
    assert [record.order for _, record in found[:MAX_RUNNING]] == list(range(MAX_RUNNING))
    assert [partition for partition, _ in found[MAX_RUNNING:]] == [0, 0, 1, 1, 2, 2]


def test_what_an_owner_leaves_behind_is_handed_to_the_next_one(
    runner: Runner, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "LOOK_EVERY", 3600.0)
    records = asked(logs, 3)
    runner._hand_over()
    former = owner(runner)
    runner._ended(former, 0.0)  # type: ignore[arg-type]
    runner._hand_over()
    assert owner(runner) is not former
    assert owner(runner).given == records


def test_what_an_ending_owner_does_not_take_is_handed_to_the_next_one(
    runner: Runner, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "LOOK_EVERY", 3600.0)
    monkeypatch.setattr(runner_module, "MAX_RUNNING", 1)
    first, second = asked(logs, 2)
    runner._hand_over()
    former = owner(runner)
    logs.checkpoints[first.topic] = Checkpoint(0, 0, "complete", "", 0, 0)
    former.done(first)
    former.ending = True
    runner._hand_over()
    runner._ended(former, 0.0)  # type: ignore[arg-type]
    runner._hand_over()
    assert owner(runner).given == [second]
    assert logs.looks == 1, "an owner that leaves nothing behind is no reason to look at all of them"


def test_what_is_asked_anew_of_a_series_that_runs_reaches_its_owner(runner: Runner, logs: Logs) -> None:
    (first,) = asked(logs)
    runner._hand_over()
    (again,) = asked(logs, attempt=7)
    runner._hand_over()
    assert owner(runner).given == [first, again]

    owner(runner).done(first)
    assert runner.running == {first.topic}, "its owner has not looked at the later record yet"
    owner(runner).done(again)
    assert runner.running == set()


def test_a_retry_waits_for_the_end_of_what_is_being_cancelled(runner: Runner, logs: Logs) -> None:
    cancelled = asked(logs, 200, cancel=5)
    runner._hand_over()
    retried = asked(logs, 200, cancel=5, attempt=7)
    runner._hand_over()
    assert owner(runner).given == cancelled
    assert runner.running == set()

    for record in cancelled:
        logs.checkpoints[record.topic] = Checkpoint(0, 0, "cancelled", "", 0, 0)
        owner(runner).done(record)
    runner._hand_over()
    begun = owner(runner).given[len(cancelled) :]
    assert 0 < len(begun) <= MAX_RUNNING
    assert {record.attempt for record in begun} == {7}
    assert len(retried) == 200


def test_what_is_left_over_is_handed_over_once_until_it_is_gone(runner: Runner, logs: Logs) -> None:
    logs.gone = ["stock-a-eod-historical-x"]
    runner._hand_over()
    runner._hand_over()
    assert owner(runner).swept == logs.gone

    logs.gone = []
    runner._hand_over()
    logs.gone = ["stock-a-eod-historical-x"]
    runner._hand_over()
    assert owner(runner).swept == logs.gone * 2
