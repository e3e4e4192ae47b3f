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
from dataclasses import dataclass, field, replace

import orjson

from app.domain.plan import Chunk, Plan, plan_series
from app.domain.receipt import BodyDigest
from app.domain.records import FINAL, Checkpoint, PlanRecord, SeriesRecord, deleting_key, plan_key
from app.errors import Fenced, LogError, PlatformError, ProviderChanged, TopicGone, TransactionAborted
from app.history.fetch import Fetched, Fetcher, SeriesFetch
from app.history.write import FRAME_BYTES, SeriesWriter, State
from app.kafka.index import Index
from app.kafka.reader import read_range
from app.kafka.topics import PROGRESS, SERIES, Topics, data_topic
from app.kafka.writer import TransactionalWriter
from app.settings import Settings

logger = logging.getLogger(__name__)

#: A transaction is committed at this many rows, at this age, or when no finished step is in hand.
MAX_ROWS, MAX_AGE = 100_000, 1.0
#: Seconds without work after which the writer is let go.
IDLE = 2.0
#: Seconds to wait after being fenced, so that two processes do not throw each other out in turns.
COOL_DOWN = 3.0
_RETRIES = 3
#: Transactions that a process has open at once.
WRITERS = 2


@dataclass(frozen=True)
class Deps:
    """What every owner of a process shares."""

    settings: Settings
    index: Index
    topics: Topics
    fetcher: Fetcher
    provider: str
    #: Confluent frame (magic and schema id) of each record type, by name.
    frames: dict[str, bytes]
    #: Taken for the length of a transaction: more writers than cores only fight for the interpreter and hold memory.
    turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(WRITERS))


class _Running:
    """A series under way: where its chunks come from and where its rows go."""

    def __init__(self, fetch: SeriesFetch, writer: SeriesWriter, topic_id: str) -> None:
        self.fetch = fetch
        self.writer = writer
        self.topic_id = topic_id

    @property
    def topic(self) -> str:
        return self.fetch.record.topic


