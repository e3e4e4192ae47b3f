"""Where time goes in functions of production: they are wrapped where they are, and their time is added up by stage.

Processor time is that of the thread which runs the function; what librdkafka's own threads take is the rest of the
process's. Wall time includes waiting, also for the interpreter, and of several threads it is the sum.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any


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

    def clear(self) -> None:
        with self._lock:
            self.cpu.clear()
            self.wall.clear()

    def told(self) -> dict[str, dict[str, float]]:
        """Seconds by stage so far: ``cpu_by`` and ``wall_by``."""
        with self._lock:
            return {"cpu_by": dict(self.cpu), "wall_by": dict(self.wall)}


def show(title: str, one: Mapping[str, Any], rest: str = "other threads (librdkafka)") -> None:
    """A table of one run: ``rows``, ``seconds``, ``cpu`` of the whole process, and what ``Stages.told`` says. ``rest``:
    what the processor time is called that no stage has."""
    rows = one["rows"]
    print(f"\n{title}: {rows:,} rows in {one['seconds']:.2f} s, {rows / one['seconds']:,.0f} rows/s")
    print(f"  {'stage':34} {'cpu ns/row':>11} {'wall ns/row':>12}")
    for stage, cpu in sorted(one["cpu_by"].items(), key=lambda item: -item[1]):
        print(f"  {stage:34} {cpu / rows * 1e9:11,.0f} {one['wall_by'][stage] / rows * 1e9:12,.0f}")
    left = one["cpu"] - sum(one["cpu_by"].values())
    print(f"  {rest:34} {left / rows * 1e9:11,.0f}")
    print(
        f"  {'the whole process':34} {one['cpu'] / rows * 1e9:11,.0f} {one['seconds'] / rows * 1e9:12,.0f}", flush=True
    )
