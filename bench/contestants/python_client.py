"""A contestant, in a process and an environment of its own: kafka-python, the client in pure Python.

The rows and bodies of the careful loop, ``KafkaProducer.send`` with larger batches than its default of 16 KB, lz4
(its environment has the codec), ``acks=all`` and idempotent by its default; no transaction, no checkpoint.
Argument: the job's file.
"""

from __future__ import annotations

import sys

from kafka import KafkaProducer
from kafka.codec import has_lz4

from bench.contestants import bars
from bench.contestants.job import Job, Lot, run


class Client:
    """Fetches, converts and sends."""

    def __init__(self, job: Job) -> None:
        if not has_lz4():
            raise RuntimeError("the environment has no lz4")
        self._path = job.path
        self._http = bars.client(job)
        self._encode = bars.encoder(job)
        self._producer = KafkaProducer(
            bootstrap_servers=job.kafka, acks="all", compression_type="lz4", linger_ms=5, batch_size=131_072
        )

    def move(self, lot: Lot) -> int:
        topic, key, send, encode = lot.topic, lot.ticker.encode(), self._producer.send, self._encode
        count = 0
        for row in bars.rows(self._http, self._path, lot):
            # What fails is missing from the topic, whose rows are counted afterwards.
            send(topic, encode(row), key, None, 0, row["timestamp"] // 1000)
            count += 1
        return count

    def finish(self) -> None:
        self._producer.flush(60)


if __name__ == "__main__":
    given = Job.read(sys.argv[1])
    client = Client(given)
    run(given, client.move, client.finish)
