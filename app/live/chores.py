"""Giving jobs out, and taking what they found."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Any

from app.domain.live import LATENESS, Subscription
from app.errors import PlatformError, ProviderRefused, RequestTooLarge
from app.live.bar_series import BarSeries
from app.live.book import Book
from app.live.clock import FeedClock
from app.live.draft import Draft
from app.live.healer import Failed, Healer
from app.live.jobs import BarsPart, Compared, ComparedBars, Jobs, Looked, Members, Part, Prepared, Seeds
from app.live.row_series import RowSeries
from app.live.series import Repair, Series
from app.live.sums import WINDOW
from app.live.universe import NotYet, needs_listing, session_of

logger = logging.getLogger(__name__)

#: Jobs of a lower number go first: topics and universes, gaps, comparisons.
_FIRST, _HEAL, _COMPARE = 0, 1, 2
#: Seconds between two looks for what is to be compared, or resolved.
_LOOK = 0.5
#: Comparisons under way at once: history and healing want the provider too.
_COMPARING = 2
#: Joins of history and live under way at once.
_LONG = 1
#: Microseconds of the market's time after which the day's listing is looked at again: contracts are added.
_LISTED_ANEW = 900_000_000
_SOON, _LATER = 5.0, 60.0
#: Microseconds of the market's time after a window before it is compared.
_GRACE = LATENESS + 3_000_000


class Chores:
    """Belongs to the owner's thread. ``give`` is called between two transactions, when all that was written counts."""

    def __init__(self, book: Book, jobs: Jobs, healer: Healer, hands: Healer, clock: FeedClock) -> None:
        """``healer`` asks the provider, ``hands`` only the brokers."""
        self._hands = hands
        self._book = book
        self._jobs = jobs
        self._healer = healer
        self._clock = clock
        self._preparing = False
        self._prepare_from = 0.0
        self._resolving: dict[tuple[object, ...], float] = {}
        self._comparing = 0
        self._compare_from: dict[str, float] = {}
        self._looked = 0.0

    # --- giving -----------------------------------------------------------------------------------------------

    def give(self) -> None:
        """Give out what can be done now."""
        mono = time.monotonic()
        if self._book.unprepared and not self._preparing and mono >= self._prepare_from:
            names = sorted(self._book.unprepared)
            self._preparing = True
            self._hands.submit(_FIRST, ("prepare", ""), lambda: self._jobs.prepare(names))
        long = sum(r.under_way and r.gap.why == "start" for one in self._book.watched for r in one.repairs.values())
        for one in list(self._book.watched):
            for repair in one.due_repairs(self._clock, mono) if one.prepared else ():
                if repair.gap.why == "start":
                    # Years may have to be fetched; other gaps should not wait for that.
                    if long >= _LONG:
                        continue
                    long += 1
                self._mend(one, repair)
        if mono - self._looked < _LOOK:
            return
        self._looked = mono
        for one in self._book.series.values():
            if isinstance(one, BarSeries):
                self._seed(one, mono)
        self._resolve(mono)
        self._compare(mono)

    def trim(self, before: dict[str, int]) -> None:
        """Delete what lies before an offset of each topic."""
        if before:
            self._hands.submit(_COMPARE, ("trim", ""), lambda: self._jobs.trim(before))

    def _mend(self, one: Series, repair: Repair) -> None:
        label, sub, prefix = ("mend", one.topic, repair.gap.id), one.sub, one.prefix
        gap = replace(repair.asked, repaired=repair.gap.repaired)
        if isinstance(one, RowSeries):
            end = one.ask(repair)
            self._healer.submit(_HEAL, label, lambda: self._jobs.mend_rows(sub, prefix, gap, end))
        elif isinstance(one, BarSeries):
            end = one.ask(repair)
            self._healer.submit(_HEAL, label, lambda: self._jobs.mend_bars(sub, gap, end))

    def _seed(self, one: BarSeries, mono: float) -> None:
        now = self._clock.now(mono)
        if one.seed_from is None or one.seed_under_way or now is None or mono < one.seed_not_before:
            return
        date, until = one.seed_from
        if now >= until + LATENESS:
            one.seed_under_way = True
            sub = one.sub
            self._healer.submit(_FIRST, ("seed", one.topic), lambda: self._jobs.seed(sub, date, until))

    def _resolve(self, mono: float) -> None:
        """Universes follow the day's listing."""
        options = [one for one in self._book.series.values() if one.name.asset == "option" and one.prepared]
        if not options:
            return
        date, now = session_of(self._book.day(mono)), self._clock.now(mono) or 0
        for one in options:
            label, sub = _resolving(one.sub), one.sub
            fresh = not needs_listing(sub) or now - one.members_at < _LISTED_ANEW
            known = one.members_of == date and fresh
            if not known and self._resolving.get(label, 0.0) <= mono:
                # Until it has failed or succeeded.
                self._resolving[label] = mono + 3600
                one.members_at = now
                self._healer.submit(
                    _FIRST,
                    label,
                    lambda sub=sub: self._jobs.resolve(sub, date),  # type: ignore[misc]
                )

    def _compare(self, mono: float) -> None:
        """Windows of five minutes that are over are compared with history."""
        now = self._clock.now(mono)
        if now is None:
            return
        ends = (now - _GRACE) // WINDOW * WINDOW
        able = [one for one in self._book.series.values() if not one.busy and not one.comparing]
        # Who was compared the longest ago goes first.
        for one in sorted(able, key=lambda one: one.verified or 0):
            if self._comparing >= _COMPARING:
                return
            if one.verified is None or self._compare_from.get(one.topic, 0.0) > mono:
                continue
            end = one.comparable(ends)
            if end > one.verified:
                self._begin_comparing(one, one.verified, end)

    def _begin_comparing(self, one: Series, begin: int, end: int) -> None:
        one.comparing = True
        self._comparing += 1
        sub, prefix, label = one.sub, one.prefix, ("compare", one.topic)
        if isinstance(one, RowSeries):
            self._healer.submit(_COMPARE, label, lambda: self._jobs.compare_rows(sub, prefix, begin, end))
        else:
            self._healer.submit(_COMPARE, label, lambda: self._jobs.compare_bars(sub, begin, end))

    # --- taking -----------------------------------------------------------------------------------------------

    def take(self, draft: Draft) -> None:
        """Take what jobs have found."""
        for result in (*self._healer.results(), *self._hands.results()):
            self._take(result, draft)

    def _take(self, result: Any, draft: Draft) -> None:  # noqa: PLR0912 - one case a kind of result
        match result:
            case Prepared(ends, refused):
                self._preparing = False
                self._book.prepared(ends, refused)
            case Members(sub, date, contracts):
                self._resolving.pop(_resolving(sub), None)
                one = self._book.series.get(sub.topic)
                if one is not None and one.sub.run == sub.run and one.sub.filters == sub.filters:
                    self._book.resolved(sub.topic, date, contracts)
            case Part(topic, gap, rows, repaired):
                one, repair = self._repair(topic, gap)
                if isinstance(one, RowSeries) and repair is not None:
                    one.add_repaired(repair, rows, repaired, self._clock, draft)
            case BarsPart(topic, gap, bars, present, repaired):
                one, repair = self._repair(topic, gap)
                if isinstance(one, BarSeries) and repair is not None:
                    one.add_repaired(repair, bars, present, repaired, draft)
            case Looked(topic, gap):
                one, repair = self._repair(topic, gap)
                if one is not None and repair is not None:
                    one.close_gap(repair, draft)
                    if repair.reaches_the_end and one.silent_since(repair.gap.begin):
                        self._book.renew(one)
                    if repair.told:
                        logger.info("%s: a gap is closed, %d rows: %s", topic, repair.gap.rows, repair.gap.why)
            case Seeds(topic, date, until, found):
                one = self._book.series.get(topic)
                if isinstance(one, BarSeries):
                    one.seeded(date, until, found)
            case Compared(topic, begin, end, sums):
                self._compared(topic, begin, end, sums)
            case ComparedBars(topic, begin, end, bars):
                self._comparing, self._looked = self._comparing - 1, 0.0
                one = self._book.series.get(topic)
                if isinstance(one, BarSeries) and one.comparing:
                    one.comparing = False
                    if not one.busy and one.verified == begin and one.compared(begin, end, bars, draft):
                        self._book.renew(one)
            case Failed(label, error):
                self._failed(label, error, draft)

    def _repair(self, topic: str, gap: str) -> tuple[Series | None, Repair | None]:
        one = self._book.series.get(topic)
        return one, one.repairs.get(gap) if one is not None else None

    def _compared(self, topic: str, begin: int, end: int, sums: dict[int, tuple[int, int]]) -> None:
        self._comparing, self._looked = self._comparing - 1, 0.0
        one = self._book.series.get(topic)
        if not isinstance(one, RowSeries) or not one.comparing:
            return
        one.comparing = False
        if one.busy or one.verified != begin or one.sums is None:
            # Something broke meanwhile; the same windows are compared when it is mended.
            return
        for window in one.sums.differing(sums, begin, end):
            first, last = max(begin, window * WINDOW), min(end, (window + 1) * WINDOW)
            logger.info("%s: history differs in %s", topic, window)
            one.open_gap(first, last, "silent", None)
            self._book.watch(one)
        one.verified = end
        one.sums.forget(end)

    def _failed(self, label: tuple[Any, ...], error: PlatformError, draft: Draft) -> None:
        kind, topic = label[0], label[1]
        mono = time.monotonic()
        if kind != "resolve" or not isinstance(error, NotYet):
            logger.warning("%s %s: %s", kind, topic, error)
        one = self._book.series.get(topic)
        match kind:
            case "prepare":
                self._preparing, self._prepare_from = False, mono + _SOON
            case "resolve":
                self._resolving[label] = mono + _SOON
                if one is not None and not one.keys:
                    one.reason = str(error)
            case "seed" if isinstance(one, BarSeries):
                one.unseeded(str(error), mono + _LATER)
            case "compare":
                self._comparing -= 1
                self._compare_from[topic] = mono + _LATER
                if one is not None:
                    one.comparing = False
            case "mend" if one is not None and label[2] in one.repairs:
                repair = one.repairs[label[2]]
                if isinstance(error, ProviderRefused | RequestTooLarge):
                    one.close_gap(repair, draft, failed=str(error))
                else:
                    one.delay(repair, mono, str(error), draft)


def _resolving(sub: Subscription) -> tuple[Any, ...]:
    """The label of a job that resolves a universe: an answer to another question must not be taken for it."""
    return "resolve", sub.topic, sub.run, sub.filters
