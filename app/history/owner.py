"""The owner of one partition of ``series``: its fenced writer, and the series that run under it.

One thread. It exists while the partition has unfinished work and ends by itself after that; on losing the
partition it stops before its next transaction. Whatever stops it, the logs say where to go on.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from app.domain.duty import duty
from app.domain.records import Checkpoint, SeriesRecord
from app.errors import Fenced, LogError, PlatformError, ProviderChanged
from app.history.ending import DELETED_AT_ONCE, Ending
from app.history.handover import LiveEnded
from app.history.running import Deps, Running
from app.history.starting import Starter
from app.history.writing import Hand, Writing
from app.kafka.ownership import COOL_DOWN
from app.kafka.row_writer import RowWriter, row_writer
from app.kafka.topics import PROGRESS, SERIES
from app.logs import stay_about

logger = logging.getLogger(__name__)

#: Seconds without work after which the writer is let go.
IDLE = 2.0
#: Seconds between two looks at live topics that a receipt waits for, and at whether topics may be deleted.
WAITING, SOON = 0.25, 0.05


class PartitionOwner:
    """Runs series handed over by ``submit`` until ``stop``, a fence, or idleness ends it."""

    def __init__(
        self,
        deps: Deps,
        partition: int,
        on_done: Callable[[SeriesRecord], None],
        on_end: Callable[[PartitionOwner, float], None],
        on_waiting: Callable[[SeriesRecord], None],
        slow_open: float,
    ) -> None:
        """``on_done`` is told of each series that needs no more work here, ``on_waiting`` of each that only waits for
        its live topic, ``on_end`` of the owner's own end
        and for how many seconds the partition should be left alone. A take-over that lasts longer than
        ``slow_open`` seconds is not trusted: the assignment may have changed meanwhile."""
        self.partition = partition
        self._deps = deps
        self._on_done = on_done
        self._on_end = on_end
        self._on_waiting = on_waiting
        self._waiting: set[str] = set()
        self._inbox: list[SeriesRecord] = []
        self._leftovers: list[str] = []
        #: Series whose topics are to be deleted, and where those that ran are.
        self._leaving: list[tuple[SeriesRecord, Checkpoint | None]] = []
        self._starter = Starter(deps, partition, self._wake)
        self._ending = Ending(deps, partition)
        self._writing = Writing(deps, partition, lambda: self._stopping, self._wake)
        self._running = self._writing.running
        self._changed = threading.Condition()
        self._signalled = False
        self._stopping = False
        self._closed = False
        self._slow_open = slow_open
        self.was_slow = False
        self._thread = threading.Thread(target=self._run, name=f"owner-{partition}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, record: SeriesRecord) -> bool:
        """Hand over a series, or what has been asked of one since; False when this owner is ending and takes nothing
        more."""
        with self._changed:
            if self._stopping or self._closed:
                return False
            self._inbox.append(record)
            self._changed.notify_all()
            return True

    def sweep(self, topics: list[str]) -> bool:
        """Hand over topics that only ``progress`` speaks of; False as in ``submit``."""
        with self._changed:
            if self._stopping or self._closed:
                return False
            self._leftovers += topics
            self._signalled = True
            self._changed.notify_all()
            return True

    def stop(self) -> None:
        """Stop before the next transaction."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _wake(self) -> None:
        with self._changed:
            self._signalled = True
            self._changed.notify_all()

    # --- the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        stay_about(partition=self.partition)
        pause = 0.0
        writer = None
        try:
            writer = row_writer(self._deps.settings, f"{self._deps.settings.app_id}-history-{self.partition}")
            if self._stopping:
                return
            if writer.open() > self._slow_open:
                # Whoever waited this long may have been overtaken: look at the assignment again before writing.
                logger.info("partition %d: taking over was slow, asking again who owns it", self.partition)
                self.was_slow = True
                pause = COOL_DOWN
            else:
                self._work(writer)
        except Fenced as error:
            logger.warning("partition %d: this writer is finished: %s", self.partition, error)
            pause = COOL_DOWN
        except LogError as error:
            logger.warning("partition %d: %s", self.partition, error)
            pause = COOL_DOWN
        except Exception:
            logger.exception("partition %d: unexpected fault, starting over", self.partition)
            pause = COOL_DOWN
        finally:
            with self._changed:
                self._closed = True
            self._writing.let_go()
            if writer is not None:
                writer.close()
            self._on_end(self, pause)

    def _work(self, writer: RowWriter) -> None:
        while True:
            with self._changed:
                if not (self._inbox or self._signalled or self._stopping):
                    self._changed.wait(SOON if self._leaving else WAITING if self._waiting else IDLE)
                idle = not (self._inbox or self._signalled or self._running or self._leaving)
                if self._stopping or idle:
                    self._closed = True
                    return
                batch, self._inbox, self._signalled = self._inbox, [], False
                leftovers, self._leftovers = self._leftovers, []
            if batch or leftovers:
                self._take_in(writer, batch, leftovers)
            # Series that were handed over meanwhile should not wait for those that run.
            while not self._inbox and (ready := self._ready(writer)):
                self._write(writer, ready)
            self._delete_some(writer)
            self._signalled = self._signalled or bool(self._inbox)

    # --- starting and ending series ---------------------------------------------------------------------

    def _take_in(self, writer: RowWriter, batch: list[SeriesRecord], leftovers: list[str]) -> None:
        """Do, between two transactions, what is asked of these series."""
        index = self._deps.index
        # What a former owner committed must be in the index, and our own last commits too, or a series would go on
        # from a checkpoint before them.
        index.catch_up([(SERIES, self.partition), (PROGRESS, self.partition)])
        index.wait_for(writer.written)
        todo: dict[str | None, list[SeriesRecord]] = defaultdict(list)
        # Of several records of a series the latest counts, in whichever order they were handed over.
        for record in {record.topic: record for record in sorted(batch, key=lambda one: one.stamp)}.values():
            todo[duty(record, index.checkpoint(record.topic, record.run))].append(record)
        to_run = [record for record in todo["run"] if not self._goes_on(record)]
        so_far: dict[str, Checkpoint] = {}
        for record in todo["cancel"] + todo["delete"]:
            if (running := self._running.pop(record.topic, None)) is not None:
                self._deps.fetcher.remove(running.fetch)
                self._waiting.discard(record.topic)
                so_far[record.topic] = running.writer.checkpoint(running.writer.state, "running")
        self._ending.cancel(writer, todo["cancel"], so_far)
        self._leaving += [(record, so_far.get(record.topic)) for record in todo["delete"]]
        self._ending.sweep(writer, leftovers)
        for record in todo[None] + todo["cancel"]:
            self._on_done(record)
        self._start(writer, to_run)

    def _delete_some(self, writer: RowWriter) -> None:
        """Delete a batch of topics, unless another owner of this process is at it: series that run do not wait for
        thousands of others to be deleted."""
        if not self._leaving or self._stopping or not self._deps.deletions.acquire(blocking=False):
            return
        try:
            batch = self._leaving[:DELETED_AT_ONCE]
            self._ending.delete(writer, batch)
            del self._leaving[: len(batch)]
        finally:
            self._deps.deletions.release()
        for record, _ in batch:
            self._on_done(record)

    def _goes_on(self, record: SeriesRecord) -> bool:
        """Whether a series that is to run does already; then it runs for the new attempt."""
        running = self._running.get(record.topic)
        if running is None:
            return False
        running.fetch.record = running.writer.record = record
        return True

    def _start(self, writer: RowWriter, batch: list[SeriesRecord]) -> None:
        if not batch:
            return
        started = self._starter.start(writer, batch)
        self._running.update({running.topic: running for running in started.running})
        for record, error in started.failed:
            self._finish_failed(writer, record, error)

    # --- writing ------------------------------------------------------------------------------------------

    def _write(self, writer: RowWriter, hand: Hand) -> None:
        with self._deps.turns:
            written = self._writing.transaction(writer, hand)
        for running in written.complete:
            self._drop(running)
        for running in written.gone:
            logger.warning("%s was deleted or made anew by somebody else: the series starts over", running.topic)
            self._deps.fetcher.remove(running.fetch)
            del self._running[running.topic]
            self._waiting.discard(running.topic)
            with self._changed:
                self._inbox.append(running.fetch.record)
        for running, why in written.failed:
            self._finish_failed(writer, running.fetch.record, why)

    def _ready(self, writer: RowWriter) -> Hand:
        """The finished head steps."""
        ready: Hand = []
        if self._stopping:
            return ready
        for running in list(self._running.values()):
            try:
                step = self._writing.take(running)
            except PlatformError as error:
                self._finish_failed(writer, running.fetch.record, error)
                continue
            if step is not None or (running.complete and self._may_finish(running, writer)):
                ready.append((running, step))
        return ready

    def _may_finish(self, running: Running, writer: RowWriter) -> bool:
        """Whether a series of which every row is written may be given its receipt."""
        if not running.fetch.record.live or running.writer.handover is not None:
            return True
        if running.topic not in self._waiting:
            self._waiting.add(running.topic)
            self._on_waiting(running.fetch.record)
        try:
            running.writer.handover = self._deps.handovers.of(running.fetch.record)
        except LiveEnded as error:
            self._finish_failed(writer, running.fetch.record, error)
        except LogError as error:
            logger.warning("%s: the hand-over could not be looked for: %s", running.topic, error)
        return running.writer.handover is not None

    def _finish_failed(self, writer: RowWriter, record: SeriesRecord, error: PlatformError) -> None:
        """Record that a series failed and why; its last checkpoint stays, so that a retry can go on from it."""
        logger.warning("%s: failed: %s", record.topic, error)
        running = self._running.get(record.topic)
        if running is not None:
            checkpoint = running.writer.checkpoint(running.writer.state, "failed", reason=str(error))
            record = running.fetch.record
        else:
            found = self._deps.index.checkpoint(record.topic, record.run)
            found = found or Checkpoint(record.run, record.attempt, "failed", "", 0, 0)
            checkpoint = replace(found, attempt=record.attempt, state="failed", reason=str(error))
        if isinstance(error, ProviderChanged):
            checkpoint = replace(checkpoint, anew=True)
        writer.begin()
        writer.record(PROGRESS, record.topic.encode(), checkpoint.encode(), partition=self.partition)
        writer.commit()
        if running is not None:
            self._drop(running)
        else:
            self._on_done(record)

    def _drop(self, running: Running) -> None:
        self._deps.fetcher.remove(running.fetch)
        del self._running[running.topic]
        self._waiting.discard(running.topic)
        self._on_done(running.fetch.record)
