"""Messages on ``requests`` as any producer puts them there, and what became of those that were wrong."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message, Producer
from harness import Platform, until

Headers = list[tuple[str, bytes | None]]


def publish(
    platform: Platform,
    value: bytes | None,
    key: bytes | None = None,
    *,
    topic: str = "requests",
    headers: Headers | None = None,
    **config: Any,
) -> int:
    """Put a message on a topic as any producer might; its offset."""
    offsets: list[int] = []
    producer = Producer({"bootstrap.servers": platform.kafka, **config})
    producer.produce(
        topic, value, key, headers=headers or [], on_delivery=lambda _, message: offsets.append(message.offset())
    )
    assert producer.flush(20) == 0
    return offsets[0]


def dead_letter(platform: Platform, offset: int) -> Message:
    """The dead letter of the message at an offset of ``requests``."""

    def find() -> Message | None:
        for message in platform.messages("requests.dlq"):
            if dict(message.headers())["source_offset"] == str(offset).encode():
                return message
        return None

    return until(f"requests@{offset} in requests.dlq", find)
