"""A contestant, in a process of its own: a plain consumer that only counts, with the settings that read the fastest."""

from __future__ import annotations

import sys
import time

import orjson
from confluent_kafka import Consumer, KafkaError, TopicPartition

from app.kafka.log import reader_config
from app.kafka.reader import FAST
from app.memory import collect_seldom
from app.settings import load


def main() -> None:
    """Argument: the topic. Prints rows and seconds, from the consumer's making to the topic's end."""
    topic = sys.argv[1]
    settings = load()
    collect_seldom()
    begun, cpu = time.perf_counter(), time.process_time()
    consumer = Consumer(reader_config(settings) | FAST)
    consumer.assign([TopicPartition(topic, 0, 0)])
    rows, ended = 0, False
    while not ended:
        for message in consumer.consume(10_000, 0.2):
            error = message.error()
            if error is None:
                rows += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                ended = True
            else:
                raise SystemExit(error.str())
    seconds = time.perf_counter() - begun
    print(orjson.dumps({"rows": rows, "seconds": seconds, "cpu": time.process_time() - cpu}).decode())
    consumer.close()


if __name__ == "__main__":
    main()
