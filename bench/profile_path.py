"""Where the history path's time goes: processor and wall time by stage, for the platform's own classes at work.

``python -m bench.profile_path`` brings its services up, runs the path some times with its stages timed, and prints
nanoseconds a row. Processor time is that of the Python thread which runs the stage; what librdkafka's own threads
take is the rest of the process's. Wall time includes waiting, also for the interpreter.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import orjson

from app.domain.receipt import BodyDigest
from app.history import work, write
from app.history.starting import Starter
from app.history.write import SeriesWriter
from app.history.writing import Writing
from app.kafka.index import Index
from app.kafka.writer import TransactionalWriter
from app.theta import client
from app.theta.client import ThetaClient
from bench.platform_path import measure, platform
from bench.services import bench_services, exit_on_signals
from bench.workload import Workload


class Stages:
    """Time spent in wrapped functions, without what other wrapped functions inside of them take."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = defaultdict(float)
        self.wall: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._local = threading.local()

    def wrap(self, place: Any, name: str, stage: str) -> None:
        """Time ``place.name`` under ``stage`` from now on."""
        function: Callable[..., Any] = getattr(place, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            inner = getattr(self._local, "inner", (0.0, 0.0))
            self._local.inner = (0.0, 0.0)
            cpu, wall = time.thread_time(), time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
                within = self._local.inner
                self._local.inner = (inner[0] + cpu, inner[1] + wall)
                with self._lock:
                    self.cpu[stage] += cpu - within[0]
                    self.wall[stage] += wall - within[1]

        setattr(place, name, timed)


def instrument(stages: Stages) -> None:
    """Wrap the path from the request to the commit."""
    stages.wrap(ThetaClient, "get", "HTTP")
    stages.wrap(client, "to_rows", "parse CSV")
    stages.wrap(work, "process_bars", "process bars")
    stages.wrap(work, "rows_by_session", "count sessions")
    stages.wrap(write, "encode", "encode Avro")
    stages.wrap(BodyDigest, "update", "digest")
    stages.wrap(SeriesWriter, "write", "step, rest")
    stages.wrap(TransactionalWriter, "rows", "produce")
    stages.wrap(TransactionalWriter, "flush", "flush")
    stages.wrap(TransactionalWriter, "commit", "commit")
    stages.wrap(TransactionalWriter, "begin", "begin")
    stages.wrap(TransactionalWriter, "open", "take over")
    stages.wrap(SeriesWriter, "record_progress", "checkpoint")
    stages.wrap(Writing, "_check_topics", "check topics")
    stages.wrap(Starter, "_begin", "begin series (topics, plans)")
    stages.wrap(Index, "_apply", "index")


def profile(workload: Workload, backtest_id: str, rounds: int) -> list[dict[str, Any]]:
    """Run the path ``rounds`` times in this process, each with a backtest of its own."""
    found = []
    stages = Stages()
    instrument(stages)
    with platform() as running:
        for number in range(rounds):
            stages.cpu.clear()
            stages.wall.clear()
            one = measure(running, workload.series(f"{backtest_id}-{number}", number))
            found.append({**one, "cpu_by": dict(stages.cpu), "wall_by": dict(stages.wall)})
    return found


def show(one: dict[str, Any]) -> None:
    rows = one["rows"]
    print(f"{rows:,} rows in {one['seconds']:.2f} s: {rows / one['seconds']:,.0f} rows/s")
    print(f"  {'stage':30} {'cpu ns/row':>11} {'wall ns/row':>12}")
    for stage, wall in sorted(one["wall_by"].items(), key=lambda item: -one["cpu_by"][item[0]]):
        print(f"  {stage:30} {one['cpu_by'][stage] / rows * 1e9:11,.0f} {wall / rows * 1e9:12,.0f}")
    rest = one["cpu"] - sum(one["cpu_by"].values())
    print(f"  {'other threads (librdkafka)':30} {rest / rows * 1e9:11,.0f}")
    print(f"  {'the whole process':30} {one['cpu'] / rows * 1e9:11,.0f} {one['seconds'] / rows * 1e9:12,.0f}")


def main() -> None:
    if len(sys.argv) == 4 and sys.argv[1] == "child":
        found = profile(Workload.from_json(sys.argv[2]), "profile", int(sys.argv[3]))
        print(orjson.dumps({"rounds": found}).decode())
        return
    parser = argparse.ArgumentParser(prog="python -m bench.profile_path", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows a round, about (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="the first one loads libraries (default: %(default)s)")
    options = parser.parse_args()
    exit_on_signals()
    workload = Workload.of_rows(options.rows)
    with bench_services(print) as services:
        workload.warm(services.settings.theta_url)
        answer = services.run("bench.profile_path", "child", workload.as_json(), str(options.rounds))
        for one in answer["rounds"]:
            show(one)


if __name__ == "__main__":
    main()
