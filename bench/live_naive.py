"""A contestant of the live measurements, in a process of its own: the loop that the libraries' examples suggest.

A message of the WebSocket (aiohttp's client) at a time: ``json.loads``, a dict, ``AvroSerializer``, ``produce`` with
keyword arguments and a delivery callback. No transactions, no coverage, no repair: what it misses is missed. Runs
until it is told to end. Arguments: the topics, made beforehand.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
from typing import Any

import aiohttp
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from app.domain.schema import RECORDS
from app.domain.series import SeriesName
from app.settings import load
from app.theta.frames import request_frame
from bench.live_frames import NEW_YORK, Stream

_QUOTE = ("bid", "bid_size", "bid_exchange", "bid_condition", "ask", "ask_size", "ask_exchange", "ask_condition")
_TRADE = ("sequence", "size", "condition", "price", "exchange")


class Loop:
    def __init__(self) -> None:
        self.settings = load()
        self.producer = Producer(
            {"bootstrap.servers": self.settings.kafka_bootstrap_servers, "compression.type": "lz4"}
        )
        registry = SchemaRegistryClient({"url": self.settings.schema_registry_url})
        self.serialize = {
            kind: AvroSerializer(
                registry,
                json.dumps(RECORDS["stock", kind].avro()),
                conf={"auto.register.schemas": False, "subject.name.strategy": record_subject_name_strategy},
            )
            for kind in ("trade", "quote")
        }

    def on_delivery(self, error: Any, message: Any) -> None:
        if error is not None:
            raise RuntimeError(f"not delivered: {error}")

    def on_frame(self, text: str) -> None:
        frame = json.loads(text)
        kind = frame["header"]["type"].lower()
        if kind not in self.serialize:
            return
        symbol, event = frame["contract"]["root"], frame[kind]
        date = event["date"]
        midnight = dt.datetime(date // 10_000, date // 100 % 100, date % 100, tzinfo=NEW_YORK)
        timestamp = midnight + dt.timedelta(milliseconds=event["ms_of_day"])
        row = {"symbol": symbol, "timestamp": timestamp}
        row |= {name: event[name] for name in (_TRADE if kind == "trade" else _QUOTE)}
        if kind == "trade":
            row["ext_conditions"] = []
        topic = f"stock-{symbol.lower()}-{kind}-live"
        while True:
            try:
                self.producer.produce(
                    topic=topic,
                    key=symbol,
                    value=self.serialize[kind](row, SerializationContext(topic, MessageField.VALUE)),
                    timestamp=int(timestamp.timestamp() * 1000),
                    on_delivery=self.on_delivery,
                )
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)

    async def run(self, topics: list[str]) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(self.settings.theta_ws_url, compress=0, max_msg_size=0) as socket,
        ):
            for number, topic in enumerate(topics):
                name = SeriesName.parse(topic)
                key = Stream(name.symbol, "trade" if name.schema == "trade" else "quote").key
                await socket.send_str(request_frame(key, number, add=True))
            print("ready", flush=True)
            async for message in socket:
                self.on_frame(message.data)


def main() -> None:
    asyncio.run(Loop().run(sys.argv[1:]))


if __name__ == "__main__":
    main()
