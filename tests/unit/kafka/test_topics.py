"""Topics that are made together: what becomes of one is told to those who want it."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import NewTopic

from app.errors import LogError
from app.kafka import topics as module
from app.kafka.topics import Topics, data_topic
from app.settings import load
from tests.unit.kafka.test_together import wait_for


class Brokers:
    """In the place of the admin client: make any topic, and do not show those of ``hidden``."""

    def __init__(self, hidden: Iterable[str]) -> None:
        self.hidden = set(hidden)
        self.there: set[str] = set()

    def create_topics(self, new: list[NewTopic]) -> dict[str, Future[Any]]:
        self.there |= {one.topic for one in new}
        return {one.topic: answered(None) for one in new}

    def describe_topics(self, some: TopicCollection, **_: Any) -> dict[str, Future[Any]]:
        names: list[str] = some.topic_names
        return {name: self._described(name) for name in names}

    def _described(self, name: str) -> Future[Any]:
        if name in self.there - self.hidden:
            return answered(SimpleNamespace(topic_id=f"id of {name}"))
        return answered(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))


def answered(answer: Any) -> Future[Any]:
    future = Future[Any]()
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
    return future


def test_a_topic_that_does_not_appear_fails_for_those_alone_who_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.2)
    topics = Topics(load())
    monkeypatch.setattr(topics, "_admin", Brokers(hidden={"late"}))
    with ThreadPoolExecutor(3) as pool:
        # One call for all three: none begins before all have asked.
        with topics._together._turn:
            asked = [pool.submit(topics.create, [data_topic(name) for name in some]) for some in ("a", "bc")]
            unlucky = pool.submit(topics.create, [data_topic("d"), data_topic("late")])
            wait_for(topics._together, 5)
        assert [one.result(10) for one in asked] == [{}, {}]
        with pytest.raises(LogError, match="waited 0 s for topic late to appear"):
            unlucky.result(10)
