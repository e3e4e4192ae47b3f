"""A contestant of reading: a careful user's loop over batches, with fastavro.

``Consumer.consume`` with the settings that read the fastest (those of our own readers), ``fastavro.schemaless_reader``
with the schema parsed once, a list of dicts to pandas. The collector looks as seldom at what stays as in our reader.
"""

from __future__ import annotations

import io
from typing import Any

import fastavro
import orjson
import pandas as pd
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient

from app.kafka.reader import FAST
from app.memory import collect_seldom
from app.settings import load
from bench.read_frame import Asked, main

#: Confluent's frame: a zero byte and the schema's id.
_FRAME_BYTES = 5


def read(asked: Asked) -> pd.DataFrame:
    settings = load()
    config = {"bootstrap.servers": settings.kafka_bootstrap_servers, "group.id": "bench-fastavro"}
    consumer = Consumer(config | FAST | {"enable.auto.commit": False})
    registry = SchemaRegistryClient({"url": settings.schema_registry_url})
    schemas: dict[bytes, Any] = {}
    consumer.assign([TopicPartition(asked.topic, 0, OFFSET_BEGINNING)])
    rows: list[Any] = []
    schemaless_reader, stream = fastavro.schemaless_reader, io.BytesIO
    while (left := asked.rows - len(rows)) > 0:
        for message in consumer.consume(min(left, 10_000), 1.0):
            if message.error() is not None:
                raise KafkaException(message.error())
            value = message.value()
            head = value[:_FRAME_BYTES]
            schema = schemas.get(head)
            if schema is None:
                text = registry.get_schema(int.from_bytes(head[1:], "big")).schema_str
                schema = schemas[head] = fastavro.parse_schema(orjson.loads(text))
            body = stream(value)
            body.seek(_FRAME_BYTES)
            rows.append(schemaless_reader(body, schema, None))
    frame = pd.DataFrame(rows)
    consumer.close()
    return frame


if __name__ == "__main__":
    collect_seldom()
    main(read)