class PartitionOwner:
    """Runs series handed over by ``submit`` until ``stop``, a fence, or idleness ends it."""

    def __init__(
        self,
        deps: Deps,
        partition: int,
        on_done: Callable[[SeriesRecord], None],
        on_end: Callable[[PartitionOwner, float], None],
        slow_open: float,
    ) -> None:
        """``on_done`` is told of each series that needs no more work here, ``on_end`` of the owner's own end
        and for how many seconds the partition should be left alone. A take-over that lasts longer than
        ``slow_open`` seconds is not trusted: the assignment may have changed meanwhile."""
        self.partition = partition
        self._deps = deps
        self._on_done = on_done
        self._on_end = on_end
        self._inbox: list[SeriesRecord] = []
        self._running: dict[str, _Running] = {}
        #: Chunks taken from the fetcher whose bytes are not given back yet.
        self._taken: list[Chunk] = []
        self._changed = threading.Condition()
        self._signalled = False
        self._stopping = False
        self._closed = False
        self._slow_open = slow_open
        self.was_slow = False
        self.rows = 0
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
            for chunk in list(self._taken):
                self._give_back(chunk)
            if writer is not None:
                writer.close()
            self._on_end(self, pause)

    def _work(self, writer: TransactionalWriter) -> None:
        while True:
            with self._changed:
                if not (self._inbox or self._signalled or self._stopping):
                    self._changed.wait(IDLE)
                idle = not (self._inbox or self._signalled or self._running)
                if self._stopping or idle:
                    self._closed = True
                    return
                batch, self._inbox, self._signalled = self._inbox, [], False
            if batch:
                self._prepare(writer, batch)
            # Series that were handed over meanwhile should not wait for those that run.
            while not self._inbox and (ready := self._ready(writer)):
                with self._deps.turns:
                    self._transaction(writer, ready)
            self._signalled = self._signalled or bool(self._inbox)

    # --- starting series --------------------------------------------------------------------------------

    def _prepare(self, writer: TransactionalWriter, batch: list[SeriesRecord]) -> None:
        """Start a batch of series: resume those with a plan of this run and an untouched topic, begin the rest."""
        deps = self._deps
        # What a former owner committed must be in the index, and our own last commits too, or a series would go on
        # from a checkpoint before them.
        deps.index.catch_up([(SERIES, self.partition), (PROGRESS, self.partition)])
        deps.index.wait_for(writer.written)
        todo = []
        for record in batch:
            checkpoint = deps.index.checkpoint(record.topic, record.run)
            if checkpoint and checkpoint.state in FINAL and checkpoint.attempt >= record.attempt:
                self._on_done(record)
            else:
                todo.append(record)
        plans = {record.topic: deps.index.plan_of(record) for record in todo}
        ids = deps.topics.ids([topic for topic, plan in plans.items() if plan is not None])
        fresh = []
        for record in todo:
            plan = plans[record.topic]
            if plan is not None and ids.get(record.topic) == plan.topic_id:
                try:
                    self._resume(record, plan)
                except (ProviderChanged, TopicGone) as error:
                    self._finish_failed(writer, record, error)
            else:
                fresh.append(record)
        if fresh:
            self._begin(writer, fresh)

    def _resume(self, record: SeriesRecord, recorded: PlanRecord) -> None:
        deps = self._deps
        plan = Plan.from_json(recorded.chunks)
        checkpoint = deps.index.checkpoint(record.topic, record.run)
        if plan.digest != recorded.digest or (checkpoint and checkpoint.plan != plan.digest):
            raise ProviderChanged(f"the recorded plan of {record.topic} does not fit its checkpoint")
        if checkpoint is None:
            state = State()
        else:
            sessions = deps.index.session_rows(record, checkpoint.chunks_done)
            digest = BodyDigest(bytes.fromhex(checkpoint.chain))
            if checkpoint.part_rows:
                for values in read_range(deps.settings, record.topic, checkpoint.part_offset, checkpoint.next_offset):
                    digest.update([value[FRAME_BYTES:] for value in values])
            if digest.part_rows != checkpoint.part_rows:
                raise TopicGone(record.topic)
            state = State.from_checkpoint(checkpoint, digest, sessions)
            logger.info("%s: goes on at chunk %d of %d", record.topic, state.chunks, len(plan.chunks))
        self._add(record, plan, state, recorded.topic_id)

    def _begin(self, writer: TransactionalWriter, records: list[SeriesRecord]) -> None:
        """Make the topics while the first chunks are fetched; a topic without a plan of this run is foreign."""
        deps = self._deps
        for record in records:
            plan = plan_series(record.name, record.start, record.end, record.start_time, record.end_time)
            self._add(record, plan, State(), "")
        names = [record.topic for record in records]
        self._delete_foreign(writer, records)
        refused = deps.topics.create([data_topic(name) for name in names])
        for record in records:
            if record.topic in refused:
                self._finish_failed(writer, record, LogError(f"the brokers refused the topic: {refused[record.topic]}"))
        records = [record for record in records if record.topic not in refused]
        ids = deps.topics.ids([record.topic for record in records])
        writer.begin()
        for record in records:
            running = self._running[record.topic]
            running.topic_id = ids[record.topic]
            plan = running.writer.plan
            writer.record(
                PROGRESS,
                plan_key(record.topic).encode(),
                PlanRecord(record.run, plan.digest, running.topic_id, plan.as_json()).encode(),
                partition=self.partition,
            )
            running.writer.put(writer, running.writer.checkpoint(State(), "running"))
        writer.commit()

    def _delete_foreign(self, writer: TransactionalWriter, records: list[SeriesRecord]) -> None:
        """Delete the topics that belong to no run of theirs.

        No transaction can fence a deletion. So a record is committed just before it, which a worker that lost the
        partition cannot do, and then everything is looked at once more: it may be the successor's topic by now.
        """
        deps = self._deps
        by_topic = {record.topic: record for record in records}
        found = deps.topics.ids(by_topic)
        if not found:
            return
        before = {topic: plan.topic_id for topic in found if (plan := deps.index.plan_of(by_topic[topic]))}
        writer.begin()
        for topic, topic_id in found.items():
            value = orjson.dumps({"run": by_topic[topic].run, "topic_id": topic_id})
            writer.record(PROGRESS, deleting_key(topic).encode(), value, partition=self.partition)
        writer.commit()
        deps.index.wait_for(writer.written)
        now = {topic: plan.topic_id for topic in found if (plan := deps.index.plan_of(by_topic[topic]))}
        still = deps.topics.ids(found)
        foreign = [t for t, topic_id in found.items() if still.get(t) == topic_id and now.get(t) == before.get(t)]
        if len(foreign) < len(found):
            raise LogError("a topic was made or planned by somebody else meanwhile; looking again")
        logger.info("deleting %d topics that belong to no run of theirs, e.g. %s", len(foreign), min(foreign))
        deps.topics.delete(foreign)
        writer.begin()
        for topic in foreign:
            writer.record(PROGRESS, deleting_key(topic).encode(), None, partition=self.partition)
        writer.commit()

    def _add(self, record: SeriesRecord, plan: Plan, state: State, topic_id: str) -> None:
        deps = self._deps
        fetch = SeriesFetch(record, plan, state.chunks, self._wake)
        writer = SeriesWriter(record, self.partition, plan, state, deps.frames[record.name.record.name], deps.provider)
        self._running[record.topic] = _Running(fetch, writer, topic_id)
        deps.fetcher.add(fetch)
        if writer.complete:
            self._wake()

    # --- writing ------------------------------------------------------------------------------------------

    def _ready(self, writer: TransactionalWriter) -> list[tuple[_Running, Fetched | None]]:
        """The finished head steps; None stands for a series that has nothing (more) to write but its receipt."""
        ready: list[tuple[_Running, Fetched | None]] = []
        if self._stopping:
            return ready
        for running in list(self._running.values()):
            try:
                step = self._take(running)
            except PlatformError as error:
                self._finish_failed(writer, running.fetch.record, error)
                continue
            if step is not None or running.writer.complete:
                ready.append((running, step))
        return ready

    def _take(self, running: _Running) -> Fetched | None:
        step = self._deps.fetcher.take(running.fetch)
        if step is not None:
            self._taken.append(running.writer.plan.chunks[step.index])
        return step

    def _give_back(self, chunk: Chunk) -> None:
        self._taken.remove(chunk)
        self._deps.fetcher.release(chunk)

    def _transaction(self, writer: TransactionalWriter, hand: list[tuple[_Running, Fetched | None]]) -> None:
        """Write the steps in hand, and what else gets ready meanwhile, in one transaction."""
        failed: dict[str, PlatformError] = {}
        aborts = 0
        while aborts <= _RETRIES:
            drafts: dict[str, State] = {}
            writer.begin()
            try:
                self._fill(writer, hand, drafts, grow=not (aborts or failed))
                writer.flush(on_stall=lambda d=drafts: self._check_topics([self._running[t] for t in d]))  # type: ignore[misc]
                self._check_topics([self._running[t] for t, d in drafts.items() if d.chunks == self._chunks(t)])
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
        hand: list[tuple[_Running, Fetched | None]],
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

    def _committed(self, hand: list[tuple[_Running, Fetched | None]], drafts: dict[str, State]) -> None:
        for running, step in hand:
            if step is not None:
                self._give_back(running.writer.plan.chunks[step.index])
                self.rows += len(step.rows)
        for topic, draft in drafts.items():
            running = self._running[topic]
            running.writer.state = draft
            if running.writer.complete:
                logger.info("%s: complete, %d rows", topic, draft.rows)
                self._drop(running)

    def _without(
        self, hand: list[tuple[_Running, Fetched | None]], topics: set[str]
    ) -> list[tuple[_Running, Fetched | None]]:
        for running, step in hand:
            if running.topic in topics and step is not None:
                self._give_back(running.writer.plan.chunks[step.index])
        return [(running, step) for running, step in hand if running.topic not in topics]

    def _chunks(self, topic: str) -> int:
        return len(self._running[topic].writer.plan.chunks)

    # --- what goes wrong with one series ------------------------------------------------------------------

    def _check_topics(self, finishing: list[_Running]) -> None:
        """A receipt speaks of the topic that the plan was made for."""
        ids = self._deps.topics.ids([running.topic for running in finishing])
        for running in finishing:
            if ids.get(running.topic) != running.topic_id:
                raise TopicGone(running.topic)

    def _restart_gone(self, candidates: list[_Running]) -> set[str]:
        """Hand back the series whose topic was deleted or made anew; they start over with a new topic."""
        ids = self._deps.topics.ids({running.topic for running in candidates})
        gone = {running.topic: running for running in candidates if ids.get(running.topic) != running.topic_id}
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

    def _drop(self, running: _Running) -> None:
        self._deps.fetcher.remove(running.fetch)
        del self._running[running.topic]
        self._on_done(running.fetch.record)


class _SeriesFault(Exception):
    """One series' rows cannot be written; the transaction goes on without it."""

    def __init__(self, topic: str, error: PlatformError) -> None:
        super().__init__(str(error))
        self.topic = topic
        self.error = error
