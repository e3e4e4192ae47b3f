"""Looking for orphaned topics: without a race, and without an end whatever goes wrong."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest

from app.coordinator.orphans import OrphanWatch, look
from app.domain.orphans import Leftovers, Orphan
from app.errors import LogError

NAMES = ["stock-a-eod-historical-1", "stock-b-eod-historical-1"]


class Cluster:
    """Topics and logs that change while they are looked at: ``then`` is done each time the logs are read."""

    def __init__(self, topics: Iterable[str], series: Iterable[str]) -> None:
        self.topics, self.series = set(topics), set(series)
        self.read: set[str] = set()
        self.then: list[Callable[[], None]] = []

    def names(self) -> set[str]:
        return set(self.topics)

    def existing(self, names: Iterable[str]) -> set[str]:
        return self.topics & set(names)

    def catch_up(self, timeout: float = 60.0) -> None:
        if self.then:
            self.then.pop(0)()
        self.read = set(self.series)

    def is_series(self, topic: str) -> bool:
        return topic in self.read

    def subscriptions(self) -> dict[str, Any]:
        return {}

    def look(self) -> Leftovers:
        class Still(Cluster):
            def catch_up(self, timeout: float = 60.0) -> None:
                """Of the live side nothing changes."""

        this = cast(Any, self)
        return look(this, this, cast(Any, Still([], [])))


def test_a_topic_that_is_made_during_a_look_is_none() -> None:
    cluster = Cluster(NAMES, NAMES[:1])
    cluster.then = [lambda: cluster.series.add(NAMES[1])]
    assert cluster.look().topics == []


def test_a_topic_that_is_deleted_with_its_record_during_a_look_is_none() -> None:
    cluster = Cluster(NAMES, NAMES)

    def delete() -> None:
        cluster.topics.discard(NAMES[1])
        cluster.series.discard(NAMES[1])

    cluster.then = [delete]
    assert cluster.look().topics == []


def test_a_topic_that_stays_without_a_series_is_orphaned() -> None:
    assert Cluster(NAMES, NAMES[:1]).look().orphaned == (Orphan(NAMES[1], "1"),)


FOUND = Leftovers((Orphan(NAMES[0], "1"),))


def test_a_look_is_taken_at_the_start_and_when_it_is_asked_for() -> None:
    taken = iter([Leftovers(), FOUND])
    watch = OrphanWatch(lambda: next(taken))
    watch.start()
    try:
        while watch.latest is None:
            threading.Event().wait(0.01)
        assert watch.count == 0
        assert watch.fresh().result(10).found == FOUND
        assert watch.count == 1
    finally:
        watch.stop()


@pytest.mark.parametrize("error", [LogError("the brokers do not answer"), RuntimeError("a defect")])
def test_a_look_that_fails_is_told_to_who_asked_and_the_next_one_is_taken(error: Exception) -> None:
    def fail() -> Leftovers:
        if outcomes:
            raise outcomes.pop()
        return FOUND

    outcomes = [error, error]
    watch = OrphanWatch(fail)
    first = watch.fresh()
    watch.start()
    try:
        with pytest.raises(LogError, match=str(error)):
            first.result(10)
        with pytest.raises(LogError):
            watch.fresh().result(10)
        assert watch.fresh().result(10).found == FOUND
    finally:
        watch.stop()


def test_one_warning_is_logged_when_the_number_changes(caplog: pytest.LogCaptureFixture) -> None:
    several = Leftovers(tuple(Orphan(f"stock-a-eod-historical-{i}", str(i)) for i in range(9)))
    taken = iter([FOUND, FOUND, several, Leftovers()])
    watch = OrphanWatch(lambda: next(taken))
    asked = watch.fresh()
    with caplog.at_level(logging.INFO):
        watch.start()
        for _ in range(4):
            asked.result(10)
            asked = watch.fresh()
        watch.stop()
    told = [record.getMessage() for record in caplog.records if record.name.endswith("orphans")][:3]
    assert "1 data topics" in told[0]
    assert "9 data topics" in told[1]
    assert "historical-4 …" in told[1]
    assert told[2] == "no data topic is orphaned any more"
