"""What the platform takes when nobody asks for anything, and how long it takes to be ready."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from bench.figures import Figure, Section
from bench.running import Local, local
from bench.watch import cpu_of

_TEXT = """`python -m app local` with the embedded broker, registry and simulator, their jars fetched before. Times run
from the start of the program until `/health/ready` of every role answers 200: on an empty folder, where the broker's
storage is made and all topics are, and again on the same folder. A further history worker, beside services and roles
that run, is timed in the same way. Then nobody asks for anything: resident memory of each process at the end (pages
that several share are counted for each), and the processor time that it took meanwhile, as a part of one core."""
#: The platform's own processes; the others stand in for services that a user has already.
_ROLES = ("coordinator", "history", "live")


@dataclass(frozen=True, slots=True)
class _Times:
    """Starts of either kind, of the further worker, and seconds of looking, after seconds of settling."""

    starts: int
    again: int
    workers: int
    settle: float
    look: float


_FULL = _Times(3, 3, 3, 15.0, 30.0)
_QUICK = _Times(1, 0, 1, 5.0, 10.0)


def measure(quick: bool, say: Callable[[str], None]) -> Section:
    times = _QUICK if quick else _FULL
    first: list[float] = []
    again: list[float] = []
    workers: list[float] = []
    idle: list[Figure] = []
    for number in range(times.starts):
        with tempfile.TemporaryDirectory(prefix="fdp-bench-") as temporary:
            folder = Path(temporary)
            last = number == times.starts - 1
            with ExitStack() as stack:
                one = stack.enter_context(local(folder))
                first.append(one.seconds)
                say(f"  start {number + 1}: ready after {one.seconds:.2f} s on an empty folder")
                if times.again > number:
                    stack.close()
                    one = stack.enter_context(local(folder))
                    again.append(one.seconds)
                    say(f"  start {number + 1}: ready after {one.seconds:.2f} s again")
                if last:
                    idle = _idle(one, times)
                    for _ in range(times.workers):
                        with one.worker(folder) as seconds:
                            workers.append(seconds)
                            say(f"  a further worker is ready after {seconds:.2f} s")
    figures = [Figure("`local` ready, on an empty folder", first, "s")]
    if again:
        figures.append(Figure("`local` ready, again on the same folder", again, "s"))
    figures.append(Figure("a further history worker ready", workers, "s"))
    note = f"Idle: {times.look:g} s, which begin {times.settle:g} s after everything is ready."
    return Section("idle", "Idle, and time to ready", _TEXT, (), [*figures, *idle], [note])


def _idle(one: Local, times: _Times) -> list[Figure]:
    """Memory and processor time of each process, of the three roles together and of all."""
    processes = one.processes()
    time.sleep(times.settle)
    before, begun = _spent(processes), time.perf_counter()
    time.sleep(times.look)
    after, seconds = _spent(processes), time.perf_counter() - begun
    memory = {name: process.memory_info().rss / 1e6 for name, process in processes.items()}
    share = {name: (after[name] - before[name]) / seconds * 100 for name in processes}
    for names, called in ((_ROLES, "the three roles together"), (tuple(processes), "all together")):
        memory[called] = sum(memory[name] for name in names)
        share[called] = sum(share[name] for name in names)
    return [
        figure
        for name in memory
        for figure in (
            Figure(f"{name}: resident memory", [memory[name]], "MB"),
            Figure(f"{name}: processor time", [share[name]], "% of a core"),
        )
    ]


def _spent(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    return {name: cpu_of(process) for name, process in processes.items()}
