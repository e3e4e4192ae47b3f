"""A live topic of bars, made from the trades of the stream.

A bar is written once, when it is final. Bars over a gap are history's: when the feed is back, a new builder begins
with the first bar that is wholly on the stream, and what a session had traded before comes from history too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from app.avro.encode import encode
from app.domain import sessions
from app.domain.live import LATENESS, Gap, GapCause, Subscription, iso
from app.domain.live_bars import BarBuilder
from app.domain.rows import Rows
from app.domain.schema import INTERVAL_SECONDS
from app.domain.spans import ceil_to_grid, floor_to_grid
from app.domain.times import date_of, micros_of, new_york_days
from app.kafka.topics import GAPS
from app.live.clock import FeedClock
from app.live.draft import Block, Draft
from app.live.jobs import keys_of
from app.live.series import Repair, Series

Ints = npt.NDArray[np.int64]
#: Trades that are gathered before they are merged, if no bar is due before.
_GATHERED = 4096
#: Bars that a gap names at the most.
_NAMED = 100
_VALUES = ("open", "high", "low", "close", "volume", "count")
_FOR_EVER = 1 << 62

Trades = tuple[Ints, Ints, npt.NDArray[np.float64], Ints, Ints]


class BarSeries(Series):
    """Bars of a stock, or of all contracts of a universe."""

    what = "trade"

    def __init__(self, sub: Subscription, prefix: bytes) -> None:
        super().__init__(sub, prefix)
        assert self.name.interval is not None
        self._seconds = INTERVAL_SECONDS[self.name.interval]
        self._builder: BarBuilder | None = None
        self._trades: list[Trades] = []
        self._gathered = 0
        self._due = -1
        self._final: int | None = None
        self._late_before = 0
        self._withheld = False
        #: A seed that is to be asked for: the session, and the first instant that is the stream's.
        self.seed_from: tuple[dt.date, int] | None = None
        self.seed_under_way = False
        self.seed_not_before = 0.0
        #: Bars that were written and not yet compared, by time and contract.
        self.written: dict[tuple[int, int], tuple[Any, ...]] = {}

    # --- from the stream ------------------------------------------------------------------------------------

    def accept(self, trades: Trades) -> None:
        """Trades in the order of their arrival: times, contracts (0 for a stock), prices, sizes, conditions."""
        if self._builder is None:
            # The bars that they belong to are history's.
            return
        self._trades.append(trades)
        self._gathered += len(trades[0])

    def make(self, clock: FeedClock, mono: float, draft: Draft) -> None:
        """Write the bars that are due."""
        now = clock.now(mono)
        if self._builder is None or now is None:
            return
        if not self._withheld:
            self._final = max(now - LATENESS, self._final or 0)
        if now < self._due and self._gathered < _GATHERED:
            return
        self._merge()
        if now >= self._due:
            self._write(self._builder.finish(now), draft)
            self._due = self._next_due(now)

    def until(self, clock: FeedClock) -> int | None:
        """Bars that begin up to here are final and written, or history's."""
        if self.breach is not None:
            return self.breach.begin
        if self._final is None:
            return self.since
        return floor_to_grid(self._final, self._seconds, self.sub.start_time) - 1000

    def break_off(self, why: GapCause, clock: FeedClock) -> None:
        super().break_off(why, clock)
        self._let_go()

    def whole_from(self, clock: int) -> int:
        return ceil_to_grid(super().whole_from(clock), self._seconds, self.sub.start_time)

    def begun_before(self, end: int) -> int:
        """The bar in which the subscription began."""
        return end - self._seconds * 1_000_000 - 1000

    def whole_again(self, end: int) -> None:
        super().whole_again(end)
        self._let_go()
        self._builder = BarBuilder(self.name, self.sub.start_time, self.sub.end_time)
        self._builder.drop_before(end)
        self._due = -1
        # All bars before it are history's.
        self._final = end
        day = _date(end)
        if end > micros_of(day, self.sub.start_time or sessions.OPEN):
            self.seed_from = (day, end)
            # Without what was traded before, the session's average would be wrong.
            self._builder.withhold(end - 1, _FOR_EVER)
            self._withheld = True

    def seeded(self, date: dt.date, until: int, found: list[tuple[int, int, float]]) -> None:
        """What had traded in the session before ``until``."""
        self.seed_under_way = False
        if self._builder is None or self.seed_from != (date, until):
            return
        if found:
            contracts, volumes, vwaps = zip(*found, strict=True)
            self._builder.seed(contracts, date, volumes, vwaps)
        self._builder.release(until - 1, _FOR_EVER)
        self.seed_from, self._due, self.reason, self._withheld = None, -1, None, False

    def unseeded(self, why: str, again: float) -> None:
        """What had traded before could not be had: bars are made without it, which is told, and it is asked for
        again later."""
        self.seed_under_way, self.seed_not_before = False, again
        if self._builder is not None and self.seed_from is not None:
            self._builder.release(self.seed_from[1] - 1, _FOR_EVER)
            self._due, self._withheld = -1, False
            self.reason = f"session_vwap lacks what was traded before {iso(self.seed_from[1])}: {why}"

    # --- gaps -----------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        return super().busy or self._withheld

    def asked_for(self, gap: Gap) -> Gap:
        """A gap of bars is mended from the first that begins after it does; a suspicion is of bars that were final."""
        begin = ceil_to_grid(gap.begin + 1, self._seconds, self.sub.start_time)
        return replace(gap, begin=begin, end=max(begin, ceil_to_grid(gap.end, self._seconds, self.sub.start_time)))

    def asked_from(self, repair: Repair) -> int:
        closing = micros_of(_date(repair.asked.end - 1), self.hours.windows(1)[0][1]) + 1000
        return min(repair.asked.end, max(closing, repair.asked.begin)) + LATENESS

    def ask(self, repair: Repair) -> int:
        """A job is about to look for what a gap lacks: the offset up to which it may read the topic."""
        repair.under_way = True
        return self.end_offset

    def add_repaired(self, repair: Repair, bars: Rows, present: Rows, repaired: int, draft: Draft) -> None:
        """History's bars of a part of a gap, and those that the topic has there."""
        there = {**_by_key(present), **{key: self.written[key] for key in _by_key(bars) if key in self.written}}
        new, other = _compared(bars, there)
        repair.gap = replace(repair.gap, repaired=repaired)
        self._name(repair, other)
        if not repair.told and (len(new) or other):
            # What was only suspected has a begin and an end of its own.
            stamps = new.timestamps.tolist() + [stamp for stamp, _ in other]
            repair.told = True
            repair.gap = replace(repair.gap, begin=min(stamps) - 1000, end=max(stamps) + self._seconds * 1_000_000)
            draft.gaps.append(("opened", repair.gap))
        elif repair.suspected is not None and len(new):
            end = int(new.timestamps.max()) + self._seconds * 1_000_000
            repair.gap = replace(repair.gap, end=max(end, repair.gap.end))
        if len(new):
            repair.gap = replace(repair.gap, rows=repair.gap.rows + len(new))
            self._write(new, draft, repair.block())
        if len(new) or other:
            draft.late_records.append(lambda: (GAPS, self.topic.encode(), repair.gap.encode()))

    def compared(self, begin: int, end: int, bars: Rows, draft: Draft) -> bool:
        """History's bars that begin in [``begin``, ``end``): what is missing is added, what differs is named.

        Whether all of the last ones were missing, so that the subscription may have been lost.
        """
        self.verified = end
        new, other = _compared(bars, self.written)
        silent = self._mended(new, other, draft) if len(new) or other else False
        self.written = {key: values for key, values in self.written.items() if key[0] >= end}
        return silent

    def _mended(self, new: Rows, other: dict[tuple[int, int], dict[str, Any]], draft: Draft) -> bool:
        stamps = new.timestamps.tolist() + [stamp for stamp, _ in other]
        repair = super().open_gap(min(stamps) - 1000, max(stamps) + self._seconds * 1_000_000, "silent", draft)
        silent = bool(len(new)) and self._quiet_since(int(new.timestamps.min()))
        nothing = Rows.none(self.record)
        self.add_repaired(repair, new, nothing, repair.gap.end, draft)
        self._name(repair, other)
        self.close_gap(repair, draft)
        return silent

    def comparable(self, end: int) -> int:
        """Whole bars only."""
        return floor_to_grid(end, self._seconds, self.sub.start_time)

    def _verified(self) -> int | None:
        """Bars that begin up to here have been compared."""
        found = super()._verified()
        return found if found is None or found == self.since else found - 1000

    # --- inside -----------------------------------------------------------------------------------------------

    def _merge(self) -> None:
        assert self._builder is not None
        if self._trades:
            columns = [np.concatenate(parts) for parts in zip(*self._trades, strict=True)]
            self._builder.add(*columns)
            self.late = self._late_before + self._builder.late
            self._trades.clear()
            self._gathered = 0

    def _let_go(self) -> None:
        """Bars that are not written yet are history's."""
        self._late_before = self.late
        self._builder = None
        self._trades.clear()
        self._gathered = 0
        self.seed_from, self._withheld = None, False

    def _next_due(self, now: int) -> int:
        """When the next bar ends for good: each of the grid's moments, and the end of the hours."""
        after = now - LATENESS + 1
        moment = ceil_to_grid(after, self._seconds, self.sub.start_time)
        closing = micros_of(_date(after), self.hours.windows(1)[0][1]) + 1000
        return (min(moment, closing) if after <= closing else moment) + LATENESS

    def _write(self, rows: Rows, draft: Draft, placed: Callable[[int, int], None] | None = None) -> None:
        if not len(rows):
            return
        self.written |= _by_key(rows)
        block = Block(keys_of(rows), encode(rows, self.prefix), (rows.timestamps // 1000).tolist(), placed)
        self.put(block, int(rows.timestamps.max()), draft)

    def _quiet_since(self, begin: int) -> bool:
        """Whether no bar has been made since then."""
        return not any(stamp > begin for stamp, _ in self.written)

    def _name(self, repair: Repair, other: dict[tuple[int, int], dict[str, Any]]) -> None:
        if other:
            named = [*repair.gap.bars, *other.values()][:_NAMED]
            repair.gap = replace(repair.gap, bars=tuple(named))


def _date(micros: int) -> dt.date:
    return date_of(int(new_york_days(np.array([micros], dtype=np.int64))[0]))


def _by_key(rows: Rows) -> dict[tuple[int, int], tuple[Any, ...]]:
    """Bars by time and contract (0 for a stock); the session's average, a sum of rounded numbers, does not count."""
    contracts = [0] * len(rows) if rows.contracts is None else rows.contracts.tolist()
    values = zip(*(rows.columns[name].tolist() for name in _VALUES), strict=True)
    return dict(zip(zip(rows.timestamps.tolist(), contracts, strict=True), values, strict=True))


def _compared(
    bars: Rows, there: dict[tuple[int, int], tuple[Any, ...]]
) -> tuple[Rows, dict[tuple[int, int], dict[str, Any]]]:
    """History's bars that are not there, and with history's values those that are there otherwise."""
    new, other = [], {}
    for i, (key, values) in enumerate(_by_key(bars).items()):
        found = there.get(key)
        if found is None:
            new.append(i)
        elif found != values:
            named: dict[str, Any] = {"timestamp": iso(key[0])}
            if bars.contracts is not None:
                row = bars.take(slice(i, i + 1))
                named["contract"] = keys_of(row)[0].decode()  # type: ignore[union-attr]
            other[key] = named | dict(zip(_VALUES, values, strict=True))
    return bars.take(np.array(new, dtype=np.intp)), other
