"""Threads that do for the owner of the feed what takes time: ask history, read topics, make topics.

A job is a generator; what it yields is handed over one by one, and it goes on only as fast as that is taken. Jobs of
a lower number go first.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.domain.retry import Attempt, again
from app.domain.rows import Rows
from app.errors import PlatformError, ProviderError
from app.provider import Observer

logger = logging.getLogger(__name__)

#: Results that wait to be taken.
_WAITING = 4
Job = Callable[[], Iterator[Any]]


@dataclass(frozen=True, slots=True)
class Failed:
    """A job ended with an error."""

    label: Any
    error: PlatformError


class Stopped(PlatformError):
    """The healer was stopped meanwhile."""


class Healer:
    """``submit`` and ``results`` belong to the owner's thread."""

    def __init__(self, workers: int, observer: Observer | None = None) -> None:
        """``observer`` is told of what ``patiently`` asks."""
        self._observer = observer or Observer()
        self._jobs: queue.PriorityQueue[tuple[int, int, Any, Job]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._results: queue.Queue[Any] = queue.Queue(_WAITING)
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, name=f"healer-{i}", daemon=True) for i in range(workers)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Begin nothing more, and wait for what is under way, at most ``timeout`` seconds."""
        self._stopped.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def submit(self, priority: int, label: Any, job: Job) -> None:
        """Do a job; should it fail, there is a ``Failed`` with its label among the results."""
        self._jobs.put((priority, next(self._order), label, job))

    @property
    def waiting(self) -> int:
        """Jobs that are not begun."""
        return self._jobs.qsize()

    def results(self) -> list[Any]:
        """What has been yielded since the last call."""
        found: list[Any] = []
        while len(found) < _WAITING:
            try:
                found.append(self._results.get_nowait())
            except queue.Empty:
                break
        return found

    def check(self) -> None:
        """Raise ``Stopped`` if nobody waits for a result any more."""
        if self._stopped.is_set():
            raise Stopped("the healer was stopped")

    def patiently(self, ask: Callable[[], Any], wait: float) -> Any:
        """What ``ask`` returns, asked again as its errors advise; ``wait``: seconds for a provider that is away."""
        attempt = Attempt()
        while True:
            self.check()
            begun = time.monotonic()
            try:
                found = ask()
            except ProviderError as error:
                self._observer.fetched(time.monotonic() - begun, 0, error)
                retry, delay = again(attempt, error, time.monotonic(), wait)
                if not retry:
                    raise
                self._observer.retried(error)
                self._stopped.wait(delay)
            else:
                self._observer.fetched(time.monotonic() - begun, len(found) if isinstance(found, Rows) else 0, None)
                return found

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                _, _, label, job = self._jobs.get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                for result in job():
                    self._put(result)
            except Stopped:
                return
            except PlatformError as error:
                self._put(Failed(label, error))
            except Exception as error:
                logger.exception("a job of the live role failed: %s", label)
                self._put(Failed(label, PlatformError(f"it failed unexpectedly: {error!r}")))

    def _put(self, result: Any) -> None:
        while not self._stopped.is_set():
            try:
                self._results.put(result, timeout=0.2)
                return
            except queue.Full:
                continue
