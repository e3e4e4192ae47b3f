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
    """Arguments: the topic and how many rows it has. Prints rows and seconds, from the consumer's making to the last of
    so many; rows beyond them are counted as well, outside of the clock.

    ``consume`` waits until it has as many messages as it was asked for, so it is asked for no more than there are. The
    end offset would not tell how many: the markers of transactions take offsets, and the topic ends in one.
    """
    topic, wanted = sys.argv[1], int(sys.argv[2])
    settings = load()
    collect_seldom()
    begun, cpu = time.perf_counter(), time.process_time()
    consumer = Consumer(reader_config(settings) | FAST)
    consumer.assign([TopicPartition(topic, 0, 0)])
    rows, ended = 0, False
    while rows < wanted and not ended:
        some, ended = _counted(consumer, min(10_000, wanted - rows))
        rows += some
    found = {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}
    while not ended:
        some, ended = _counted(consumer, 10_000)
        rows += some
    print(orjson.dumps(found | {"rows": rows}).decode())
    consumer.close()


def _counted(consumer: Consumer, most: int) -> tuple[int, bool]:
    """How many rows came of up to so many, and whether the topic ended."""
    rows, ended = 0, False
    for message in consumer.consume(most, 0.2):
        error = message.error()
        if error is None:
            rows += 1
        elif error.code() == KafkaError._PARTITION_EOF:
            ended = True
        else:
            raise SystemExit(error.str())
    return rows, ended


if __name__ == "__main__":
    main()
