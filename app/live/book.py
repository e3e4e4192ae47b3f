"""The book: which live topics there are, which of them want to be looked at, and what each of them is waiting for."""

from __future__ import annotations

import datetime as dt
import logging

import numpy as np

from app.domain.contracts import Packed
from app.domain.live import Subscription
from app.domain.stream import StreamKey
from app.domain.times import date_of, new_york_days
from app.kafka.topics import COVERAGE
from app.live.bar_series import BarSeries
from app.live.clock import FeedClock
from app.live.deps import LiveDeps
from app.live.draft import Draft
from app.live.link import Link
from app.live.router import Router
from app.live.row_series import RowSeries
from app.live.series import Series

logger = logging.getLogger(__name__)


class Book:
    """Belongs to the owner's thread."""

    def __init__(self, deps: LiveDeps, link: Link, router: Router, clock: FeedClock) -> None:
        self._deps = deps
        self._link = link
        self._router = router
        self._clock = clock
        self._changed = deps.changed
        self._changed.set()
        self.series: dict[str, Series] = {}
        self.watched: dict[Series, None] = {}
        #: Topics that are to be made, or looked for.
        self.unprepared: set[str] = set()

    def watch(self, one: Series) -> None:
        """Look at this one in each turn until it is no longer busy."""
        self.watched[one] = None

    # --- what is subscribed ---------------------------------------------------------------------------------

    def sync(self, draft: Draft) -> None:
        """Take over what was subscribed and unsubscribed meanwhile."""
        if not self._changed.is_set():
            return
        self._changed.clear()
        wanted = self._deps.index.subscriptions()
        for topic, one in list(self.series.items()):
            sub = wanted.get(topic)
            if sub is None or sub.run != one.sub.run:
                self._drop(one, draft, ended=sub is None)
        for topic, sub in wanted.items():
            known = self.series.get(topic)
            if known is None:
                self._add(sub)
            elif known.sub != sub:
                self._change(known, sub, draft)

    def _add(self, sub: Subscription) -> None:
        prefix = self._deps.frames[sub.name.record.name]
        one: Series = BarSeries(sub, prefix) if sub.name.schema == "ohlcv" else RowSeries(sub, prefix)
        one.recover(self._deps.index.coverage(sub.topic), self._deps.index.gaps(sub.topic))
        self.series[sub.topic] = one
        self.unprepared.add(sub.topic)
        self.watch(one)
        self._deps.stats.series = len(self.series)

    def _drop(self, one: Series, draft: Draft, *, ended: bool) -> None:
        self._link.unwant(one.keys)
        del self.series[one.topic]
        self.watched.pop(one, None)
        self.unprepared.discard(one.topic)
        self._router.set(self._ready())
        if ended:
            draft.record(COVERAGE, one.topic, None)
        self._deps.stats.series = len(self.series)

    def _change(self, one: Series, sub: Subscription, draft: Draft) -> None:
        """More contracts, or an earlier start."""
        filters, one_start = one.sub.filters, one.sub.start
        until = one.until(self._clock)
        one.sub = sub
        if sub.filters != filters:
            # Nothing is sure of all of the contracts until the new ones stand too.
            one.members_of = None
            one.start_anew(until)
        elif sub.start is not None and sub.start != one_start:
            one.want_start(draft)
        self.watch(one)

    def prepared(self, ends: dict[str, int], refused: dict[str, str]) -> None:
        """Topics are there."""
        for topic, offset in ends.items():
            self.unprepared.discard(topic)
            one = self.series.get(topic)
            if one is not None and not one.prepared:
                one.prepared, one.end_offset = True, offset
                if one.name.asset == "stock":
                    self._want(one, frozenset({StreamKey("stock", one.what, one.name.symbol)}))
        for topic, why in refused.items():
            self.unprepared.discard(topic)
            if topic in self.series:
                self.series[topic].state = "refused"
                self.series[topic].reason = f"the brokers refused the topic: {why}"
        self._router.set(self._ready())

    def resolved(self, topic: str, date: dt.date, contracts: Packed) -> None:
        """A universe's contracts in a session."""
        one = self.series.get(topic)
        if one is None:
            return
        if one.members is not None and one.members_of == date:
            # What was listed in the morning is listed all day.
            contracts = np.union1d(one.members, contracts)
            if len(contracts) == len(one.members):
                return
        grows = one.members is not None and not np.isin(contracts, one.members).all()
        if grows:
            # Of contracts that are added the rows up to here are history's.
            one.break_off("widened", self._clock)
        one.members, one.members_of, one.reason = contracts, date, None
        root = one.name.symbol
        self._want(one, frozenset(StreamKey("option", one.what, root, contract) for contract in contracts.tolist()))
        self._router.set(self._ready())
        self.watch(one)

    def renew(self, one: Series) -> None:
        """Subscribe anew to what has fallen silent while others went on; others may share its subscriptions."""
        logger.warning("%s has fallen silent: it is subscribed to anew", one.topic)
        for other in self.series.values():
            if not other.keys.isdisjoint(one.keys):
                other.break_off("silent", self._clock)
                self.watch(other)
        self._link.renew(one.keys)

    def renewed(self, keys: set[StreamKey]) -> None:
        """These are served now and were refused before: what came meanwhile is history's."""
        for one in self.series.values():
            if one.breach is None and not one.keys.isdisjoint(keys):
                one.break_off("widened", self._clock)
                self.watch(one)

    def _want(self, one: Series, keys: frozenset[StreamKey]) -> None:
        self._link.want(keys - one.keys)
        self._link.unwant(one.keys - keys)
        one.keys = keys

    def _ready(self) -> list[Series]:
        return [one for one in self.series.values() if one.prepared and one.keys]

    # --- time -------------------------------------------------------------------------------------------------

    def look(self, up: bool, mono: float, draft: Draft) -> None:
        """Look at what is busy, and make the bars that are due."""
        for one in list(self.watched):
            self._look(one, up, mono, draft)
            if not one.busy:
                del self.watched[one]
        for one in self.series.values():
            if isinstance(one, BarSeries):
                one.make(self._clock, mono, draft)

    def _look(self, one: Series, up: bool, mono: float, draft: Draft) -> None:
        if one.hold_until is not None and mono > one.hold_until:
            one.release(draft)
        for repair in list(one.repairs.values()):
            if not repair.under_way and not repair.done and one.asks_nothing(repair.asked):
                one.close_gap(repair, draft)
        if one.breach is None or not one.prepared:
            return
        if not one.keys:
            if one.members is not None:
                one.reason = "no contract of it is listed today"
            return
        settled, on, word = self._link.settled(one.keys), self._link.on(one.keys), self._link.word(one.keys)
        if settled and not on:
            # Whether its link is up or not: what it refuses needs no login.
            one.state, one.reason = "refused", word
            return
        if not up or not settled:
            one.state, one.reason = "waiting", word
            return
        one.resume(self._clock, mono, draft)
        one.state = "live"
        if word is not None:
            one.reason = f"{len(one.keys) - on} of {len(one.keys)} contracts are refused: {word}"

    def tell_changes(self, lag_ms: float | None, draft: Draft) -> None:
        """Record at once what users wait for: another state."""
        for one in self.watched:
            one.tell(self._clock, lag_ms, draft, changes_only=True)

    def day(self, mono: float) -> dt.date:
        """The market's date, this machine's while nothing is known of the market."""
        now = self._clock.now(mono)
        if now is None:
            now = int(dt.datetime.now(dt.UTC).timestamp() * 1_000_000)
        return date_of(int(new_york_days(np.array([now], dtype=np.int64))[0]))

    def trim_points(self) -> dict[str, int]:
        """Remember where each topic is at the begin of a day; where those are to be trimmed whose time is over."""
        today = dt.datetime.now(dt.UTC).date()
        day, oldest = today.isoformat(), (today - dt.timedelta(days=self._deps.settings.live_retain_days)).isoformat()
        before: dict[str, int] = {}
        for one in self.series.values():
            if not one.prepared or one.trim_day == day:
                continue
            one.trim_day = day
            one.trims.setdefault(day, (one.end_offset, one.until(self._clock)))
            over = [then for then in one.trims if then <= oldest]
            if over:
                offset, until = one.trims[max(over)]
                before[one.topic] = offset
                one.trims = {then: place for then, place in one.trims.items() if then > oldest}
                if until is not None and one.since is not None:
                    # What is no longer there is no longer promised.
                    one.since = max(one.since, until)
        return before
