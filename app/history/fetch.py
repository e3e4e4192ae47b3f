"""Fetching: the chunks of all running series, ahead of the writers, under a limit and a byte budget.

A series' head step, the one its writer waits for, is always admitted, and so are the listings that its plan wants;
later steps only while the budget has room. So no retry of a head ever waits for room that later steps hold. Budget
is reserved before a request goes out and given back when its rows are committed. A request that waits for its next
attempt holds no slot.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, replace

from app.domain.retry import Attempt, again
from app.domain.rows import Rows
from app.domain.sizes import MOST_ROWS, step_bytes
from app.errors import ProviderBusy, ProviderError, RequestTooLarge
from app.history.slots import Slots
from app.history.work import (
    Fetched,
    ListingWork,
    OverlapWork,
    SeriesFetch,
    StepWork,
    Work,
    assemble,
    kept,
    overlapping,
)
from app.logs import about
from app.provider import Observer, Provider

logger = logging.getLogger(__name__)

BUDGET = 96 * 1024 * 1024
_Job = tuple[SeriesFetch, Work, int]


@dataclass(frozen=True, slots=True)
class Depths:
    """What waits in the fetcher: chunks that are admitted and not begun, steps that are there and not taken, and
    requests that wait for their next attempt."""

    chunks: int
    steps: int
    retries: int


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

    @property
    def reserved(self) -> int:
        """Bytes of the budget in use."""
        return self._reserved

    @property
    def budget(self) -> int:
        """Bytes that may be reserved for what is fetched ahead."""
        return self._budget

    def depths(self) -> Depths:
        """What waits now."""
        with self._changed:
            listings = [series.listing for series in self._series if series.listing is not None]
            steps = [work for series in self._series if series.plan is not None for work in series.begun()]
            works: list[Work] = [*listings, *steps]
            return Depths(
                sum(work.count - work.next for work in works),
                sum(work.fetched is not None for work in steps),
                sum(len(work.delayed) for work in works),
            )

    def add(self, series: SeriesFetch) -> None:
        with self._changed:
            self._series.append(series)
            self._changed.notify_all()

    def remove(self, series: SeriesFetch) -> None:
        """Forget a series; what is fetched but not taken gives its budget back."""
        with self._changed:
            if series in self._series:
                self._series.remove(series)
                self._reserved -= sum(work.reserved for work in series.begun())
            self._changed.notify_all()

    def take(self, series: SeriesFetch) -> Fetched | None:
        """The head step, if it is there. Raises the ``PlatformError`` that ended the series' fetching."""
        with self._changed:
            if series.plan is not None and series.head < series.end:
                work = series.work(series.head)
                if work.fetched is not None:
                    fetched = replace(work.fetched, index=series.head, plan=series.plan, reserved=work.reserved)
                    work.fetched, work.reserved = None, 0
                    series.head += 1
                    series.front = max(series.front, series.head)
                    self._changed.notify_all()
                    return fetched
            if series.failure is not None and series.head >= series.end:
                raise series.failure
            return None

    def release(self, fetched: Fetched) -> None:
        """A taken step is committed or given up: its bytes are free again."""
        with self._changed:
            self._reserved -= fetched.reserved
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
            try:
                with about(job[0].record.topic):
                    self._do(job)
            finally:
                with self._changed:
                    self._in_flight -= 1
                    self._changed.notify_all()
            job[0].on_ready()

    # --- choosing -------------------------------------------------------------------------------------------

    def _next_due(self) -> float | None:
        """Seconds until a delayed request may be tried again; None where only a change can help."""
        if self._in_flight >= self._slots.limit:
            return None
        due = [
            work.attempts[i].not_before
            for series in self._series
            for work in ([series.gate] if series.gate else series.begun())
            for i in work.delayed
        ]
        return max(0.01, min(due) - time.monotonic()) if due else None

    def _pick(self) -> _Job | None:
        if self._stopped or self._in_flight >= self._slots.limit:
            return None
        return self._pick_where(heads=True) or self._pick_where(heads=False)

    def _pick_where(self, *, heads: bool) -> _Job | None:
        now = time.monotonic()
        for _ in range(len(self._series)):
            series = self._series[0]
            self._series.rotate(-1)
            found = self._head_of(series, now) if heads else self._ahead_of(series, now)
            if found is not None:
                return series, *found
        return None

    def _head_of(self, series: SeriesFetch, now: float) -> tuple[Work, int] | None:
        if series.gate is not None:
            return None if series.failure else self._from(series, series.gate, now)
        if series.head >= series.end:
            return None
        series.reach = max(series.reach, series.head + 1)
        return self._from(series, series.work(series.head), now)

    def _ahead_of(self, series: SeriesFetch, now: float) -> tuple[Work, int] | None:
        if series.gate is not None:
            return None
        for index in range(series.head + 1, min(series.reach, series.end)):
            work = series.work(index)
            if (again := work.due(now)) is not None:
                work.delayed.remove(again)
                return work, again
        while series.front < series.end:
            work = series.work(series.front)
            if work.next < work.count:
                if series.front == series.head:
                    # The head itself is chosen before all that is ahead.
                    return None
                if self._reserved + series.bytes_of(work, work.next) > self._budget:
                    return None
                series.reach = max(series.reach, series.front + 1)
                return self._from(series, work, now)
            series.front += 1
        return None

    def _from(self, series: SeriesFetch, work: Work, now: float) -> tuple[Work, int] | None:
        again = work.due(now)
        if again is not None:
            # Its bytes are reserved since its first attempt.
            work.delayed.remove(again)
            return work, again
        if work.next >= work.count:
            return None
        index = work.next
        work.next += 1
        work.attempts[index] = Attempt()
        if isinstance(work, StepWork):
            self._reserve(work, series.bytes_of(work, index))
        return work, index

    def _reserve(self, work: Work, size: int) -> None:
        work.reserved += size
        self._reserved += size

    # --- doing ----------------------------------------------------------------------------------------------

    def _do(self, job: _Job) -> None:
        series, work, index = job
        begun = time.monotonic()
        count = 0
        try:
            if isinstance(work, StepWork):
                rows = self._provider.fetch(series.name, work.step.chunks[index], MOST_ROWS)
                count = len(rows)
                self._observer.fetched(time.monotonic() - begun, count, None)
                self._chunk_done(series, work, index, rows)
            elif isinstance(work, ListingWork):
                listing = self._provider.list(series.name, work.wanted[index])
                self._observer.fetched(time.monotonic() - begun, 0, None)
                work.found[work.wanted[index]] = listing
                self._listing_done(series, work)
            elif isinstance(work, OverlapWork):
                rows = self._provider.fetch(series.name, work.overlap.chunk, MOST_ROWS)
                self._observer.fetched(time.monotonic() - begun, len(rows), None)
                work.compare(overlapping(rows, series, work.overlap))
                with self._changed:
                    series.overlap = None
        except ProviderError as error:
            self._observer.fetched(time.monotonic() - begun, 0, error)
            self._failed(series, work, index, error)
        except Exception as error:
            logger.exception("%s: an answer could not be processed", series.record.topic)
            self._failed(series, work, index, ProviderError(f"the answer could not be processed: {error!r}"))

    def _chunk_done(self, series: SeriesFetch, work: StepWork, index: int, sent: Rows) -> None:
        rows, empty, missing = kept(sent, series, work.step.chunks[index])
        with self._changed:
            if not self._wants(series, work):
                return
            # From here on what is known counts, and no longer what was estimated.
            self._reserve(work, step_bytes(series.name, len(rows)) - series.bytes_of(work, index))
            work.parts[index] = rows
            work.empty_bars += empty
            work.missing |= missing
            work.left -= 1
            if work.count > 1 and work.rows > MOST_ROWS:
                raise StepTooLarge(f"the step has more than {MOST_ROWS:,} rows")
            if work.left:
                return
        found, empty, counts = assemble(series, work)
        with self._changed:
            if self._wants(series, work):
                assert series.plan is not None
                work.fetched = Fetched(0, series.plan, found, empty, counts, 0)

    def _listing_done(self, series: SeriesFetch, work: ListingWork) -> None:
        with self._changed:
            work.left -= 1
            if work.left or not self._wants(series, work):
                return
        plan = series.make_plan()
        with self._changed:
            if self._wants(series, work):
                series.set_plan(plan)
                self._changed.notify_all()

    def _wants(self, series: SeriesFetch, work: Work) -> bool:
        given_up = series.failure is not None and series.index_of(work) >= series.end
        return series in self._series and series.has(work) and not given_up

    def _failed(self, series: SeriesFetch, work: Work, index: int, error: ProviderError) -> None:
        now = time.monotonic()
        with self._changed:
            if isinstance(error, ProviderBusy):
                self._slots.busy()
            if not self._wants(series, work):
                return
            if isinstance(error, RequestTooLarge) and isinstance(work, StepWork):
                reserved = work.reserved
                if series.split(work, rights=not isinstance(error, StepTooLarge)):
                    self._reserved -= reserved
                    logger.info("%s: a step is split in two: %s", series.record.topic, error)
                    return
                error = RequestTooLarge(
                    f"{error}; it cannot be split further: ask for fewer contracts or a longer interval",
                    status=error.status,
                    url=error.url,
                )
            attempt = work.attempts[index]
            retry, delay = again(attempt, error, now, self._theta_wait)
            if retry:
                attempt.not_before = now + delay
                work.delayed.append(index)
                self._observer.retried(error)
            else:
                self._give_up(series, work, error)
        logger.log(
            logging.INFO if retry else logging.WARNING,
            "%s: attempt %d failed%s: %s",
            series.record.topic,
            attempt.tries,
            f", again in {delay:.1f} s" if retry else "",
            error,
        )

    def _give_up(self, series: SeriesFetch, work: Work, error: ProviderError) -> None:
        index = series.index_of(work)
        if series.failure is None or index < series.end:
            series.failure, series.given_up, series.end = error, work, index
        self._reserved -= work.reserved
        work.reserved = 0


class StepTooLarge(RequestTooLarge):
    """The chunks of a step are too much together."""
