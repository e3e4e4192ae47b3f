"""Writing: one series' rows, digest and checkpoints, as drafts that count only when their transaction does.

A ``SeriesWriter`` holds what is committed. ``draft`` copies it; steps go into the draft; when the transaction is
committed the draft becomes the state, and when it is aborted nothing has happened.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.avro.encode import encode
from app.domain.plan import Plan
from app.domain.receipt import BLOCK, BodyDigest, Receipt, session_report
from app.domain.records import Checkpoint, SeriesRecord, encode_part, part_key
from app.domain.times import date_of
from app.history.fetch import Fetched
from app.kafka.topics import PROGRESS
from app.kafka.writer import Mark, TransactionalWriter

FRAME_BYTES = 5


@dataclass(slots=True)
class State:
    """What of a series is in its topic: counts, digest, and the offsets that a new owner needs."""

    digest: BodyDigest = field(default_factory=BodyDigest)
    chunks: int = 0
    rows: int = 0
    empty_bars: int = 0
    first: int | None = None
    last: int | None = None
    first_offset: int = 0
    next_offset: int = 0
    part_offset: int = 0
    sessions: dict[int, int] = field(default_factory=dict)

    def copy(self) -> State:
        return State(
            self.digest.copy(),
            self.chunks,
            self.rows,
            self.empty_bars,
            self.first,
            self.last,
            self.first_offset,
            self.next_offset,
            self.part_offset,
            dict(self.sessions),
        )

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, digest: BodyDigest, sessions: Mapping[int, int]) -> State:
        return cls(
            digest,
            checkpoint.chunks_done,
            checkpoint.rows,
            checkpoint.empty_bars,
            checkpoint.first,
            checkpoint.last,
            checkpoint.first_offset,
            checkpoint.next_offset,
            checkpoint.part_offset,
            dict(sessions),
        )


class SeriesWriter:
    """One running series on the writing side."""

    def __init__(
        self, record: SeriesRecord, partition: int, plan: Plan, state: State, prefix: bytes, provider: str
    ) -> None:
        self.record = record
        self.partition = partition
        self.plan = plan
        self.state = state
        self.provider = provider
        self._prefix = prefix
        self._key = record.name.symbol.encode()

    @property
    def complete(self) -> bool:
        return self.state.chunks == len(self.plan.chunks)

    def write(self, writer: TransactionalWriter, draft: State, step: Fetched) -> int:
        """Write one step's rows and its session counts into the open transaction; the rows written."""
        rows = step.rows
        count = len(rows)
        if count:
            messages = encode(rows, self._prefix)
            timestamps = (rows.timestamps // 1000).tolist()
            writer.rows(self.record.topic, self._key, messages, timestamps, self._marks(draft, count))
            draft.digest.update([message[FRAME_BYTES:] for message in messages])
            draft.first = int(rows.timestamps[0]) if draft.first is None else draft.first
            draft.last = int(rows.timestamps[-1])
        writer.record(
            PROGRESS,
            part_key(self.record.topic, draft.chunks).encode(),
            encode_part(self.record.run, step.sessions),
            partition=self.partition,
        )
        for day, found in step.sessions.items():
            draft.sessions[day] = draft.sessions.get(day, 0) + found
        draft.chunks += 1
        draft.rows += count
        draft.empty_bars += step.empty_bars
        return count

    def record_progress(self, writer: TransactionalWriter, draft: State, now: dt.datetime) -> None:
        """Write the checkpoint of a draft whose rows are flushed; with the last chunk, the receipt."""
        done = draft.chunks == len(self.plan.chunks)
        receipt = self.receipt(draft, now).as_json() if done else None
        checkpoint = self.checkpoint(draft, "complete" if done else "running", receipt=receipt)
        self.put(writer, checkpoint)
        if done:
            # The session counts are in the receipt now.
            for step in range(draft.chunks):
                writer.record(PROGRESS, part_key(self.record.topic, step).encode(), None, partition=self.partition)

    def put(self, writer: TransactionalWriter, checkpoint: Checkpoint) -> None:
        writer.record(PROGRESS, self.record.topic.encode(), checkpoint.encode(), partition=self.partition)

    def checkpoint(
        self, state: State, name: str, *, reason: str | None = None, receipt: dict[str, object] | None = None
    ) -> Checkpoint:
        return Checkpoint(
            run=self.record.run,
            attempt=self.record.attempt,
            state=name,  # type: ignore[arg-type]
            plan=self.plan.digest,
            chunks_done=state.chunks,
            chunks_total=len(self.plan.chunks),
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
                self.record.start, self.record.end, {date_of(day): n for day, n in state.sessions.items()}
            ),
            empty_bars=state.empty_bars,
            provider=self.provider,
            finished_at=now,
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
