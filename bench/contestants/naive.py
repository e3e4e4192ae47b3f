"""A contestant, in a process of its own: the loop that the libraries' own examples suggest, one row at a time.

JSON by httpx (the dialect of accounts made since 2025-10-31, one object a row), ``json.loads``, a dict a row,
``AvroSerializer``, ``produce`` with keyword arguments and a delivery callback, a flush at the end. No transaction,
no checkpoint, no digest. It writes the same Avro bodies as the platform.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from app.domain.schema import RECORDS
from app.settings import load
from bench.workload import PATH, Workload

NEW_YORK = ZoneInfo("America/New_York")


class Loop:
    """Fetches, converts and produces."""

    def __init__(self) -> None:
        settings = load()
        self.http = httpx.Client(base_url=settings.theta_url, timeout=120, trust_env=False)
        self.producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, "compression.type": "lz4"})
        self.serialize = AvroSerializer(
            SchemaRegistryClient({"url": settings.schema_registry_url}),
            json.dumps(RECORDS["stock", "ohlcv"].avro()),
            conf={"auto.register.schemas": False, "subject.name.strategy": record_subject_name_strategy},
        )
        self.delivered = 0
        self.bytes = 0

    def on_delivery(self, error: Any, message: Any) -> None:
        if error is not None:
            raise RuntimeError(f"not delivered: {error}")
        self.delivered += 1

    def run(self, ticker: str, topic: str, params: Mapping[str, str]) -> None:
        """Move one answer of the provider."""
        response = self.http.get(PATH, params=params)
        response.raise_for_status()
        for bar in json.loads(response.content)["response"]:
            if bar["count"] == 0 and bar["volume"] == 0:
                continue
            timestamp = dt.datetime.fromisoformat(bar["timestamp"]).replace(tzinfo=NEW_YORK)
            row = {
                "symbol": ticker,
                "timestamp": timestamp,
                "open": bar["open"],
                "high": bar["high"],
                "low": bar["low"],
                "close": bar["close"],
                "volume": bar["volume"],
                "count": bar["count"],
                "session_vwap": bar["vwap"],
            }
            value = self.serialize(row, SerializationContext(topic, MessageField.VALUE))
            assert value is not None
            self.bytes += len(value)
            while True:
                try:
                    self.producer.produce(
                        topic=topic,
                        key=ticker,
                        value=value,
                        timestamp=int(timestamp.timestamp() * 1000),
                        on_delivery=self.on_delivery,
                    )
                    break
                except BufferError:
                    self.producer.poll(0.1)
            self.producer.poll(0)


def main() -> None:
    """Arguments: the workload as JSON, a topic to warm up on, then the topic of each ticker."""
    workload, first, topics = Workload.from_json(sys.argv[1]), sys.argv[2], sys.argv[3:]
    loop = Loop()
    for params in workload.first_session.requests(workload.tickers[0], "json"):
        loop.run(workload.tickers[0], first, params)
    loop.producer.flush()
    loop.delivered = loop.bytes = 0
    cpu, wall = time.process_time(), time.perf_counter()
    for ticker, topic in zip(workload.tickers, topics, strict=True):
        for params in workload.requests(ticker, "json"):
            loop.run(ticker, topic, params)
    loop.producer.flush()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    rows = loop.delivered
    print(json.dumps({"rows": rows, "seconds": wall, "cpu": cpu, "message_bytes": loop.bytes / max(rows, 1)}))


if __name__ == "__main__":
    main()
