"""Read data topics as any consumer group would: confluent-kafka, the registry's schemas, read_committed.

    python examples/consume.py KAFKA REGISTRY GROUP TOPIC [TOPIC ...]

KAFKA and REGISTRY are ``kafka`` and ``registry`` in the state folder's endpoints.json. Ends when every topic has
been read to its end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext


def read(kafka: str, registry: str, group: str, topics: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Topic and row of every message, in each topic's order; times are aware datetimes in UTC."""
    decode = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 1,
        }
    )
    consumer.subscribe(topics)
    open_topics = set(topics)
    try:
        while open_topics:
            for message in consumer.consume(5_000, 0.1):
                error = message.error()
                if error is None:
                    topic = message.topic()
                    yield topic, decode(message.value(), SerializationContext(topic, MessageField.VALUE))
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_topics.discard(message.topic())
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()


def main() -> None:
    if len(sys.argv) < 5:
        sys.exit(f"usage: {sys.argv[0]} KAFKA REGISTRY GROUP TOPIC [TOPIC ...]")
    rows = 0
    try:
        for name, row in read(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]):
            print(name, row)
            rows += 1
    except KafkaException as error:
        sys.exit(f"error: {error.args[0].str()}")
    except BrokenPipeError:
        sys.stderr.close()
        return
    print(f"{rows} rows; what this group has read it will not read again", file=sys.stderr)


if __name__ == "__main__":
    main()
