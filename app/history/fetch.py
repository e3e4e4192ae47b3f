"""Fetching: the chunks of all running series, ahead of the writers, under a limit and a byte budget.

A series' head chunk, the one its writer waits for, is always admitted; later chunks only while the budget has
room. So no retry of a head ever waits for room that later chunks hold. Budget is reserved before a request goes
out and given back when its rows are committed. A chunk that waits for its next attempt holds no slot.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from app.domain.bars import process_bars, rows_by_session
from app.domain.plan import Chunk, Plan
from app.domain.records import SeriesRecord
from app.domain.rows import Rows
from app.errors import PlatformError, ProviderBusy, ProviderError
from app.history.slots import Slots
from app.provider import Hours, Provider

logger = logging.getLogger(__name__)

FEW = 3
BUDGET = 64 * 1024 * 1024
_FIRST_DELAY, _LONGEST_DELAY = 0.25, 5.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """The processed rows of one chunk: what a step writes. ``sessions``: rows per New York date, days since 1970."""

    index: int
    rows: Rows
    empty_bars: int
    sessions: dict[int, int]


@dataclass(slots=True)
class _Attempt:
    """What became of a chunk so far."""

    tries: int = 0
    glitches: int = 0
    waiting_since: float | None = None
    not_before: float = 0.0


class SeriesFetch:
    """One running series as the fetcher sees it: which chunks are asked for, there, or still to come."""

    def __init__(self, record: SeriesRecord, plan: Plan, first: int, on_ready: Callable[[], None]) -> None:
        self.record = record
        self.plan = plan
        self.name = record.name
        self.hours = Hours(record.start_time, record.end_time)
        self.head = first
        self.next = first
        self.done: dict[int, Fetched] = {}
        self.attempts: dict[int, _Attempt] = {}
        self.delayed: deque[int] = deque()
        self.failure: PlatformError | None = None
        #: The first chunk that was given up; only those before it are still worth fetching.
        self.end = len(plan.chunks)
        self.on_ready = on_ready


class Fetcher:
    """A pool of threads that fetch chunks. All methods may be called from any thread."""

    def __init__(
        self,
        provider: Provider,
        concurrency: int,
        theta_wait: float,
        *,
        budget: int = BUDGET,
        observer: Observer | None = None,
    ) -> None:
        self._provider = provider
        self._theta_wait = theta_wait
        self._budget = budget
        self._reserved = 0
        self._in_flight = 0
        self._slots = Slots(concurrency)
        self._series: deque[SeriesFetch] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._observer = observer or Observer()
        self._threads = [
            threading.Thread(target=self._work, name=f"fetch-{i}", daemon=True) for i in range(concurrency + 2)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin nothing more. Requests under way are given up with the provider's connections."""
        with self._changed:
            self._stopped = True
            self._series.clear()
            self._changed.notify_all()

    def set_share(self, owned: int, total: int) -> None:
        with self._changed:
            self._slots.set_share(owned, total)
            self._changed.notify_all()

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def limit(self) -> int:
        return self._slots.limit

    def add(self, series: SeriesFetch) -> None:
        with self._changed:
            self._series.append(series)
            self._changed.notify_all()

    def remove(self, series: SeriesFetch) -> None:
        """Forget a series; what is fetched but not taken gives its budget back."""
        with self._changed:
            if series in self._series:
                self._series.remove(series)
            for index in (*series.done, *series.delayed):
                self._reserved -= series.plan.chunks[index].bytes
            series.done.clear()
            series.delayed.clear()
            self._changed.notify_all()

    def take(self, series: SeriesFetch) -> Fetched | None:
        """The head chunk, if it is there. Raises the ``PlatformError`` that ended the series' fetching."""
        with self._changed:
            fetched = series.done.pop(series.head, None)
            if fetched is not None:
                series.head += 1
                self._changed.notify_all()
                return fetched
            if series.failure is not None and series.head == series.end:
                raise series.failure
            return None

    def release(self, chunk: Chunk) -> None:
        """A taken chunk is committed or given up: its bytes are free again."""
        with self._changed:
            self._reserved -= chunk.bytes
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                job = self._pick()
                while job is None:
                    if self._stopped:
                        return
                    self._changed.wait(self._next_due())
                    job = self._pick()
                self._in_flight += 1
            series, index = job
            try:
                self._fetch(series, index)
            finally:
                with self._changed:
                    self._in_flight -= 1
                    self._changed.notify_all()
            series.on_ready()

    def _next_due(self) -> float | None:
        """Seconds until a delayed chunk may be tried again; None where only a change can help."""
        if self._in_flight >= self._slots.limit:
            return None
        due = [s.attempts[i].not_before for s in self._series for i in s.delayed if i < s.end]
        return max(0.01, min(due) - time.monotonic()) if due else None

    def _pick(self) -> tuple[SeriesFetch, int] | None:
        if self._stopped or self._in_flight >= self._slots.limit:
            return None
        return self._pick_where(heads=True) or self._pick_where(heads=False)

    def _pick_where(self, *, heads: bool) -> tuple[SeriesFetch, int] | None:
        now = time.monotonic()
        for _ in range(len(self._series)):
            series = self._series[0]
            self._series.rotate(-1)
            due = [i for i in series.delayed if i < series.end and series.attempts[i].not_before <= now]
            index = next((i for i in due if (i == series.head) == heads), None)
            if index is not None:
                # Its bytes are reserved since its first attempt.
                series.delayed.remove(index)
                return series, index
            index = series.next
            if index >= series.end or (index == series.head) != heads:
                continue
            size = series.plan.chunks[index].bytes
            if heads or self._reserved + size <= self._budget:
                self._reserved += size
                series.next += 1
                series.attempts[index] = _Attempt()
                return series, index
        return None

    def _fetch(self, series: SeriesFetch, index: int) -> None:
        chunk = series.plan.chunks[index]
        begun = time.monotonic()
        try:
            rows = self._provider.fetch(series.name, chunk, series.hours)
            sent = len(rows)
            empty = 0
            if series.record.name.schema == "ohlcv":
                rows, empty = process_bars(rows, series.record.empty_bars)
            fetched = Fetched(index, rows, empty, rows_by_session(rows))
        except ProviderError as error:
            self._observer.fetched(time.monotonic() - begun, 0, error)
            self._failed(series, index, error)
        except Exception as error:
            logger.exception("%s: a chunk could not be processed", series.record.topic)
            self._failed(series, index, ProviderError(f"the answer could not be processed: {error!r}"))
        else:
            self._observer.fetched(time.monotonic() - begun, sent, None)
            with self._changed:
                if series in self._series:
                    series.done[index] = fetched
                    series.attempts.pop(index, None)
                else:
                    self._reserved -= chunk.bytes

    def _failed(self, series: SeriesFetch, index: int, error: ProviderError) -> None:
        now = time.monotonic()
        with self._changed:
            if series not in self._series:
                self._reserved -= series.plan.chunks[index].bytes
                return
            if isinstance(error, ProviderBusy):
                self._slots.busy()
            attempt = series.attempts[index]
            attempt.tries += 1
            delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(attempt.tries - 1, 10)) * random.uniform(0.5, 1.0)
            if error.patience == "wait":
                attempt.waiting_since = attempt.waiting_since or now
                left = attempt.waiting_since + self._theta_wait - now
                # The last look is at the end of the time, not a delay before it.
                retry, delay = left > 0, min(delay, max(left, 0.01))
            else:
                # What was waited for before does not count: a terminal that comes back often stumbles first.
                attempt.waiting_since = None
                attempt.glitches += 1
                retry = error.patience == "few" and attempt.glitches <= FEW
            if retry:
                attempt.not_before = now + delay
                series.delayed.append(index)
            else:
                self._reserved -= series.plan.chunks[index].bytes
                if index < series.end:
                    series.failure, series.end = error, index
        logger.log(
            logging.INFO if retry else logging.WARNING,
            "%s: attempt %d failed%s: %s",
            series.record.topic,
            attempt.tries,
            f", again in {delay:.1f} s" if retry else "",
            error,
        )


class Observer:
    """What the fetcher tells about each request; the metrics take its place."""

    def fetched(self, seconds: float, rows: int, error: ProviderError | None) -> None:
        """One request ended after ``seconds`` with ``rows`` rows of the provider or an error."""
