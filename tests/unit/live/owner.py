"""A topic and its owner without brokers, and series whose rows are short texts; what tests of live series share."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from app.domain.contracts import Contracts
from app.domain.live import Coverage, Gap, Subscription
from app.domain.times import micros_of
from app.kafka.topics import COVERAGE, GAPS
from app.kafka.writer import Mark
from app.live.clock import FeedClock
from app.live.draft import Draft
from app.live.row_series import RowSeries, Slice, rows_slice
from app.live.series import Repair, Series

SECOND = 1_000_000
DAY = dt.date(2024, 7, 2)
OPEN = micros_of(DAY, dt.time(9, 30))
TOPIC = "stock-aapl-trade-live"
#: A row: its event time, and what it says.
Row = tuple[int, bytes]


def at(time: str, day: dt.date = DAY) -> int:
    return micros_of(day, dt.time.fromisoformat(time))


def subscription(topic: str = TOPIC, *, filters: tuple[Contracts, ...] = (), **more: Any) -> Subscription:
    return Subscription(topic, 7, filters, **more)


def slice_of(rows: Sequence[Row]) -> Slice:
    """Rows as a slice of messages."""
    return rows_slice(b"AAPL", [message for _, message in rows], np.array([at for at, _ in rows], dtype=np.int64))


class FakeWriter:
    """Topics as lists; offsets are told at ``flush``. A transaction's end takes an offset, as the brokers' marks do."""

    def __init__(self) -> None:
        self.topics: dict[str, list[tuple[bytes, bytes, int] | None]] = defaultdict(list)
        #: Coverage and gaps as they were committed: topic, key, value.
        self.records: list[tuple[str, bytes, bytes | None]] = []
        self._open: list[tuple[str, bytes, bytes, int]] = []
        self._open_records: list[tuple[str, bytes, bytes | None]] = []
        self._marks: list[tuple[Mark, int]] = []

    def rows(
        self,
        topic: str,
        keys: bytes | Sequence[bytes],
        messages: Sequence[bytes],
        timestamps: Sequence[int],
        marks: Mapping[int, Mark],
    ) -> None:
        begin = len(self.topics[topic]) + sum(one[0] == topic for one in self._open)
        assert len(messages) == len(timestamps)
        assert isinstance(keys, bytes) or len(keys) == len(messages)
        for i, (message, stamp) in enumerate(zip(messages, timestamps, strict=True)):
            key = keys if isinstance(keys, bytes) else keys[i]
            self._open.append((topic, key, message, stamp))
            if i in marks:
                self._marks.append((marks[i], begin + i))

    def record(self, topic: str, key: bytes | None, value: bytes | None, *, partition: int = -1) -> None:
        assert partition == 0
        assert key is not None
        self._open_records.append((topic, key, value))

    def flush(self) -> None:
        marks, self._marks = self._marks, []
        for mark, offset in marks:
            mark(offset)

    def commit(self) -> None:
        for topic, key, message, stamp in self._open:
            self.topics[topic].append((key, message, stamp))
        self.records += self._open_records
        self._end()

    def abort(self) -> None:
        """What was written takes its offsets and does not count."""
        for topic, *_ in self._open:
            self.topics[topic].append(None)
        self._end()

    def _end(self) -> None:
        for topic in {one[0] for one in self._open}:
            self.topics[topic].append(None)
        self._open, self._open_records, self._marks = [], [], []


class Owner:
    """What the owner of one series does in its turns, and what history and the topic say to it."""

    def __init__(self, sub: Subscription | None = None, writer: FakeWriter | None = None) -> None:
        self.sub = sub or subscription()
        self.writer = writer or FakeWriter()
        self.clock = FeedClock()
        self.mono = 1000.0
        self.series: Any = self._series()
        self.series.prepared = True
        self.series.end_offset = len(self.writer.topics[self.sub.topic])
        coverage, gaps = self.coverage, self.gaps
        self.series.recover(coverage, list(gaps.values()))

    def _series(self) -> Series:
        return RowSeries(self.sub, b"")

    # --- what is there ----------------------------------------------------------------------------------

    @property
    def messages(self) -> list[bytes]:
        """What the topic holds, in its order."""
        return [one[1] for one in self.writer.topics[self.sub.topic] if one is not None]

    @property
    def coverage(self) -> Coverage | None:
        """As it was last recorded."""
        found = [value for topic, _, value in self.writer.records if topic == COVERAGE]
        return Coverage.decode(found[-1]) if found and found[-1] is not None else None

    @property
    def gaps(self) -> dict[str, Gap]:
        """As they were last recorded, in the order in which they were opened."""
        every = [Gap.decode(value) for topic, _, value in self.writer.records if topic == GAPS and value is not None]
        return {gap.id: gap for gap in every}

    @property
    def repairs(self) -> list[Repair]:
        return list(self.series.repairs.values())

    # --- turns --------------------------------------------------------------------------------------------

    def turn(self, act: Callable[[Draft], Any] = lambda draft: None, *, aborted: int = 0, by: float = 0.01) -> None:
        """One turn: something is done, and what came of it is committed."""
        draft = Draft()
        act(draft)
        self.commit(draft, aborted=aborted)
        self.mono += by

    def commit(self, draft: Draft, *, aborted: int = 0) -> None:
        if draft:
            for _ in range(aborted):
                draft.write(self.writer)  # type: ignore[arg-type]
                self.writer.abort()
            draft.write(self.writer)  # type: ignore[arg-type]
            self.writer.commit()

    def feed(self, *rows: Row) -> None:
        """A turn in which the stream brings rows."""

        def act(draft: Draft) -> None:
            self.advance(max(at for at, _ in rows), len(rows))
            self.series.accept(slice_of(rows), draft)

        self.turn(act)

    def advance(self, micros: int, count: int = 1) -> None:
        """Some event is seen, of this series or of another one."""
        self.clock.advance(micros, count, self.mono)

    def back(self, micros: int) -> None:
        """The link is back, and every subscription stands; then an event of this time is seen."""
        self.clock.restart()
        self.turn(lambda draft: self.series.resume(self.clock, self.mono, draft), by=0.3)
        self.advance(micros)
        self.turn(lambda draft: self.series.resume(self.clock, self.mono, draft))

    def tell(self) -> None:
        self.turn(lambda draft: self.series.tell(self.clock, None, draft))

    def close(self, repair: Repair, **how: Any) -> None:
        self.turn(lambda draft: self.series.close_gap(repair, draft, **how))

    def part(self, repair: Repair, rows: Sequence[Row], repaired: int) -> None:
        """A part of a repair: rows that the topic did not have when it was read."""
        self.turn(lambda draft: self.series.add_repaired(repair, slice_of(rows), repaired, self.clock, draft))
