"""A contestant, in a process and an environment of its own: Quix Streams, as its documentation has rows produced.

An ``Application``, a topic with the Avro serializer and the registry, ``topic.serialize`` and the producer of
``get_producer``; the rows are those of the careful loop. lz4 and ``acks=all``; no transaction, no checkpoint.
Argument: the job's file.
"""

from __future__ import annotations

import sys

from confluent_kafka.schema_registry import record_subject_name_strategy
from quixstreams import Application
from quixstreams.kafka import Producer
from quixstreams.models import SchemaRegistryClientConfig, SchemaRegistrySerializationConfig
from quixstreams.models.serializers.avro import AvroSerializer
from quixstreams.models.topics import Topic

from bench.contestants import bars
from bench.contestants.job import Job, Lot, run


class Streams:
    """Fetches, serializes and produces."""

    def __init__(self, job: Job) -> None:
        self._path = job.path
        self._http = bars.client(job)
        application = Application(
            broker_address=job.kafka,
            consumer_group="bench-quix",
            auto_create_topics=False,
            producer_extra_config={"compression.type": "lz4", "linger.ms": 5},
            loglevel="ERROR",
        )
        serializer = AvroSerializer(
            job.schema,
            schema_registry_client_config=SchemaRegistryClientConfig(url=job.registry),
            schema_registry_serialization_config=SchemaRegistrySerializationConfig(
                auto_register_schemas=False, subject_name_strategy=record_subject_name_strategy
            ),
        )
        self._topics: dict[str, Topic] = {
            lot.topic: application.topic(lot.topic, key_serializer="str", value_serializer=serializer)
            for lot in (job.first, *job.lots)
        }
        self._producer: Producer = application.get_producer()

    def move(self, lot: Lot) -> int:
        topic = self._topics[lot.topic]
        count = 0
        for row in bars.rows(self._http, self._path, lot):
            message = topic.serialize(key=lot.ticker, value=row, timestamp_ms=row["timestamp"] // 1000)
            self._producer.produce(topic.name, message.value, message.key, timestamp=message.timestamp)
            count += 1
        return count

    def finish(self) -> None:
        if left := self._producer.flush(60):
            raise RuntimeError(f"{left} rows were not delivered in time")


if __name__ == "__main__":
    given = Job.read(sys.argv[1])
    streams = Streams(given)
    run(given, streams.move, streams.finish)
