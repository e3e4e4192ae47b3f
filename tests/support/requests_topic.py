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


def find_letter(platform: Platform, offset: int) -> Message | None:
    """The dead letter of the message at an offset of ``requests``, if it is there now."""
    source = str(offset).encode()
    letters = platform.messages("requests.dlq")
    return next((one for one in letters if dict(one.headers())["source_offset"] == source), None)


def dead_letter(platform: Platform, offset: int) -> Message:
    """The dead letter of the message at an offset of ``requests``."""
    return until(f"requests@{offset} in requests.dlq", lambda: find_letter(platform, offset))
