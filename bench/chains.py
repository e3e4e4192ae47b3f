"""Resident memory and speed of the history process while it moves option chains.

``python -m bench.chains`` brings the whole platform up as `local` does, with the simulator in the terminal's place,
and asks for two backtests of SPXW one-minute quotes: 5 expirations and 20 strikes each side of the money over 5
sessions (about 800,000 rows), and the whole chain of one session (some 5 million rows, which do not fit a step and
are asked for in windows of time). It prints rows, seconds, the largest resident size, and whether the topic's event
times rise.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil  # type: ignore[import-untyped]
from confluent_kafka import Consumer, TopicPartition

from app.errors import LocalServiceError
from app.kafka.reader import FAST
from app.local.platform import ENDPOINTS, LocalPlatform
from app.settings import load
from bench.machine import machine
from bench.memory import Samples, watch
from bench.services import exit_on_signals

GOAL_MB = 450
EXPIRATIONS = ["2024-03-08", "2024-03-11", "2024-03-12", "2024-03-13", "2024-03-15"]
CASES: dict[str, dict[str, Any]] = {
    "near": {"start": "2024-03-04", "end": "2024-03-08", "contracts": {"expirations": EXPIRATIONS, "strike_range": 20}},
    "chain": {"start": "2024-03-04", "end": "2024-03-04"},
}


def rising(kafka: str, topic: str, rows: int) -> bool:
    """Whether a topic has so many rows and their timestamps never go back."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "bench", **FAST, "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    count, last, good = 0, 0, True
    try:
        while count < rows:
            batch = consumer.consume(50_000, 5.0)
            if not batch:
                return False
            for message in batch:
                now = message.timestamp()[1]
                good = good and now >= last
                last = now
            count += len(batch)
    finally:
        consumer.close()
    return good


def run(folder: Path, names: list[str]) -> None:
    """Bring everything up, run the cases, print what was seen."""
    with LocalPlatform(load(state_dir=folder), print) as platform:
        endpoints = orjson.loads((folder / ENDPOINTS).read_bytes())
        process = psutil.Process(endpoints["pids"]["history"])
        with httpx.Client(base_url=platform.endpoints.web, timeout=60, trust_env=False) as http:
            idle = process.memory_info().rss / 1e6
            print(f"resident memory of the history process: {idle:.1f} MB before the first row")
            for name in names:
                body = {"backtest_id": name, "root": "SPXW", "schema": "quote", "interval": "1m", **CASES[name]}
                answer = http.post("/historical/option", json=body)
                if answer.status_code != 202:
                    raise LocalServiceError(f"the request was answered {answer.status_code}: {answer.text}")
                samples, found = watch(process, http, name)
                show(name, samples, found, endpoints["kafka"])


def show(name: str, samples: Samples, found: dict[str, Any], kafka: str) -> None:
    """One line of figures; the seconds have the simulator's work in them."""
    series, rows = found["series"][0], int(found["progress"]["rows"])
    order = "in event-time order" if rising(kafka, series["topic"], rows) else "NOT in event-time order or not whole"
    met = "met" if samples.largest < GOAL_MB and found["state"] == "complete" else "missed"
    print(
        f"{name}: {found['state']}, {rows:,} rows from {found['progress']['chunks_total']} requests, {order}; largest "
        f"{samples.largest:.0f} MB (goal under {GOAL_MB} MB): {met} {series.get('reason', '')}",
        flush=True,
    )
    samples.show()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.chains", description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)} (default: all)")
    options = parser.parse_args()
    exit_on_signals()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="fdp-bench-") as temporary:
        run(Path(temporary), options.cases)


if __name__ == "__main__":
    main()
