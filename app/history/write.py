"""Writing: one series' rows, digest and checkpoints, as drafts that count only when their transaction does.

A ``SeriesWriter`` holds what is committed. ``draft`` copies it; steps go into the draft; when the transaction is
committed the draft becomes the state, and when it is aborted nothing has happened.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from app.domain.plan import Plan
from app.domain.receipt import BLOCK, BodyDigest, Receipt, session_report
from app.domain.records import (
    NO_COUNTS,
    Checkpoint,
    PlanRecord,
    SeriesRecord,
    SessionCounts,
    encode_part,
    part_key,
    plan_key,
)
from app.domain.times import date_of
from app.history.handover import Handover
from app.history.work import Fetched
from app.kafka.row_writer import RowWriter
from app.kafka.topics import PROGRESS
from app.kafka.writer import Mark

FRAME_BYTES = 5


@dataclass(slots=True)
class State:
    """What of a series is in its topic: counts, digest, and the offsets that a new owner needs."""

    plan: Plan | None = None
    digest: BodyDigest = field(default_factory=BodyDigest)
    steps: int = 0
    rows: int = 0
    empty_bars: int = 0
    first: int | None = None
    last: int | None = None
    first_offset: int = 0
    next_offset: int = 0
    part_offset: int = 0
    counts: SessionCounts = NO_COUNTS

    @property
    def complete(self) -> bool:
        """Whether every step of the plan is in."""
        return self.plan is not None and self.steps == len(self.plan.steps)

    def bytes_since(self, before: State) -> int:
        """Bytes of the messages that were written since this was a copy of ``before``."""
        return self.digest.added - before.digest.added + FRAME_BYTES * (self.rows - before.rows)

    def copy(self) -> State:
        return State(
            self.plan,
            self.digest.copy(),
            self.steps,
            self.rows,
            self.empty_bars,
            self.first,
            self.last,
            self.first_offset,
            self.next_offset,
            self.part_offset,
            self.counts,
        )

    @classmethod
    def from_checkpoint(cls, plan: Plan, checkpoint: Checkpoint, digest: BodyDigest, counts: SessionCounts) -> State:
        return cls(
            plan,
            digest,
            checkpoint.steps_done,
            checkpoint.rows,
            checkpoint.empty_bars,
            checkpoint.first,
            checkpoint.last,
            checkpoint.first_offset,
            checkpoint.next_offset,
            checkpoint.part_offset,
            counts,
        )


class SeriesWriter:
    """One running series on the writing side. ``topic_id`` is that of the topic as it was found or made."""

    def __init__(
        self, record: SeriesRecord, partition: int, state: State, prefix: bytes, provider: str, topic_id: str
    ) -> None:
        self.record = record
        self.partition = partition
        self.state = state
        self.provider = provider
        self.topic_id = topic_id
        self._prefix = prefix
        #: Where a series that goes on live does so, once that is known.
        self.handover: Handover | None = None

    def finishes(self, draft: State) -> bool:
        """Whether nothing is left to do but the receipt."""
        return draft.complete and (not self.record.live or self.handover is not None)

    def write(self, writer: RowWriter, draft: State, step: Fetched) -> int:
        """Write one step's rows and its session counts into the open transaction; the rows written."""
        self.adopt(writer, draft, step.plan)
        rows = step.rows
        count = len(rows)
        if count:
            marks = self._marks(draft, count)
            writer.series_rows(self.record.topic, rows, self._prefix, self.record.name.symbol, marks, draft.digest)
            draft.first = int(rows.timestamps[0]) if draft.first is None else draft.first
            draft.last = int(rows.timestamps[-1])
        writer.record(
            PROGRESS,
            part_key(self.record.topic, draft.steps).encode(),
            encode_part(self.record.run, step.counts),
            partition=self.partition,
        )
        draft.counts = draft.counts.plus(step.counts)
        draft.steps += 1
        draft.rows += count
        draft.empty_bars += step.empty_bars
        return count

    def adopt(self, writer: RowWriter, draft: State, plan: Plan) -> None:
        """Record the plan in the open transaction, unless it is the recorded one."""
        if draft.plan is not None and draft.plan.digest == plan.digest:
            return
        draft.plan = plan
        writer.record(
            PROGRESS,
            plan_key(self.record.topic).encode(),
            PlanRecord(self.record.run, plan.digest, self.topic_id, plan).encode(),
            partition=self.partition,
        )

    def record_progress(self, writer: RowWriter, draft: State, now: dt.datetime) -> None:
        """Write the checkpoint of a draft whose rows are flushed; with the last step, the receipt."""
        done = self.finishes(draft)
        receipt = self.receipt(draft, now).as_json() if done else None
        self.put(writer, self.checkpoint(draft, "complete" if done else "running", receipt=receipt))
        if done:
            # The session counts are in the receipt now.
            for step in range(draft.steps):
                writer.record(PROGRESS, part_key(self.record.topic, step).encode(), None, partition=self.partition)

    def put(self, writer: RowWriter, checkpoint: Checkpoint) -> None:
        writer.record(PROGRESS, self.record.topic.encode(), checkpoint.encode(), partition=self.partition)

    def checkpoint(
        self, state: State, name: str, *, reason: str | None = None, receipt: dict[str, object] | None = None
    ) -> Checkpoint:
        plan = state.plan
        return Checkpoint(
            run=self.record.run,
            attempt=self.record.attempt,
            state=name,  # type: ignore[arg-type]
            plan=plan.digest if plan else "",
            chunks_done=plan.chunks_before(state.steps) if plan else 0,
            chunks_total=len(plan.chunks) if plan else 0,
            steps_done=state.steps,
            rows=state.rows,
            empty_bars=state.empty_bars,
            first=state.first,
            last=state.last,
            first_offset=state.first_offset,
            next_offset=state.next_offset,
            chain=state.digest.chain.hex(),
            part_rows=state.digest.part_rows,
            part_offset=state.part_offset,
            reason=reason,
            receipt=receipt,
        )

    def receipt(self, state: State, now: dt.datetime) -> Receipt:
        return Receipt(
            topic=self.record.topic,
            rows=state.rows,
            first=state.first,
            last=state.last,
            offsets=(state.first_offset, state.next_offset),
            sha256=state.digest.hex(),
            sessions=session_report(
                self.record.start,
                self.record.end,
                {date_of(day): n for day, n in state.counts.rows.items()},
                {date_of(day): n for day, n in state.counts.missing.items()},
            ),
            empty_bars=state.empty_bars,
            provider=self.provider,
            finished_at=now,
            live=self.handover.as_json() if self.handover else None,
        )

    def _marks(self, draft: State, count: int) -> dict[int, Mark]:
        """The rows whose offsets are needed: the series' first, each block's first, and the step's last."""

        def first(offset: int) -> None:
            draft.first_offset = offset
            draft.part_offset = offset

        def block(offset: int) -> None:
            draft.part_offset = offset

        def last(offset: int) -> None:
            draft.next_offset = offset + 1

        marks: dict[int, Mark] = dict.fromkeys(range(-draft.digest.part_rows % BLOCK, count, BLOCK), block)
        if draft.rows == 0:
            marks[0] = first
        final = marks.get(count - 1)
        marks[count - 1] = last if final is None else _both(final, last)
        return marks


def _both(one: Mark, other: Mark) -> Mark:
    def mark(offset: int) -> None:
        one(offset)
        other(offset)

    return mark
