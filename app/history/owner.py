"""The owner of one partition of ``series``: its fenced writer, and the series that run under it.

One thread. It exists while the partition has unfinished work and ends by itself after that; on losing the
partition it stops before its next transaction. Whatever stops it, the logs say where to go on.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from app.domain.records import Checkpoint, SeriesRecord
from app.errors import Fenced, LogError, PlatformError, TopicGone, TransactionAborted
from app.history.handover import LiveEnded
from app.history.running import Deps, Running
from app.history.starting import Starter
from app.history.work import Fetched
from app.history.write import State
from app.kafka.topics import PROGRESS
from app.kafka.writer import TransactionalWriter
from app.logs import stay_about

logger = logging.getLogger(__name__)

#: A transaction is committed at this many rows, at this age, or when no finished step is in hand.
MAX_ROWS, MAX_AGE = 100_000, 1.0
#: Seconds without work after which the writer is let go.
IDLE = 2.0
#: Seconds to wait after being fenced, so that two processes do not throw each other out in turns.
COOL_DOWN = 3.0
#: Seconds between two looks at live topics that a receipt waits for.
WAITING = 0.25
_RETRIES = 3


#: A series, and its head step; None stands for one that has nothing (more) to write but its receipt.
_Hand = list[tuple[Running, Fetched | None]]


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
        self._starter = Starter(deps, partition, self._wake)
        self._running: dict[str, Running] = {}
        #: Steps taken from the fetcher whose bytes are not given back yet.
        self._taken: list[Fetched] = []
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
        """Hand over a series; False when this owner is ending and takes nothing more."""
        with self._changed:
            if self._stopping or self._closed:
                return False
            self._inbox.append(record)
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
            writer = TransactionalWriter(self._deps.settings, f"{self._deps.settings.app_id}-history-{self.partition}")
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
            for running in self._running.values():
                self._deps.fetcher.remove(running.fetch)
            for step in list(self._taken):
                self._give_back(step)
            if writer is not None:
                writer.close()
            self._on_end(self, pause)

    def _work(self, writer: TransactionalWriter) -> None:
        while True:
            with self._changed:
                if not (self._inbox or self._signalled or self._stopping):
                    self._changed.wait(WAITING if self._waiting else IDLE)
                idle = not (self._inbox or self._signalled or self._running)
                if self._stopping or idle:
                    self._closed = True
                    return
                batch, self._inbox, self._signalled = self._inbox, [], False
            if batch:
                self._start(writer, batch)
            # Series that were handed over meanwhile should not wait for those that run.
            while not self._inbox and (ready := self._ready(writer)):
                with self._deps.turns:
                    self._transaction(writer, ready)
            self._signalled = self._signalled or bool(self._inbox)

    # --- starting series --------------------------------------------------------------------------------

    def _start(self, writer: TransactionalWriter, batch: list[SeriesRecord]) -> None:
        started = self._starter.start(writer, batch)
        self._running.update({running.topic: running for running in started.running})
        for record in started.done:
            self._on_done(record)
        for record, error in started.failed:
            self._finish_failed(writer, record, error)

    # --- writing ------------------------------------------------------------------------------------------

    def _ready(self, writer: TransactionalWriter) -> _Hand:
        """The finished head steps."""
        ready: _Hand = []
        if self._stopping:
            return ready
        for running in list(self._running.values()):
            try:
                step = self._take(running)
            except PlatformError as error:
                self._finish_failed(writer, running.fetch.record, error)
                continue
            if step is not None or (running.complete and self._may_finish(running, writer)):
                ready.append((running, step))
        return ready

    def _may_finish(self, running: Running, writer: TransactionalWriter) -> bool:
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

    def _take(self, running: Running) -> Fetched | None:
        step = self._deps.fetcher.take(running.fetch)
        if step is not None:
            self._taken.append(step)
        return step

    def _give_back(self, step: Fetched) -> None:
        self._taken = [one for one in self._taken if one is not step]
        self._deps.fetcher.release(step)

    def _transaction(self, writer: TransactionalWriter, hand: _Hand) -> None:
        """Write the steps in hand, and what else gets ready meanwhile, in one transaction."""
        failed: dict[str, PlatformError] = {}
        aborts = 0
        while aborts <= _RETRIES:
            drafts: dict[str, State] = {}
            writer.begin(on_stall=lambda d=drafts: self._check_topics([self._running[t] for t in d]))  # type: ignore[misc]
            try:
                self._fill(writer, hand, drafts, grow=not (aborts or failed))
                writer.flush()
                self._check_topics([r for t, draft in drafts.items() if (r := self._running[t]).writer.finishes(draft)])
                now = dt.datetime.now(dt.UTC)
                for topic, draft in drafts.items():
                    self._running[topic].writer.record_progress(writer, draft, now)
                writer.commit()
            except _SeriesFault as fault:
                writer.abort()
                failed[fault.topic] = fault.error
                hand = self._without(hand, {fault.topic})
            except (TransactionAborted, TopicGone) as error:
                aborts += 1
                writer.abort()
                logger.warning("partition %d: a transaction was aborted: %s", self.partition, error)
                hand = self._without(hand, self._restart_gone([running for running, _ in hand]))
            else:
                self._committed(hand, drafts)
                break
        else:
            raise LogError(f"a transaction was aborted {_RETRIES + 1} times in a row")
        for topic, why in failed.items():
            self._finish_failed(writer, self._running[topic].fetch.record, why)

    def _fill(
        self,
        writer: TransactionalWriter,
        hand: _Hand,
        drafts: dict[str, State],
        *,
        grow: bool,
    ) -> None:
        begun, rows, done = time.monotonic(), 0, 0
        while True:
            while done < len(hand):
                running, step = hand[done]
                done += 1
                if running.topic not in drafts:
                    drafts[running.topic] = running.writer.state.copy()
                if step is None:
                    plan = running.fetch.plan
                    assert plan is not None
                    running.writer.adopt(writer, drafts[running.topic], plan)
                    continue
                try:
                    rows += running.writer.write(writer, drafts[running.topic], step)
                except (ValueError, TypeError, OverflowError) as error:
                    fault = PlatformError(f"a row does not fit the schema: {error}")
                    raise _SeriesFault(running.topic, fault) from None
            if not grow or self._stopping or rows >= MAX_ROWS or time.monotonic() - begun >= MAX_AGE:
                return
            more = []
            for running in list(self._running.values()):
                # A failed fetch is dealt with outside of the transaction.
                try:
                    step = self._take(running)
                except PlatformError:
                    self._signalled = True
                    continue
                if step is not None:
                    more.append((running, step))
            if not more:
                return
            hand += more

    def _committed(self, hand: _Hand, drafts: dict[str, State]) -> None:
        for _, step in hand:
            if step is not None:
                self._give_back(step)
        for topic, draft in drafts.items():
            running, before = self._running[topic], self._running[topic].writer.state
            name = running.fetch.name
            self._deps.counts.committed(name, draft.rows - before.rows, draft.bytes_since(before))
            running.writer.state = draft
            if running.writer.finishes(draft):
                logger.info("%s: complete, %d rows", topic, draft.rows)
                self._drop(running)

    def _without(self, hand: _Hand, topics: set[str]) -> _Hand:
        for running, step in hand:
            if running.topic in topics and step is not None:
                self._give_back(step)
        return [(running, step) for running, step in hand if running.topic not in topics]

    # --- what goes wrong with one series ------------------------------------------------------------------

    def _check_topics(self, finishing: list[Running]) -> None:
        """A receipt speaks of the topic that the plan was made for."""
        ids = self._deps.topics.ids([running.topic for running in finishing])
        for running in finishing:
            if ids.get(running.topic) != running.writer.topic_id:
                raise TopicGone(running.topic)

    def _restart_gone(self, candidates: list[Running]) -> set[str]:
        """Hand back the series whose topic was deleted or made anew; they start over with a new topic."""
        ids = self._deps.topics.ids({running.topic for running in candidates})
        gone = {running.topic: running for running in candidates if ids.get(running.topic) != running.writer.topic_id}
        for topic, running in gone.items():
            logger.warning("%s was deleted or made anew by somebody else: the series starts over", topic)
            self._deps.fetcher.remove(running.fetch)
            del self._running[topic]
            with self._changed:
                self._inbox.append(running.fetch.record)
        return set(gone)

    def _finish_failed(self, writer: TransactionalWriter, record: SeriesRecord, error: PlatformError) -> None:
        """Record that a series failed and why; its last checkpoint stays, so that a retry can go on from it."""
        logger.warning("%s: failed: %s", record.topic, error)
        running = self._running.get(record.topic)
        if running is not None:
            checkpoint = running.writer.checkpoint(running.writer.state, "failed", reason=str(error))
        else:
            found = self._deps.index.checkpoint(record.topic, record.run)
            found = found or Checkpoint(record.run, record.attempt, "failed", "", 0, 0)
            checkpoint = replace(found, attempt=record.attempt, state="failed", reason=str(error))
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


class _SeriesFault(Exception):
    """One series' rows cannot be written; the transaction goes on without it."""

    def __init__(self, topic: str, error: PlatformError) -> None:
        super().__init__(str(error))
        self.topic = topic
        self.error = error
