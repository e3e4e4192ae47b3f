"""From a frame on the terminal's socket to a row that can be read in Kafka: latency, and processor time an event.

Events are sent at a steady rate over some topics, trades and quotes by turns. An event's time is the moment at which
it is to be sent, so the latency that a reader sees has the sender's own lateness in it. The platform's live role is
measured, or a plain loop that reads the same frames and produces without transactions.
"""

from __future__ import annotations

import itertools
import math
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import psutil  # type: ignore[import-untyped]

from app.kafka.topics import live_topic
from bench.live_frames import Stream, streams
from bench.live_services import LiveServices
from bench.watch import cpu_of

WINDOWS = 3
#: Seconds of events before the first measurement.
_WARM_UP = 12.0
#: What the live role compares with history: windows that are over, so many seconds after their end.
_COMPARED, _GRACE = 300, 8
COMMITTED, UNCOMMITTED = "read_committed", "read_uncommitted"
_LEVELS = (COMMITTED, UNCOMMITTED)
#: Milliseconds of p50 beyond which a rate counts as not held.
_HELD = 250
_SHOWN_THREADS = 6
Result = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How long each measurement takes, in seconds."""

    warm_up: float
    window: float

    @property
    def seconds(self) -> float:
        return self.warm_up + WINDOWS * self.window

    def windows(self, begin: int) -> list[tuple[int, int]]:
        """Begin and end of each, milliseconds since 1970."""
        first = begin + round(self.warm_up * 1000)
        size = round(self.window * 1000)
        return [(first + i * size, first + (i + 1) * size) for i in range(WINDOWS)]


def measure_events(
    services: LiveServices, of: Sequence[Stream], rate: int, plan: Plan, subject: psutil.Process
) -> Measured:
    """One measurement of what ``subject`` writes to these streams' topics, which are there and fed."""
    _away_from_comparisons(plan)
    asked = {"topics": [one.topic for one in of], "events": round(rate * plan.seconds)}
    asked |= {"windows": plan.windows(0), "within": plan.seconds + 30}
    argument = orjson.dumps(asked).decode()
    readers = {level: services.start("bench.live_reader", level, argument, name=level) for level in _LEVELS}
    for level, child in readers.items():
        services.ready(child, level)
    windows = plan.windows(services.send(of, rate, plan.seconds))
    children = {level: psutil.Process(child.pid) for level, child in readers.items()}
    processes = children | {
        "subject": subject,
        "broker": services.process("broker"),
        "terminal": services.process("terminal"),
    }
    marks = []
    for moment in [windows[0][0], *(end for _, end in windows)]:
        time.sleep(max(0.0, moment / 1000 - time.time()))
        spent = {name: cpu_of(process) for name, process in processes.items()} | {"all": _busy()}
        marks.append((time.time(), spent, services.counters(), threads(subject)))
    found = {level: services.result(child, level) for level, child in readers.items()}
    told = {"found": found, "marks": marks, "sent": services.sent(), "events": asked["events"], "rate": rate}
    return _measured(len(of), told)


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement. Lists are by window; latencies in milliseconds by isolation level and percentile, ``cpu`` in
    microseconds an event of the subject's processor time, ``taken`` events that could be read a second of the window.

    ``others``: cores that everything else on the machine took: coordinator, registry and this program, and what is no
    part of it; not the subject, the readers, the broker and the sender. ``missing`` rows never came, ``faults`` came
    doubled or out of turn. ``threads``: microseconds an event by thread of the subject, the busiest first.
    """

    topics: int
    rate: int
    latency: Mapping[str, Mapping[str, list[float]]]
    cpu: list[float]
    taken: list[float]
    commits: list[float]
    broker: float
    others: float
    late: float
    missing: int
    faults: int
    threads: Mapping[str, float]

    @property
    def held(self) -> bool:
        """Whether what was sent could be read as fast as it came."""
        return statistics.median(self.latency[COMMITTED]["p50"]) < _HELD and self.missing == 0


def _measured(topics: int, one: Result) -> Measured:
    marks = one["marks"]
    spans = list(itertools.pairwise(marks))
    seconds = [after[0] - before[0] for before, after in spans]

    def shares(name: str) -> list[float]:
        used = [after[1][name] - before[1][name] for before, after in spans]
        return [cpu / span for cpu, span in zip(used, seconds, strict=True)]

    def counted(name: str) -> list[float]:
        moved = [after[2].get(name, 0.0) - before[2].get(name, 0.0) for before, after in spans]
        return [count / span for count, span in zip(moved, seconds, strict=True)]

    found = one["found"]
    taken = [window["taken"] for window in found[UNCOMMITTED]["windows"]]
    events = one["rate"] * sum(seconds)
    threads = {name: (used - marks[0][3].get(name, 0.0)) / events * 1e6 for name, used in marks[-1][3].items()}
    ours = (*_LEVELS, "subject", "broker", "terminal")
    return Measured(
        topics=topics,
        rate=one["rate"],
        latency={
            level: {
                name: [_latency(window[name]) for window in found[level]["windows"]] for name in ("p50", "p90", "p99")
            }
            for level in _LEVELS
        },
        cpu=[cpu / max(rate, 1) * 1e6 for cpu, rate in zip(shares("subject"), taken, strict=True)],
        taken=taken,
        commits=counted('fdp_transactions_total{outcome="committed"}'),
        broker=statistics.median(shares("broker")),
        others=statistics.median(shares("all")) - sum(statistics.median(shares(name)) for name in ours),
        late=one["sent"]["p99"],
        missing=one["events"] - found[COMMITTED]["rows"],
        faults=found[COMMITTED]["faults"],
        threads=dict(sorted(threads.items(), key=lambda item: -item[1])[:_SHOWN_THREADS]),
    )


def _latency(value: float | None) -> float:
    """None is what never came."""
    return math.inf if value is None else value


def threads(process: psutil.Process) -> dict[str, float]:
    """Seconds of processor time by thread of a process, as far as this system tells."""
    tick = os.sysconf("SC_CLK_TCK")
    found: dict[str, float] = {}
    for thread in process.threads():
        try:
            with open(f"/proc/{process.pid}/task/{thread.id}/stat") as file:  # noqa: PTH123
                head, _, tail = file.read().rpartition(")")
        except OSError:
            continue
        fields = tail.split()
        name = head.partition("(")[2]
        name = f"{name}-{thread.id - process.pid}" if name.startswith("python") else name
        found[name] = found.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / tick
    return found


@contextmanager
def plain_loop(services: LiveServices, of: Sequence[Stream]) -> Iterator[psutil.Process]:
    """The plain loop on topics of its own."""
    names = [one.topic for one in of]
    services.topics.create([live_topic(name) for name in names])
    child = services.start("bench.live_naive", *names, name="naive")
    try:
        services.ready(child, "naive")
        yield psutil.Process(child.pid)
    finally:
        child.stop(2)


def _busy() -> float:
    """Seconds of processor time that anything on this machine has taken."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _away_from_comparisons(plan: Plan) -> None:
    """Wait if the live role would come to compare a window with a history that this terminal does not have."""
    needed = plan.seconds + 20
    into = (time.time() - _GRACE) % _COMPARED
    if _COMPARED - into < needed:
        time.sleep(_COMPARED - into + 1)


def warm_up(services: LiveServices, rate: int) -> None:
    """Events that do not count, for the broker's compiler: without them the first measurement is of that one."""
    of = streams("WARM", 20)
    services.subscribe(of)
    services.send(of, rate, _WARM_UP)
    services.sent()
    time.sleep(3)
    services.unsubscribe(of)
