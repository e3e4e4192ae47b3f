"""A contestant, in a process of its own: the loop that the libraries' own examples suggest, one row at a time.

JSON by httpx (the dialect of accounts made since 2025-10-31, one object a row), ``json.loads``, a dict a row,
``AvroSerializer``, ``produce`` with keyword arguments and a delivery callback, a flush at the end. No transaction,
no checkpoint, no digest. It writes the same Avro bodies as the platform.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from bench.contestants.job import Job, Lot, run

NEW_YORK = ZoneInfo("America/New_York")


class Loop:
    """Fetches, converts and produces."""

    def __init__(self, job: Job) -> None:
        self.path = job.path
        self.http = httpx.Client(base_url=job.url, timeout=120, trust_env=False)
        self.producer = Producer({"bootstrap.servers": job.kafka, "compression.type": "lz4"})
        self.serialize = AvroSerializer(
            SchemaRegistryClient({"url": job.registry}),
            json.dumps(job.schema),
            conf={"auto.register.schemas": False, "subject.name.strategy": record_subject_name_strategy},
        )
        self.delivered = self.produced = 0

    def on_delivery(self, error: Any, message: Any) -> None:
        if error is not None:
            raise RuntimeError(f"not delivered: {error}")
        self.delivered += 1

    def move(self, lot: Lot) -> int:
        return sum(self._answer(lot, params) for params in lot.requests)

    def finish(self) -> None:
        self.producer.flush()
        if self.delivered != self.produced:
            raise RuntimeError(f"{self.produced - self.delivered} rows were not delivered")

    def _answer(self, lot: Lot, params: Mapping[str, str]) -> int:
        """Move one answer of the provider; its rows."""
        before = self.produced
        response = self.http.get(self.path, params=params)
        response.raise_for_status()
        for bar in json.loads(response.content)["response"]:
            if bar["count"] == 0 and bar["volume"] == 0:
                continue
            timestamp = dt.datetime.fromisoformat(bar["timestamp"]).replace(tzinfo=NEW_YORK)
            row = {
                "symbol": lot.ticker,
                "timestamp": timestamp,
                "open": bar["open"],
                "high": bar["high"],
                "low": bar["low"],
                "close": bar["close"],
                "volume": bar["volume"],
                "count": bar["count"],
                "session_vwap": bar["vwap"],
            }
            value = self.serialize(row, SerializationContext(lot.topic, MessageField.VALUE))
            while True:
                try:
                    self.producer.produce(
                        topic=lot.topic,
                        key=lot.ticker,
                        value=value,
                        timestamp=int(timestamp.timestamp() * 1000),
                        on_delivery=self.on_delivery,
                    )
                    break
                except BufferError:
                    self.producer.poll(0.1)
            self.producer.poll(0)
            self.produced += 1
        return self.produced - before


if __name__ == "__main__":
    given = Job.read(sys.argv[1])
    loop = Loop(given)
    run(given, loop.move, loop.finish)
