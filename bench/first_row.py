"""From a POST to its 202, and to the first row that a reader of the topic has: what a new user waits for.

``python -m bench.first_row`` brings the whole platform up as `local` does, asks for one ticker's session of 1-minute
bars again and again, each time under another id, one at a time, and prints how long the coordinator takes to answer
202, and how long after the POST was begun a read_committed consumer has the first row. What the provider itself takes
for such an answer is measured by asking it directly, and is taken off the second figure.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import httpx
from confluent_kafka import Consumer, KafkaException, TopicPartition

from app.local.platform import LocalPlatform
from app.settings import load
from bench.machine import machine
from bench.services import exit_on_signals
from bench.slots import simulator

TICKER, DAY = "AAPL", "2024-03-04"
#: Seconds: the goals, the provider's own time left out.
ANSWER_GOAL, ROW_GOAL = 0.050, 1.0
_PATIENCE = 30.0


def first_row(kafka: str, topic: str) -> float:
    """When a reader that waits for the topic has its first row (``time.monotonic``)."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "bench-first-row",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
        }
    )
    try:
        deadline = time.monotonic() + _PATIENCE
        # Assigned before it is there, a topic is looked for only once a second.
        while not consumer.list_topics(topic, timeout=5).topics[topic].partitions:
            _in_time(deadline, topic)
            time.sleep(0.005)
        consumer.assign([TopicPartition(topic, 0, 0)])
        while (message := consumer.poll(0.05)) is None or message.error() is not None:
            if message is not None and not message.error().retriable():
                raise KafkaException(message.error())
            _in_time(deadline, topic)
        return time.monotonic()
    finally:
        consumer.close()


def _in_time(deadline: float, topic: str) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(f"{topic} has no row after {_PATIENCE:.0f} s")


def provider_seconds(http: httpx.Client, theta_url: str, times: int) -> float:
    """What the provider takes for the one answer, the median."""
    query = {"symbol": TICKER, "date": DAY.replace("-", ""), "interval": "1m"}
    taken = []
    for _ in range(times):
        begun = time.monotonic()
        http.get(f"{theta_url}/v3/stock/history/ohlc", params=query).raise_for_status()
        taken.append(time.monotonic() - begun)
    return statistics.median(taken)


def told(name: str, seconds: list[float], less: float, goal: float) -> str:
    """A line of the result."""
    ordered = sorted(seconds)
    p50, p99 = statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    met = "met" if p50 - less < goal else "missed"
    return (
        f"{name}: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms; less the provider's own {less * 1000:.0f} ms: "
        f"p50 {(p50 - less) * 1000:.0f} ms (goal {goal * 1000:.0f} ms): {met}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.first_row", description=__doc__.splitlines()[0])
    parser.add_argument("--posts", type=int, default=100, help="how many, one after the other (default: %(default)s)")
    parser.add_argument("--latency-ms", type=int, default=0, help="of the provider (default: %(default)s)")
    options = parser.parse_args()
    exit_on_signals()
    print(machine())
    answers: list[float] = []
    rows: list[float] = []
    with tempfile.TemporaryDirectory(prefix="fdp-bench-") as temporary:
        folder = Path(temporary)
        with (
            simulator(folder, "standard", options.latency_ms) as url,
            LocalPlatform(load(state_dir=folder / "state", theta_url=url), print) as platform,
            httpx.Client(base_url=platform.endpoints.web, timeout=60, trust_env=False) as http,
        ):
            # The simulator makes a day when it is asked for first.
            provider_seconds(http, url, 3)
            for number in range(options.posts + 3):
                body = {"backtest_id": f"n{number}", "tickers": [TICKER], "start": DAY, "end": DAY}
                begun = time.monotonic()
                http.post("/historical/stock", json=body).raise_for_status()
                answered = time.monotonic()
                there = first_row(platform.endpoints.kafka, f"stock-{TICKER.lower()}-ohlcv1m-historical-n{number}")
                # The first ones open connections.
                if number >= 3:
                    answers.append(answered - begun)
                    rows.append(there - begun)
            provider = provider_seconds(http, url, 20)
    print(told("POST to 202", answers, 0.0, ANSWER_GOAL))
    print(told("POST to the first row readable", rows, provider, ROW_GOAL))


if __name__ == "__main__":
    main()
