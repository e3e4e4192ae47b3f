"""A process that answers, seen from outside while it does something else: its memory, and how long answers take."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import psutil  # type: ignore[import-untyped]

_ASK_EVERY, _WEIGH_EVERY = 0.1, 0.05


class Watch:
    """What was seen so far: resident bytes, and seconds by path from asking to the whole answer."""

    def __init__(self, process: psutil.Process, http: httpx.Client, paths: Sequence[str]) -> None:
        self._process = process
        self._http = http
        self.rss: list[int] = []
        self.seconds: dict[str, list[float]] = {path: [] for path in paths}

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Within, look all the time."""
        over = threading.Event()
        threads = [threading.Thread(target=look, args=(over,)) for look in (self._ask, self._weigh)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _ask(self, over: threading.Event) -> None:
        while not over.wait(_ASK_EVERY):
            for path, seconds in self.seconds.items():
                begun = time.perf_counter()
                self._http.get(path).raise_for_status()
                seconds.append(time.perf_counter() - begun)

    def _weigh(self, over: threading.Event) -> None:
        while not over.wait(_WEIGH_EVERY):
            self.rss.append(int(self._process.memory_info().rss))


def cpu_of(process: psutil.Process) -> float:
    """Seconds of processor time that a process has taken, its children's left out."""
    times = process.cpu_times()
    return float(times.user + times.system)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
