"""A live topic of trades or quotes: every event of the subscription becomes a row, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from app.domain.live import Subscription
from app.kafka.topics import GAPS
from app.live.clock import FeedClock
from app.live.draft import Block, Draft, Placed
from app.live.series import HOLD, Repair, Series
from app.live.sums import WindowSums, hashes_of

Ints = npt.NDArray[np.int64]
#: Microseconds of the market's time for which rows that a repair added are remembered: a late one of the stream may
#: still bring one of them.
_REMEMBERED = 60_000_000


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows of one topic: keys, messages, their hashes and event times (UTC microseconds), in one order."""

    keys: bytes | Sequence[bytes]
    messages: list[bytes]
    hashes: Ints
    timestamps: Ints

    def __len__(self) -> int:
        return len(self.messages)

    def take(self, which: Sequence[int]) -> Slice:
        keys = self.keys if isinstance(self.keys, bytes) else [self.keys[i] for i in which]
        rows = np.asarray(which, dtype=np.intp)
        return Slice(keys, [self.messages[i] for i in which], self.hashes[rows], self.timestamps[rows])


@dataclass(slots=True)
class _Guard:
    """Rows that a repair added, which the stream may still bring."""

    end: int
    added: Counter[bytes]


class RowSeries(Series):
    """Trades or quotes."""

    def __init__(self, sub: Subscription, prefix: bytes) -> None:
        super().__init__(sub, prefix)
        self.what = "trade" if self.name.schema == "trade" else "quote"
        self.sums: WindowSums | None = None
        self._held: list[Slice] = []
        self._held_for: list[Repair] = []
        self._guards: list[_Guard] = []

    def accept(self, rows: Slice, draft: Draft) -> None:
        """Rows of the stream, in the order of their arrival."""
        if len(rows) > 1 and bool((np.diff(rows.timestamps) < 0).any()):
            # What arrives together is written in the order of its event times.
            rows = rows.take(np.argsort(rows.timestamps, kind="stable").tolist())
        last = int(rows.timestamps.max())
        self.heard = last if self.heard is None else max(self.heard, last)
        if self._guards and int(rows.timestamps.min()) <= max(guard.end for guard in self._guards):
            rows = self._without_repaired(rows)
            if not len(rows):
                return
        for repair in self.repairs.values():
            if repair.tap is not None:
                self._tap(repair, rows)
        self._count(rows)
        if self.hold_until is not None:
            self._held.append(rows)
        else:
            self._write(rows, draft)

    def begin_hold(self, mono: float) -> None:
        if self.breach is not None and self.breach.begin is not None and self.hold_until is None:
            self.hold_until = mono + HOLD

    def end_hold(self, draft: Draft) -> None:
        """What waited is written in the order of its event times, repaired rows among it."""
        self.hold_until = None
        self._frozen = None
        held, self._held = self._held, []
        if not held:
            return
        keys: list[bytes] = []
        for part in held:
            keys += [part.keys] * len(part) if isinstance(part.keys, bytes) else list(part.keys)
        timestamps = np.concatenate([part.timestamps for part in held])
        messages = [message for part in held for message in part.messages]
        order = np.argsort(timestamps, kind="stable").tolist()
        hashes = np.zeros(len(messages), dtype=np.int64)
        tell = [repair.block() for repair in self._held_for]
        self._held_for = []

        def placed(first: int, last: int) -> None:
            for each in tell:
                each(first, last)

        self._write(Slice(keys, messages, hashes, timestamps).take(order), draft, placed if tell else None)

    def start_anew(self, until: int | None) -> None:
        super().start_anew(until)
        self.sums = None

    def whole_again(self, end: int) -> None:
        super().whole_again(end)
        if self.sums is None:
            self.sums = WindowSums(end)

    # --- repairs ----------------------------------------------------------------------------------------------

    def ask(self, repair: Repair) -> int:
        """A job is about to look for what a gap lacks: the offset up to which it may read the topic. What waits to
        be written, and what comes from now on, is counted here."""
        repair.under_way, repair.tap = True, Counter()
        for rows in self._held:
            self._tap(repair, rows)
        return self.end_offset

    def add_repaired(self, repair: Repair, rows: Slice, repaired: int, clock: FeedClock, draft: Draft) -> None:
        """Rows of history that were not in the topic when it was read."""
        tap, new = repair.tap, []
        for i, message in enumerate(rows.messages):
            if tap and tap.get(message, 0) > 0:
                tap[message] -= 1
            else:
                new.append(i)
        repair.in_hand = repaired
        if self.hold_until is None:
            repair.written()
        if not new:
            return
        rows = rows if len(new) == len(rows) else rows.take(new)
        self._remember(rows, clock)
        self._count(rows)
        for other in self.repairs.values():
            if other is not repair and other.tap is not None:
                self._tap(other, rows)
        begin, end = int(rows.timestamps.min()) - 1000, int(rows.timestamps.max())
        if not repair.told:
            # What was only suspected has a begin and an end of its own.
            repair.told = True
            repair.gap = replace(repair.gap, begin=begin, end=end)
            draft.gaps.append(("opened", repair.gap))
        elif repair.gap.why == "silent":
            repair.gap = replace(repair.gap, begin=min(begin, repair.gap.begin), end=max(end, repair.gap.end))
        repair.gap = replace(repair.gap, rows=repair.gap.rows + len(rows))
        if self.hold_until is not None:
            self._held.insert(0, rows)
            self._held_for.append(repair)
            return
        self._write(rows, draft, repair.block())
        draft.late_records.append(lambda: (GAPS, self.topic.encode(), repair.gap.encode()))

    # --- inside -----------------------------------------------------------------------------------------------

    def _write(self, rows: Slice, draft: Draft, placed: Placed | None = None) -> None:
        block = Block(rows.keys, rows.messages, (rows.timestamps // 1000).tolist(), placed)
        self.put(block, int(rows.timestamps.max()), draft)

    def _count(self, rows: Slice) -> None:
        if self.sums is not None:
            self.sums.add(rows.timestamps, rows.hashes)

    def _tap(self, repair: Repair, rows: Slice) -> None:
        assert repair.tap is not None
        inside = (rows.timestamps > repair.asked.begin) & (rows.timestamps <= repair.asked.end)
        for i in np.flatnonzero(inside).tolist():
            repair.tap[rows.messages[i]] += 1

    def _remember(self, rows: Slice, clock: FeedClock) -> None:
        end = int(rows.timestamps.max())
        latest = clock.latest if clock.latest is not None else end
        self._guards = [guard for guard in self._guards if guard.end > latest - _REMEMBERED]
        if end > latest - _REMEMBERED:
            recent = np.flatnonzero(rows.timestamps > latest - _REMEMBERED).tolist()
            self._guards.append(_Guard(end, Counter(rows.messages[i] for i in recent)))

    def _without_repaired(self, rows: Slice) -> Slice:
        keep = []
        for i, (message, at) in enumerate(zip(rows.messages, rows.timestamps.tolist(), strict=True)):
            guard = next((g for g in self._guards if at <= g.end and g.added.get(message, 0) > 0), None)
            if guard is None:
                keep.append(i)
            else:
                guard.added[message] -= 1
        return rows if len(keep) == len(rows) else rows.take(keep)


def rows_slice(keys: bytes | Sequence[bytes], messages: list[bytes], timestamps: Ints) -> Slice:
    """A slice of history's rows."""
    return Slice(keys, messages, hashes_of(messages), timestamps)
