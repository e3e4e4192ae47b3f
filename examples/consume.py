"""Read data topics as any consumer group would: confluent-kafka, the registry's schemas, read_committed.

    python examples/consume.py KAFKA REGISTRY GROUP TOPIC [TOPIC ...]

KAFKA and REGISTRY are ``kafka`` and ``registry`` in the state folder's endpoints.json. Ends when every topic has
been read to its end. Credentials and TLS are those of the environment, under the platform's own names:
KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_USERNAME, SCHEMA_REGISTRY_BASIC_AUTH and so on (docs/settings.md).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

#: librdkafka's options, and the registry client's, by the variable that sets each.
_KAFKA = {
    "KAFKA_SECURITY_PROTOCOL": "security.protocol",
    "KAFKA_SASL_MECHANISM": "sasl.mechanism",
    "KAFKA_SASL_USERNAME": "sasl.username",
    "KAFKA_SASL_PASSWORD": "sasl.password",
    "KAFKA_SSL_CA_LOCATION": "ssl.ca.location",
    "KAFKA_SSL_CERTIFICATE_LOCATION": "ssl.certificate.location",
    "KAFKA_SSL_KEY_LOCATION": "ssl.key.location",
    "KAFKA_SSL_KEY_PASSWORD": "ssl.key.password",
    "KAFKA_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM": "ssl.endpoint.identification.algorithm",
}
_REGISTRY = {
    "SCHEMA_REGISTRY_BASIC_AUTH": "basic.auth.user.info",
    "SCHEMA_REGISTRY_SSL_CA_LOCATION": "ssl.ca.location",
    "SCHEMA_REGISTRY_SSL_CERTIFICATE_LOCATION": "ssl.certificate.location",
    "SCHEMA_REGISTRY_SSL_KEY_LOCATION": "ssl.key.location",
    "SCHEMA_REGISTRY_SSL_KEY_PASSWORD": "ssl.key.password",
}


def credentials(names: dict[str, str]) -> dict[str, str]:
    """What the environment sets of some options."""
    return {option: value for name, option in names.items() if (value := os.environ.get(name))}


def read(
    kafka: str, registry: str, group: str, topics: list[str], forever: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Topic and row of every message, in each topic's order; times are aware datetimes in UTC. ``forever``: those too
    that are still to come."""
    decode = AvroDeserializer(SchemaRegistryClient({"url": registry, **credentials(_REGISTRY)}))
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            **credentials(_KAFKA),
            "group.id": group,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 1,
            # One line from us says more than one a second from librdkafka.
            "log_level": 2,
        }
    )
    open_topics = set(topics)
    try:
        # A consumer waits for brokers for ever; this ends when none answers.
        consumer.list_topics(topics[0], timeout=10)
        consumer.subscribe(topics)
        while open_topics:
            for message in consumer.consume(5_000, 0.1):
                error = message.error()
                if error is None:
                    topic = message.topic()
                    yield topic, decode(message.value(), SerializationContext(topic, MessageField.VALUE))
                elif error.code() == KafkaError._PARTITION_EOF and not forever:
                    open_topics.discard(message.topic())
                elif error.code() != KafkaError._PARTITION_EOF:
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
        sys.exit(f"error: {error.args[0].str()} (brokers: {sys.argv[1]})")
    except BrokenPipeError:
        sys.stderr.close()
        return
    print(f"{rows} rows; what this group has read it will not read again", file=sys.stderr)


if __name__ == "__main__":
    main()
