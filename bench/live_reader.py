"""A reader of the live measurements, in a process of its own: how long after its time each event can be read.

Arguments: the isolation level, then a JSON object: ``topics``, which are empty yet, ``events`` (how many there will
be), ``windows`` (from and to, in milliseconds since the first event's time) and ``within`` (seconds until all are
given up). Says ``ready`` once it reads. An event belongs to the window of its time. At the end the rows that were read
committed are decoded, and their numbers counted.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from typing import Any

import numpy as np
import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from app.avro.decode import decode
from app.domain.series import SeriesName
from app.kafka.log import reader_config
from app.kafka.reader import FAST
from app.settings import load
from bench.live_frames import QUOTE_NUMBERS


def read(asked: dict[str, Any], isolation: str) -> tuple[dict[str, list[bytes]], list[int], list[float]]:
    """Values by topic; of each message the timestamp and the moment of its receipt, in milliseconds."""
    consumer = Consumer(
        reader_config(load())
        | FAST
        | {"isolation.level": isolation, "auto.offset.reset": "earliest", "enable.partition.eof": False},
    )
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in asked["topics"]])
    values: dict[str, list[bytes]] = defaultdict(list)
    times: list[int] = []
    receipts: list[float] = []
    consumer.poll(1.0)
    print("ready", flush=True)
    deadline = time.monotonic() + asked["within"]
    while len(times) < asked["events"] and time.monotonic() < deadline:
        first: Message | None = consumer.poll(0.2)
        if first is None:
            continue
        messages = [first, *consumer.consume(5000, 0)]
        now = time.time() * 1000
        found = [message for message in messages if message.error() is None]
        times += [message.timestamp()[1] for message in found]
        receipts += [now] * len(found)
        for message in found:
            values[message.topic()].append(message.value())
    consumer.close()
    return values, times, receipts


def latencies(asked: dict[str, Any], times: list[int], receipts: list[float]) -> list[dict[str, float]]:
    """Of each window the events a second, those received during it a second, and percentiles of the latency."""
    at, late = np.array(times, dtype=np.int64), np.array(receipts) - np.array(times)
    opening = at.min()
    at -= opening
    moments = np.array(receipts) - opening
    found = []
    for begin, end in asked["windows"]:
        here = late[(at >= begin) & (at < end)]
        p50, p90, p99, most = np.percentile(here, [50, 90, 99, 100]).tolist() if len(here) else [float("nan")] * 4
        rate = len(here) / (end - begin) * 1000
        taken = int(((moments >= begin) & (moments < end)).sum()) / (end - begin) * 1000
        found.append({"rate": rate, "taken": taken, "p50": p50, "p90": p90, "p99": p99, "max": most})
    return found


def faults(values: dict[str, list[bytes]]) -> dict[str, int]:
    """Rows whose number is not the one after the row's before; ``rows`` are all."""
    steps = rows = 0
    for topic, messages in values.items():
        record = SeriesName.parse(topic).record
        columns = decode(record, messages).columns
        rows += len(messages)
        if record.schema == "trade":
            numbers, modulus = columns["sequence"].astype(np.int64), 1 << 31
        else:
            numbers, modulus = columns["ask_size"].astype(np.int64), QUOTE_NUMBERS
        steps += int(numbers[0] != 0) + int(np.count_nonzero((np.diff(numbers) - 1) % modulus))
    return {"rows": rows, "faults": steps}


def main() -> None:
    isolation, asked = sys.argv[1], orjson.loads(sys.argv[2])
    values, times, receipts = read(asked, isolation)
    found: dict[str, Any] = {"windows": latencies(asked, times, receipts), "rows": len(times)}
    if isolation == "read_committed":
        found |= faults(values)
    print(orjson.dumps(found).decode())


if __name__ == "__main__":
    main()
