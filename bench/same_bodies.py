"""What topics hold, read back outside of every clock: how many rows, and whether their Avro bodies are the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from confluent_kafka import Consumer, TopicPartition

from app.domain.receipt import BodyDigest
from app.history.write import FRAME_BYTES
from app.kafka.log import reader_config
from app.kafka.reader import read_range
from app.settings import Settings

#: An offset that no topic reaches.
_NEVER = 1 << 62


def first_values(settings: Settings, topic: str, rows: int) -> Iterator[list[bytes]]:
    """The values of the first ``rows`` committed rows, in batches. Raises ``TopicGone`` when there are fewer."""
    left = rows
    for values in read_range(settings, topic, 0, _NEVER) if rows else ():
        yield values[:left]
        left -= len(values)
        if left <= 0:
            return


def digest(settings: Settings, topic: str, rows: int) -> str:
    """The digest that a receipt would give for the first ``rows`` rows. Raises ``TopicGone`` when there are fewer."""
    found = BodyDigest()
    for values in first_values(settings, topic, rows):
        found.update([value[FRAME_BYTES:] for value in values])
    return found.hex()


def rows_of(settings: Settings, topics: Sequence[str]) -> list[int]:
    """The rows of topics that were written without transactions, whose markers would count."""
    consumer = Consumer(reader_config(settings))
    try:
        return [consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1] for topic in topics]
    finally:
        consumer.close()
