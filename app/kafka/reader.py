"""Reading data topics: committed messages in order, between two offsets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from app.errors import LogError, TopicGone
from app.kafka.log import reader_config
from app.settings import Settings

#: What makes librdkafka read at full speed; its defaults are five times slower on small records.
FAST = {
    "fetch.queue.backoff.ms": 1,
    "queued.min.messages": 50_000,
    "fetch.message.max.bytes": 4_194_304,
    "fetch.wait.max.ms": 10,
}

#: Rows that are looked at first for the last ones.
_TAIL = 2_000


def read_range(
    settings: Settings, topic: str, start: int, end: int, *, partition: int = 0, timeout: float = 30.0
) -> Iterator[list[bytes]]:
    """The values from offset ``start`` up to, not including, ``end``, in batches.

    Raises ``TopicGone`` when the topic ends before, ``LogError`` when nothing comes for ``timeout`` seconds.
    """
    with _consumer(settings, topic) as consumer:
        for messages in _messages(consumer, topic, partition, start, end, timeout):
            yield [message.value() for message in messages]


def read_window(
    settings: Settings, topic: str, begin: int, stop: int, end: int, *, timeout: float = 30.0
) -> Iterator[list[bytes]]:
    """The values of the rows with event times from ``begin`` to ``stop`` (milliseconds since 1970, both included)
    that lie before offset ``end``, in batches, in the order of the topic.

    Rows that were added later stand behind younger ones, so everything from the first row that is not older than
    ``begin`` is looked at. Raises as ``read_range`` does.
    """
    with _consumer(settings, topic) as consumer:
        (found,) = consumer.offsets_for_times([TopicPartition(topic, 0, begin)], timeout=timeout)
        if found.error is not None:
            raise KafkaException(found.error)
        # Where there is no such row the broker answers with the end.
        if not 0 <= found.offset < end:
            return
        for messages in _messages(consumer, topic, 0, found.offset, end, timeout):
            yield [message.value() for message in messages if begin <= message.timestamp()[1] <= stop]


def read_tail(
    settings: Settings, topic: str, first: int, end: int, begin: int, *, timeout: float = 30.0
) -> list[tuple[bytes, bytes]]:
    """Key and value of the last rows of a topic in event order: those with event times from ``begin`` on (milliseconds
    since 1970) that lie from offset ``first`` up to, not including, ``end``.

    They are looked for from the end backwards, in ever larger parts: asked for an event time, the broker answers with
    the first marker of a transaction, which bears its own clock's. Raises as ``read_range`` does.
    """
    with _consumer(settings, topic) as consumer:
        size = _TAIL
        while True:
            start = max(first, end - size)
            found = [m for some in _messages(consumer, topic, 0, start, end, timeout) for m in some]
            if start == first or (found and found[0].timestamp()[1] < begin):
                return [(m.key() or b"", m.value()) for m in found if m.timestamp()[1] >= begin]
            size *= 8


def offset_from(settings: Settings, topic: str, begin: int, *, timeout: float = 30.0) -> int:
    """The offset of the first row that is not older than ``begin`` (milliseconds since 1970), or else the topic's end:
    every such row lies there or behind. Raises ``LogError``."""
    with _consumer(settings, topic) as consumer:
        (found,) = consumer.offsets_for_times([TopicPartition(topic, 0, begin)], timeout=timeout)
        if found.error is not None:
            raise KafkaException(found.error)
        return int(found.offset) if found.offset >= 0 else consumer.get_watermark_offsets(found, timeout=timeout)[1]


@contextmanager
def _consumer(settings: Settings, topic: str) -> Iterator[Consumer]:
    consumer = Consumer(reader_config(settings) | FAST | {"auto.offset.reset": "earliest"})
    try:
        yield consumer
    except KafkaException as error:
        raise LogError(f"{topic} could not be read: {error.args[0].str()}") from None
    finally:
        consumer.close()


def _messages(
    consumer: Consumer, topic: str, partition: int, start: int, end: int, timeout: float
) -> Iterator[list[Message]]:
    consumer.assign([TopicPartition(topic, partition, start)])
    deadline = time.monotonic() + timeout
    at = start
    while at < end:
        found: list[Message] = []
        # librdkafka waits until it has as many as it is asked for, though nothing more is to come.
        for message in consumer.consume(min(10_000, end - at), 0.2):
            error = message.error()
            if error is None:
                at = message.offset() + 1
                if message.offset() < end:
                    found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                if message.offset() < end:
                    raise TopicGone(topic)
                at = end
            else:
                raise KafkaException(error)
        if found:
            deadline = time.monotonic() + timeout
            yield found
        elif at < end and time.monotonic() > deadline:
            raise LogError(f"{topic} could not be read up to offset {end} within {timeout:.0f} s")
