"""What a contestant that writes one row at a time is given, and how its run is timed.

It is a JSON file, so that a contestant in an environment without the project's dependencies can read it: this module,
``bars`` and those that run there import nothing of ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Lot:
    """Some of a ticker's rows, and where they go. ``requests``: the parameters of each GET, in the rows' order."""

    ticker: str
    topic: str
    requests: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Job:
    """Where the rows come from and go to. ``frame`` is hexadecimal, the five bytes before each Avro body; ``first`` is
    moved before the clock runs, so that libraries are loaded and connections are open."""

    url: str
    path: str
    kafka: str
    registry: str
    schema: dict[str, Any]
    frame: str
    first: Lot
    lots: list[Lot]

    @classmethod
    def read(cls, file: str) -> Job:
        found = orjson.loads(Path(file).read_bytes())
        first, lots = Lot(**found.pop("first")), [Lot(**lot) for lot in found.pop("lots")]
        return cls(**found, first=first, lots=lots)

    def write(self, file: Path) -> None:
        file.write_bytes(orjson.dumps(asdict(self)))


def run(job: Job, move: Callable[[Lot], int], finish: Callable[[], None]) -> None:
    """Move the first lot, then all others against the clock, and print how it went.

    ``move`` gives the rows of a lot, which may still be under way when it returns; ``finish`` waits for all of them.
    The clock runs from the first request until the broker has acknowledged the last row. ``cpu``: seconds of this
    process, its libraries' threads included.
    """
    move(job.first)
    finish()
    cpu, wall = time.process_time(), time.perf_counter()
    rows = sum(map(move, job.lots))
    finish()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(orjson.dumps({"rows": rows, "seconds": wall, "cpu": cpu}).decode(), flush=True)
