"""``python odd_header.py <broker>``: publishes standard input on ``requests`` with a header whose name is not UTF-8.

A program of its own: only aiokafka's plain Python lets a name's bytes be chosen, and which one it takes is settled by
``AIOKAFKA_NO_EXTENSIONS`` when it is imported. Java's clients write such names, for example of a broken surrogate.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

NAME = b"\xff\xfe"


class _Name(str):
    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return NAME


async def _publish(broker: str, body: bytes) -> None:
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    try:
        await producer.send_and_wait("requests", body, headers=[(_Name("odd"), b"1")])
    finally:
        await producer.stop()


if __name__ == "__main__":
    os.environ["AIOKAFKA_NO_EXTENSIONS"] = "1"
    asyncio.run(_publish(sys.argv[1], sys.stdin.buffer.read()))
