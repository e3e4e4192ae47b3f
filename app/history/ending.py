"""Ending series: recording that they were cancelled, deleting their topics, and what ``progress`` still says of them.

Everything is done between two transactions of the rows, by the one writer of the partition; so nobody writes to a topic
that is being deleted. No transaction can fence a deletion: a record of each is committed just before it, which a worker
that lost the partition cannot do, and then everything is looked at once more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

import orjson

from app.domain.records import FINAL, Checkpoint, SeriesRecord, deleting_key, part_key, plan_key
from app.errors import LogError
from app.history.running import Deps
from app.kafka.row_writer import RowWriter
from app.kafka.topics import PROGRESS

logger = logging.getLogger(__name__)

#: Topics that are deleted at once: each takes the brokers some milliseconds, in which they do little else.
DELETED_AT_ONCE = 50


class Ending:
    """Ends the series of one partition; for its owner's thread only."""

    def __init__(self, deps: Deps, partition: int) -> None:
        self._deps = deps
        self._partition = partition

    def cancel(self, writer: RowWriter, records: list[SeriesRecord], so_far: Mapping[str, Checkpoint]) -> None:
        """Record that these series end as they are. ``so_far``: where those that ran are, by topic; the last
        checkpoint of each stays, so that another attempt can go on from it."""
        if not records:
            return
        writer.begin()
        for record in records:
            self._put(writer, record, _cancelled(record, self._where(record, so_far.get(record.topic))))
        writer.commit()
        logger.info("partition %d: %d series cancelled, e.g. %s", self._partition, len(records), records[0].topic)

    def delete(self, writer: RowWriter, leaving: list[tuple[SeriesRecord, Checkpoint | None]]) -> None:
        """Delete the topics of these series, and record that they are gone. Beside each stands where it is, if it ran.

        One batch of a process at a time (``Deps.deletions``): thousands of topics at once would keep the brokers from
        all else. Raises ``LogError`` when the brokers do not do their part; then it is begun again.
        """
        index, topics = self._deps.index, self._deps.topics
        runs = {record.topic: record.run for record, _ in leaving}
        # Also those without a plan of the run: whoever made them was killed before it could record one.
        found = topics.ids(runs)
        writer.begin()
        for record, so_far in leaving:
            checkpoint = self._where(record, so_far)
            if checkpoint is None or checkpoint.state not in FINAL:
                # Who watches should see that it has ended before it is gone.
                self._put(writer, record, _cancelled(record, checkpoint))
        for topic, topic_id in found.items():
            value = orjson.dumps({"run": runs[topic], "topic_id": topic_id})
            writer.record(PROGRESS, deleting_key(topic).encode(), value, partition=self._partition)
        writer.commit()
        index.wait_for(writer.written)
        still = sorted(topic for topic, topic_id in topics.ids(found).items() if found[topic] == topic_id)
        if any(index.run_of(topic) != runs[topic] for topic in still):
            raise LogError("a series was asked for anew while its topic was to be deleted; looking again")
        if still:
            logger.info("partition %d: deleting %d topics, e.g. %s", self._partition, len(still), still[0])
            for topic, why in topics.delete(still).items():
                # It is nobody's from here on, and told among the orphaned topics.
                logger.warning("the brokers refuse to delete %s, it stays: %s", topic, why)
        writer.begin()
        for record, _ in leaving:
            self._forget(writer, record.topic)
            self._put(writer, record, Checkpoint(record.run, record.attempt, "deleted", "", 0, 0))
        writer.commit()

    def sweep(self, writer: RowWriter, topics: Iterable[str]) -> None:
        """Remove from ``progress`` what it says of topics that no series belongs to any more."""
        gone = [topic for topic in topics if self._deps.index.is_left_over(topic)]
        if not gone:
            return
        writer.begin()
        for topic in gone:
            self._forget(writer, topic)
            writer.record(PROGRESS, topic.encode(), None, partition=self._partition)
        writer.commit()

    def _where(self, record: SeriesRecord, so_far: Checkpoint | None) -> Checkpoint | None:
        """Where a series is: as it ran here, else as the logs say."""
        return so_far or self._deps.index.checkpoint(record.topic, record.run)

    def _put(self, writer: RowWriter, record: SeriesRecord, checkpoint: Checkpoint) -> None:
        writer.record(PROGRESS, record.topic.encode(), checkpoint.encode(), partition=self._partition)

    def _forget(self, writer: RowWriter, topic: str) -> None:
        """Remove all that stands beside the checkpoint of a topic."""
        parts = [part_key(topic, step) for step in self._deps.index.parts_of(topic)]
        for key in [plan_key(topic), deleting_key(topic), *parts]:
            writer.record(PROGRESS, key.encode(), None, partition=self._partition)


def _cancelled(record: SeriesRecord, found: Checkpoint | None) -> Checkpoint:
    """The final checkpoint of a series that ends as it is."""
    found = found or Checkpoint(record.run, record.attempt, "cancelled", "", 0, 0)
    return replace(found, attempt=record.attempt, state="cancelled", reason=None)
