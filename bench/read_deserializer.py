"""A contestant of reading: the loop that confluent-kafka's own examples show, one message at a time.

``Consumer.poll``, ``AvroDeserializer``, a dict a row, a list of them to pandas. The settings are librdkafka's own, but
for where reading begins; it reads committed messages by default.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from app.settings import load
from bench.read_frame import Asked, main


def read(asked: Asked) -> pd.DataFrame:
    settings = load()
    consumer = Consumer({"bootstrap.servers": settings.kafka_bootstrap_servers, "group.id": "bench-deserializer"})
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": settings.schema_registry_url}))
    context = SerializationContext(asked.topic, MessageField.VALUE)
    consumer.assign([TopicPartition(asked.topic, 0, OFFSET_BEGINNING)])
    rows: list[Any] = []
    while len(rows) < asked.rows:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error() is not None:
            raise KafkaException(message.error())
        rows.append(deserialize(message.value(), context))
    frame = pd.DataFrame(rows)
    consumer.close()
    return frame


if __name__ == "__main__":
    main(read)
