"""What a series that begins waits for, and what it does not wait for."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from app.history.starting import Starter
from tests.unit.history.fetching import record_of


class Topics:
    """The brokers' topics, by id. ``looks`` tells of each look whether topics were being deleted by nobody else."""

    def __init__(self, there: dict[str, str], deletions: threading.Lock) -> None:
        self._there = there
        self._deletions = deletions
        self.looks: list[bool] = []

    def ids(self, names: Iterable[str]) -> dict[str, str]:
        self.looks.append(self._deletions.locked())
        return {name: self._there[name] for name in names if name in self._there}

    def delete(self, names: Iterable[str]) -> dict[str, str]:
        assert self._deletions.locked()
        for name in names:
            del self._there[name]
        return {}


class Writer:
    """A writer of which nobody reads what it writes."""

    def __init__(self) -> None:
        self.written: dict[tuple[str, int], int] = {}

    def begin(self) -> None: ...

    def record(self, *_: Any, **__: Any) -> None: ...

    def commit(self) -> None: ...


def starter(topics: Topics, deletions: threading.Lock) -> Starter:
    index = SimpleNamespace(plan_of=lambda _: None, wait_for=lambda _: None)
    deps = SimpleNamespace(index=index, topics=topics, deletions=deletions)
    return Starter(deps, 0, lambda: None)  # type: ignore[arg-type]


def test_a_series_without_a_topic_begins_while_another_partition_deletes_topics() -> None:
    deletions = threading.Lock()
    topics = Topics({}, deletions)
    with deletions:
        begin = threading.Thread(
            target=starter(topics, deletions)._delete_foreign,
            args=(Writer(), [record_of("AAPL", 3)]),
            daemon=True,
        )
        begin.start()
        begin.join(10)
        assert not begin.is_alive()


def test_a_foreign_topic_is_looked_at_anew_once_no_other_partition_deletes() -> None:
    deletions, record = threading.Lock(), record_of("AAPL", 3)
    there = {record.topic: "foreign"}
    topics = Topics(there, deletions)
    assert starter(topics, deletions)._delete_foreign(Writer(), [record]) == {}  # type: ignore[arg-type]
    assert there == {}
    assert topics.looks == [False, True, True]
