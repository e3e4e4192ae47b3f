"""Starting series: resume those with a plan of this run and an untouched topic, begin the others with a new topic."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from app.domain.overlap import overlap
from app.domain.receipt import BodyDigest
from app.domain.records import Checkpoint, PlanRecord, SeriesRecord, deleting_key, part_key
from app.errors import LogError, PlatformError, ProviderChanged, ProviderError, ProviderRefused, TopicGone
from app.history.overlap import Written, comparison
from app.history.running import Deps, Running
from app.history.work import OverlapWork, SeriesFetch
from app.history.write import FRAME_BYTES, SeriesWriter, State
from app.kafka.reader import read_range
from app.kafka.row_writer import RowWriter
from app.kafka.topics import PROGRESS, data_topic

logger = logging.getLogger(__name__)

#: Seconds after which a series that goes on is first compared with what the provider tells now.
LONG_PAUSE = 3600.0


@dataclass
class Started:
    """What became of a batch: series that run now, and those that cannot run."""

    running: list[Running] = field(default_factory=list)
    failed: list[tuple[SeriesRecord, PlatformError]] = field(default_factory=list)


class Starter:
    """Starts the series of one partition; for its owner's thread only."""

    def __init__(self, deps: Deps, partition: int, wake: Callable[[], None]) -> None:
        """``wake`` is called, from any thread, when something of a started series is ready."""
        self._deps = deps
        self._partition = partition
        self._wake = wake

    def start(self, writer: RowWriter, batch: list[SeriesRecord]) -> Started:
        """Start a batch of series that have work left; the index knows all that was committed of them.

        Raises ``LogError`` when logs or brokers do not do their part; then none runs.
        """
        deps, started = self._deps, Started()
        todo = []
        for record in batch:
            if (why := deps.provider.refuses(record.name, record.start)) is not None:
                started.failed.append((record, ProviderRefused(why)))
            else:
                todo.append(record)
        plans = {record.topic: self._plan(record) for record in todo}
        ids = deps.topics.ids([topic for topic, plan in plans.items() if plan is not None])
        fresh = []
        try:
            for record in todo:
                plan = plans[record.topic]
                if plan is None or ids.get(record.topic) != plan.topic_id:
                    fresh.append(record)
                    continue
                try:
                    started.running.append(self._resumed(record, plan))
                except (ProviderChanged, TopicGone) as error:
                    started.failed.append((record, error))
            if fresh:
                self._begin(writer, fresh, started)
        except BaseException:
            for running in started.running:
                deps.fetcher.remove(running.fetch)
            raise
        return started

    def _plan(self, record: SeriesRecord) -> PlanRecord | None:
        """The plan that a series goes on with; None when there is none, or when it ended so that it cannot go on."""
        checkpoint = self._deps.index.checkpoint(record.topic, record.run)
        return None if checkpoint is not None and checkpoint.anew else self._deps.index.plan_of(record)

    def _resumed(self, record: SeriesRecord, recorded: PlanRecord) -> Running:
        deps, plan = self._deps, recorded.plan
        checkpoint = deps.index.checkpoint(record.topic, record.run)
        if plan.digest != recorded.digest or (checkpoint and checkpoint.plan not in ("", plan.digest)):
            raise ProviderChanged(f"the recorded plan of {record.topic} does not fit its checkpoint")
        if checkpoint is None or not checkpoint.steps_done:
            state = State(plan)
        else:
            counts = deps.index.session_counts(record, checkpoint.steps_done)
            digest = BodyDigest(bytes.fromhex(checkpoint.chain))
            if checkpoint.part_rows:
                for values in read_range(deps.settings, record.topic, checkpoint.part_offset, checkpoint.next_offset):
                    digest.update([value[FRAME_BYTES:] for value in values])
            if digest.part_rows != checkpoint.part_rows:
                raise TopicGone(record.topic)
            state = State.from_checkpoint(plan, checkpoint, digest, counts)
            logger.info("%s: goes on at step %d of %d", record.topic, state.steps, len(plan.steps))
        paused = checkpoint is not None and self._paused(record, checkpoint)
        return self._running(record, state, recorded.topic_id, compare=paused)

    def _paused(self, record: SeriesRecord, checkpoint: Checkpoint) -> bool:
        """Whether so much time passed since a series was written last that the provider may tell something else."""
        written_at = self._deps.index.written_at(record.topic, record.run) or 0
        return record.attempt > checkpoint.attempt or time.time() - written_at / 1000 > LONG_PAUSE

    def _begin(self, writer: RowWriter, records: list[SeriesRecord], started: Started) -> None:
        """Make the topics while the first requests are under way; a topic without a plan of this run is foreign."""
        deps = self._deps
        fresh = []
        for record in records:
            try:
                running = self._running(record, State(), "")
            except ProviderError as error:
                started.failed.append((record, error))
            else:
                fresh.append(running)
                started.running.append(running)
        records = [running.fetch.record for running in fresh]
        kept = self._delete_foreign(writer, records)
        wanted = [data_topic(record.topic) for record in records if record.topic not in kept]
        refused = {
            topic: f"there is a topic of that name, which the brokers refuse to delete: {why}"
            for topic, why in kept.items()
        }
        refused |= {topic: f"the brokers refused the topic: {why}" for topic, why in deps.topics.create(wanted).items()}
        for running in [running for running in fresh if running.topic in refused]:
            deps.fetcher.remove(running.fetch)
            started.running.remove(running)
            fresh.remove(running)
            started.failed.append((running.fetch.record, LogError(refused[running.topic])))
        ids = deps.topics.ids([running.topic for running in fresh])
        writer.begin()
        for running in fresh:
            one, draft = running.writer, running.writer.state.copy()
            one.topic_id = ids[running.topic]
            for step in deps.index.parts_of(running.topic):
                # Of a series that starts over.
                writer.record(PROGRESS, part_key(running.topic, step).encode(), None, partition=self._partition)
            # A plan that waits for listings is recorded with the first rows.
            if running.fetch.plan is not None:
                one.adopt(writer, draft, running.fetch.plan)
            one.put(writer, one.checkpoint(draft, "running"))
            one.state = draft
        writer.commit()

    def _delete_foreign(self, writer: RowWriter, records: list[SeriesRecord]) -> dict[str, str]:
        """Delete the topics that belong to no run of theirs; those that the brokers refuse to delete, with the reason.

        No transaction can fence a deletion. So a record is committed just before it, which a worker that lost the
        partition cannot do, and then everything is looked at once more: it may be the successor's topic by now.
        """
        by_topic = {record.topic: record for record in records}
        # Nearly always there is none, and then there is no need to wait for what others delete.
        if not self._deps.topics.ids(by_topic):
            return {}
        # Taken before anything is looked at that a deletion hangs on: whoever waits may lose the partition meanwhile.
        with self._deps.deletions:
            return self._delete_found(writer, by_topic)

    def _delete_found(self, writer: RowWriter, by_topic: dict[str, SeriesRecord]) -> dict[str, str]:
        deps = self._deps
        found = deps.topics.ids(by_topic)
        if not found:
            return {}
        before = {topic: plan.topic_id for topic in found if (plan := deps.index.plan_of(by_topic[topic]))}
        writer.begin()
        for topic, topic_id in found.items():
            value = orjson.dumps({"run": by_topic[topic].run, "topic_id": topic_id})
            writer.record(PROGRESS, deleting_key(topic).encode(), value, partition=self._partition)
        writer.commit()
        deps.index.wait_for(writer.written)
        now = {topic: plan.topic_id for topic in found if (plan := deps.index.plan_of(by_topic[topic]))}
        still = deps.topics.ids(found)
        foreign = [t for t, topic_id in found.items() if still.get(t) == topic_id and now.get(t) == before.get(t)]
        if len(foreign) < len(found):
            raise LogError("a topic was made or planned by somebody else meanwhile; looking again")
        logger.info("deleting %d topics that belong to no run of theirs, e.g. %s", len(foreign), min(foreign))
        refused = deps.topics.delete(foreign)
        writer.begin()
        for topic in foreign:
            writer.record(PROGRESS, deleting_key(topic).encode(), None, partition=self._partition)
        writer.commit()
        return refused

    def _running(self, record: SeriesRecord, state: State, topic_id: str, *, compare: bool = False) -> Running:
        """A series under way. ``compare``: what was written last is compared with what the provider tells of it now."""
        deps = self._deps
        fetch = SeriesFetch(record, state.plan, state.steps, deps.provider.limits, self._wake)
        prefix = deps.frames[record.name.record.name]
        if compare and state.plan is not None and state.last is not None and not state.complete:
            asked = overlap(record.name, state.plan, state.steps, state.last, whole_days=fetch.whole_days)
            if asked is not None:
                written = Written(record, state.first_offset, state.next_offset, prefix)
                fetch.overlap = OverlapWork(asked, comparison(deps.settings, written, asked))
        running = Running(fetch, SeriesWriter(record, self._partition, state, prefix, deps.provider.name, topic_id))
        deps.fetcher.add(fetch)
        if running.complete:
            self._wake()
        return running
