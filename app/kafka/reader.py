"""Reading data topics: committed messages in order, between two offsets."""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

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


def read_range(
    settings: Settings, topic: str, start: int, end: int, *, partition: int = 0, timeout: float = 30.0
) -> Iterator[list[bytes]]:
    """The values from offset ``start`` up to, not including, ``end``, in batches.

    Raises ``TopicGone`` when the topic ends before, ``LogError`` when nothing comes for ``timeout`` seconds.
    """
    consumer = Consumer(reader_config(settings) | FAST | {"auto.offset.reset": "earliest"})
    try:
        consumer.assign([TopicPartition(topic, partition, start)])
        deadline = time.monotonic() + timeout
        at = start
        while at < end:
            messages = consumer.consume(10_000, 0.2)
            values: list[bytes] = []
            for message in messages:
                error = message.error()
                if error is None:
                    at = message.offset() + 1
                    if message.offset() < end:
                        values.append(message.value())
                elif error.code() == KafkaError._PARTITION_EOF:
                    if message.offset() < end:
                        raise TopicGone(topic)
                    at = end
                else:
                    raise KafkaException(error)
            if values:
                deadline = time.monotonic() + timeout
                yield values
            elif time.monotonic() > deadline:
                raise LogError(f"{topic} could not be read up to offset {end} within {timeout:.0f} s")
    except KafkaException as error:
        raise LogError(f"{topic} could not be read: {error.args[0].str()}") from None
    finally:
        consumer.close()
