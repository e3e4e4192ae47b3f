"""What topics hold, read back outside of every clock: how many rows, and whether their Avro bodies are the same."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from confluent_kafka import Consumer, TopicPartition

from app.domain.receipt import BodyDigest
from app.history.write import FRAME_BYTES
from app.kafka.log import reader_config
from app.kafka.reader import FAST
from app.settings import Settings

#: Seconds without a row after which a topic counts as shorter than it should be.
_SILENCE = 20.0


def first_values(settings: Settings, topic: str, rows: int) -> Iterator[list[bytes]]:
    """The values of the first ``rows`` committed rows, in batches. Raises ``SystemExit`` when there are fewer."""
    consumer = Consumer(reader_config(settings) | FAST | {"enable.partition.eof": False})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        left, heard = rows, time.monotonic()
        while left:
            values = [message.value() for message in consumer.consume(min(10_000, left), 0.2) if not message.error()]
            if values:
                left, heard = left - len(values), time.monotonic()
                yield values
            elif time.monotonic() - heard > _SILENCE:
                raise SystemExit(f"{topic} has {rows - left:,} rows, not {rows:,}")
    finally:
        consumer.close()


def digest(settings: Settings, topic: str, rows: int) -> str:
    """The digest that a receipt would give for the first ``rows`` rows. Raises ``SystemExit`` when there are fewer."""
    found = BodyDigest()
    for values in first_values(settings, topic, rows):
        found.update([value[FRAME_BYTES:] for value in values])
    return found.hex()


def rows_of(settings: Settings, topics: Sequence[str]) -> list[int]:
    """The rows of topics that were written without transactions; of others, their markers are counted too."""
    consumer = Consumer(reader_config(settings))
    try:
        return [consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1] for topic in topics]
    finally:
        consumer.close()
