"""Pages of a topic, from a client that says what a broker would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from app.errors import LogError, TopicGone
from app.kafka import pages
from app.kafka.pages import Pages
from app.settings import Settings

TOPIC = "stock-aapl-ohlcv1m-historical-x"


class Broker:
    """A topic: what lies at which offset, and what is told at its end. Offsets that are not there are markers."""

    def __init__(self, offsets: list[int], end: int) -> None:
        self.offsets = offsets
        self.end = end
        self.failure: int | None = None
        self.most = 1_000_000
        self.open = 0


class Client:
    broker: Broker

    def __init__(self, config: dict[str, Any]) -> None:
        assert config["auto.offset.reset"] == "error"
        assert config["isolation.level"] == "read_committed"
        self._at = 0
        self.broker.open += 1

    def assign(self, places: list[TopicPartition]) -> None:
        self._at = places[0].offset

    def consume(self, most: int, _timeout: float) -> list[Message]:
        broker = self.broker
        if broker.failure is not None:
            return [Message(topic=TOPIC, partition=0, offset=0, error=KafkaError(broker.failure))]
        ahead = [offset for offset in broker.offsets if offset >= self._at][: min(most, broker.most)]
        if not ahead:
            eof = KafkaError(KafkaError._PARTITION_EOF)
            return [Message(topic=TOPIC, partition=0, offset=broker.end, error=eof)]
        self._at = ahead[-1] + 1
        return [Message(topic=TOPIC, partition=0, offset=at, value=b"v", timestamp=(1, at * 10)) for at in ahead]

    def close(self) -> None:
        self.broker.open -= 1


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    found = Broker([0, 1, 2, 4, 5, 8, 9], 11)
    monkeypatch.setattr(Client, "broker", found, raising=False)
    monkeypatch.setattr(pages, "Consumer", Client)
    for name in ("_EMPTY", "_MORE"):
        monkeypatch.setattr(pages, name, 0.0)
    yield found
    assert found.open == 0, "a consumer was left open"


@pytest.fixture
def read(broker: Broker) -> Iterator[Pages]:
    found = Pages(Settings(), TOPIC, 0, size=3)
    yield found
    found.close()


def offsets(messages: list[Message]) -> list[int]:
    return [message.offset() for message in messages]


def all_of(read: Pages, end: int, **how: bool) -> list[list[int]]:
    found = []
    while read.at < end:
        if page := read.next(end, **how):
            found.append(offsets(page))
    return found


def test_pages_go_on_where_the_last_one_ended_and_stop_before_the_end(read: Pages) -> None:
    assert all_of(read, 9) == [[0, 1, 2], [4, 5, 8]]
    assert read.at == 9
    assert all_of(read, 11) == [[9]], "what was committed later comes then"


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("most", [1, 2, 3, 100])
@pytest.mark.parametrize("end", range(1, 11))
def test_what_came_along_from_beyond_the_end_comes_when_it_is_asked_for(
    read: Pages, broker: Broker, end: int, most: int, full: bool
) -> None:
    """Readers see rows before the index does, so a client may hand out more than was committed for all one knows."""
    broker.most = most
    first = all_of(read, end, full=full)
    later = all_of(read, 11, full=full)
    assert [at for page in first for at in page] == [at for at in broker.offsets if at < end]
    assert [at for page in first + later for at in page] == broker.offsets
    assert all(len(page) <= 3 for page in first + later)


def test_a_rest_or_another_place_forgets_what_came_along(read: Pages, broker: Broker) -> None:
    assert all_of(read, 1) == [[0]]
    read.rest()
    assert all_of(read, 11) == [[1, 2, 4], [5, 8, 9]]
    read.go(0)
    assert all_of(read, 1) == [[0]]
    read.go(5)
    assert all_of(read, 11) == [[5, 8, 9]]


def test_full_pages_are_the_same_however_few_messages_come_at_once(read: Pages, broker: Broker) -> None:
    broker.most = 1
    assert all_of(read, 11, full=True) == [[0, 1, 2], [4, 5, 8], [9]]


def test_a_rest_gives_up_the_consumer_and_loses_and_repeats_nothing(read: Pages, broker: Broker) -> None:
    broker.most = 2
    assert offsets(read.next(11, full=True)) == []
    read.rest()
    assert broker.open == 0
    broker.most = 3
    assert all_of(read, 11, full=True) == [[0, 1, 2], [4, 5, 8], [9]]


def test_what_was_closed_reads_nothing_any_more(read: Pages, broker: Broker) -> None:
    read.next(11)
    read.close()
    assert read.next(11) == []
    assert broker.open == 0


@pytest.mark.parametrize(
    "code", [KafkaError._AUTO_OFFSET_RESET, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION]
)
def test_a_topic_that_is_not_what_it_was_is_never_read_from_its_start(read: Pages, broker: Broker, code: int) -> None:
    broker.failure = code
    with pytest.raises(TopicGone):
        read.next(11)


def test_a_topic_that_ends_too_early_is_waited_for_a_moment_and_then_another_one(
    read: Pages, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The marker that shows rows to readers comes a moment after the checkpoint's.
    assert all_of(read, 11)
    broker.end = 12
    assert read.next(15) == []
    broker.offsets.append(13)
    broker.end = 15
    assert all_of(read, 15) == [[13]]
    monkeypatch.setattr(pages, "_MARKER", -1.0)
    with pytest.raises(TopicGone):
        read.next(20)


def test_other_failures_of_the_brokers_are_told(read: Pages, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    broker.failure = KafkaError.TOPIC_AUTHORIZATION_FAILED
    with pytest.raises(LogError, match=TOPIC):
        read.next(11)

    def fail(*_: Any) -> None:
        raise KafkaException(KafkaError(KafkaError._FATAL))

    monkeypatch.setattr(Client, "consume", fail)
    with pytest.raises(LogError, match=TOPIC):
        read.next(11)


def test_the_first_row_of_a_time_is_looked_for_without_passing_it(read: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    for begin in range(-5, 105):
        found = pages.search(read._probe, begin, 0, 11, 1)
        assert all(at * 10 < begin for at in (0, 1, 2, 4, 5, 8, 9) if at < found)
    assert read.first_not_before(50, 0, 11) == 0, "few offsets are not worth looking"
