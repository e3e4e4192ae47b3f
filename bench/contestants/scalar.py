"""A contestant, in a process of its own: one row at a time, by somebody who has measured.

httpx, orjson, fastavro with a parsed schema, ``produce`` with positions and without callbacks: only failures are
reported, for the whole producer. The collector looks as seldom at what stays as in
the platform. lz4 and ``acks=all``; no transaction, no checkpoint, no digest. Argument: the job's file.
"""

from __future__ import annotations

import sys
from typing import Any

from confluent_kafka import Producer

from app.memory import collect_seldom
from bench.contestants import bars
from bench.contestants.job import Job, Lot, run

#: Rows between two polls, which cost about as much as handing a row over; the queue holds many times as many.
_POLL_EVERY = 1_000


class Loop:
    """Fetches, converts and produces."""

    def __init__(self, job: Job) -> None:
        self._path = job.path
        self._http = bars.client(job)
        self._encode = bars.encoder(job)
        self._failed = 0
        self._producer = Producer(
            {
                "bootstrap.servers": job.kafka,
                "compression.type": "lz4",
                "linger.ms": 5,
                "queue.buffering.max.messages": 100_000,
                "on_delivery": self._on_delivery,
                "delivery.report.only.error": True,
            }
        )

    def _on_delivery(self, error: Any, _message: Any) -> None:
        self._failed += error is not None

    def move(self, lot: Lot) -> int:
        topic, key = lot.topic, lot.ticker.encode()
        encode, produce, poll = self._encode, self._producer.produce, self._producer.poll
        count = 0
        for row in bars.rows(self._http, self._path, lot):
            value, milliseconds = encode(row), row["timestamp"] // 1000
            while True:
                try:
                    # Topic, value, key, partition, callback, its alias, timestamp.
                    produce(topic, value, key, 0, None, None, milliseconds)
                    break
                except BufferError:
                    poll(0.1)
            count += 1
            if count % _POLL_EVERY == 0:
                poll(0)
        return count

    def finish(self) -> None:
        left = self._producer.flush(60)
        if left or self._failed:
            raise RuntimeError(f"{left} rows were not delivered in time, {self._failed} failed")


if __name__ == "__main__":
    collect_seldom()
    given = Job.read(sys.argv[1])
    loop = Loop(given)
    run(given, loop.move, loop.finish)
