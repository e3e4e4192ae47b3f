"""One tenure of the feed: from taking the partition over to losing it.

A turn takes the frames that have arrived, routes their events to the topics, adds what repairs have found and bars
that are due, and writes all of it in one transaction. Then jobs are given out, which look at what has been committed.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from app.domain.live import FEED_KEY, FeedState, GapCause
from app.domain.stream import Events, Segment
from app.errors import LogError, TopicGone, TransactionAborted
from app.kafka.topics import COVERAGE, live_topic
from app.kafka.writer import TransactionalWriter
from app.live.book import Book
from app.live.chores import Chores
from app.live.clock import FeedClock
from app.live.deps import LiveDeps
from app.live.draft import Draft
from app.live.healer import Healer
from app.live.jobs import Jobs
from app.live.link import Link
from app.live.router import Router

logger = logging.getLogger(__name__)

#: Seconds between two commits: at least the first, and so much a topic that the last one touched.
_PERIOD, _PERIOD_A_TOPIC = 0.010, 0.001
#: After a commit the next row may meet a broker that still writes its markers, for which librdkafka waits 20 ms.
_BREATH = 0.003
#: Seconds to wait for frames while there is nothing else to do.
_IDLE = 0.05
#: Seconds between two records of coverage; more the more topics there are.
_TELL, _TELL_A_TOPIC = 1.0, 0.005
#: Seconds that the provider's link may be down before that is worth a warning.
_OUTAGE = 60.0
_RETRIES = 3
#: Threads that ask history, and so requests that it is asked at once.
HEALERS = 3
#: Events further ahead of this machine's clock than this are wrong; the brokers would refuse them.
_AHEAD = 3_600_000_000
#: So far ahead of this machine's clock the market's may be.
_SKEW = 10_000_000


class Tenure:
    """Belongs to one thread."""

    def __init__(self, deps: LiveDeps, writer: TransactionalWriter, mine: Callable[[], bool]) -> None:
        self._deps = deps
        self._writer = writer
        self._mine = mine
        self._clock = FeedClock()
        self._link = Link(deps.stream)
        self._reader = deps.stream.reader()
        self._router = Router(deps.frames)
        self._healer = Healer(HEALERS, deps.observer)
        #: What asks no provider must not wait behind one that is away.
        self._hands = Healer(1)
        jobs = Jobs(deps.settings, deps.topics, deps.provider, self._healer, deps.settings.theta_wait)
        self._book = Book(deps, self._link, self._router, self._clock)
        self._chores = Chores(self._book, jobs, self._healer, self._hands, self._clock)
        self._up = False
        self._opened = False
        self._down_since: float | None = None
        self._state = FeedState("idle", _now())
        self._told_at = 0.0
        self._lag_ms: float | None = None
        self._connecting = False
        self._period = _PERIOD

    def run(self) -> None:
        """Feed until the partition is lost. Raises ``Fenced`` or ``LogError``."""
        self._healer.start()
        self._hands.start()
        try:
            self._recover()
            while self._mine():
                self._turn()
        finally:
            self._link.close()
            self._hands.stop()
            self._healer.stop()
            self._deps.stats.let_go()

    def _recover(self) -> None:
        """Take up what the former owner recorded."""
        feed = self._deps.index.feed
        if feed is not None:
            self._state = replace(self._state, connects=feed.connects)
            if feed.clock is not None and feed.at:
                age = (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(feed.at)).total_seconds()
                self._clock.recall(feed.clock, age, time.monotonic())

    def _turn(self) -> None:
        begun = time.monotonic()
        draft = Draft()
        self._book.sync(draft)
        self._receive(draft)
        self._chores.take(draft)
        self._tick(draft)
        if draft:
            self._commit(draft)
        if self._connecting:
            # Straight after a commit: who was fenced may not take the terminal's one connection.
            self._connecting = False
            self._opened = self._up = False
            self._link.connect()
            self._deps.stats.connects += 1
        self._chores.give()
        self._pace(begun, draft)

    # --- frames -------------------------------------------------------------------------------------------

    def _receive(self, draft: Draft) -> None:
        socket = self._link.socket
        if socket is None:
            return
        closed = socket.closed
        # Whatever arrived before it was closed can still be taken.
        frames = socket.take()
        if socket.opened and not self._opened:
            self._opened = True
            self._clock.restart()
            self._say("open", draft)
        if frames:
            draft.arrived = time.monotonic()
            for segment in self._reader.read(frames):
                self._segment(segment, draft)
            self._deps.stats.bad_frames = self._reader.bad
        if closed is not None:
            self._lost(closed, draft)
        self._deps.stats.waiting_bytes = socket.waiting

    def _segment(self, segment: Segment, draft: Draft) -> None:
        up = segment.link == self._deps.stream.connected
        if up and not self._up:
            self._clock.restart()
            self._down_since = None
        elif not up and self._up:
            self._break_off("upstream")
            self._down_since = time.monotonic()
        self._up = self._deps.stats.connected = up
        if segment.link:
            self._say(segment.link, draft)
        now = time.monotonic()
        for response in segment.responses:
            self._link.answered(response, now)
        if self._link.late:
            self._book.renewed(self._link.late)
            self._link.late = set()
        for events in segment.events:
            events = _until(events, time.time_ns() // 1000 + _AHEAD)  # noqa: PLW2901
            if len(events):
                # One wrong stamp must not end the bars of an hour; a replay is in the past anyway.
                latest = min(_latest(events), time.time_ns() // 1000 + _SKEW)
                self._clock.advance(latest, len(events), now)
                self._deps.stats.events.add(events.asset, events.what, by=len(events))
                self._router.route(events, draft)

    def _lost(self, why: str, draft: Draft) -> None:
        """The connection is over."""
        cause: GapCause = "overflow" if why == "overflow" else "socket"
        if self._opened:
            self._break_off(cause)
            logger.warning("the stream's connection is over: %s", why)
        elif self._state.reason != why:
            logger.warning("the stream cannot be connected to: %s", why)
        self._up = self._opened = self._deps.stats.connected = False
        self._link.disconnect(time.monotonic())
        self._say("unreachable", draft, why)

    def _break_off(self, why: GapCause) -> None:
        for one in self._book.series.values():
            one.break_off(why, self._clock)
            self._book.watch(one)

    # --- time -----------------------------------------------------------------------------------------------

    def _tick(self, draft: Draft) -> None:
        mono = time.monotonic()
        self._link.pump(mono)
        self._book.look(self._up, mono, draft)
        if self._down_since is not None and mono - self._down_since > _OUTAGE:
            logger.warning("the provider's link to its servers is %s for a minute", self._state.state)
            self._down_since = mono
        if self._link.wants_connection(mono):
            self._connecting = True
            self._say("connecting", draft)
        if not self._link.wanted and self._link.socket is not None:
            self._link.disconnect(mono)
            self._say("idle", draft)
        if mono - self._told_at > _TELL + _TELL_A_TOPIC * len(self._book.series):
            self._told_at = mono
            for one in self._book.series.values():
                one.tell(self._clock, self._lag_ms, draft)
            if self._state.clock != self._clock.latest:
                self._say(self._state.state, draft, self._state.reason, again=True)
            self._chores.trim(self._book.trim_points())
            stats = self._deps.stats
            stats.subscriptions, stats.jobs = self._link.states(), self._healer.waiting + self._hands.waiting
        else:
            self._book.tell_changes(self._lag_ms, draft)
        self._deps.stats.clock = self._clock.latest

    def _say(self, state: str, draft: Draft, reason: str | None = None, *, again: bool = False) -> None:
        """Record the feed's state, if it is another one."""
        if not again and state == self._state.state and reason == self._state.reason:
            return
        since = self._state.since if state == self._state.state else _now()
        connects = self._state.connects + (state == "connecting")
        self._state = FeedState(state, since, self._clock.latest, reason, connects, _now())
        draft.record(COVERAGE, FEED_KEY, self._state.encode())

    # --- writing ----------------------------------------------------------------------------------------------

    def _commit(self, draft: Draft) -> None:
        for _ in range(_RETRIES + 1):
            self._writer.begin(on_stall=lambda: self._check_topics(draft))
            try:
                draft.write(self._writer)
                self._writer.commit()
                break
            except (TransactionAborted, TopicGone) as error:
                logger.warning("a transaction of the feed was aborted: %s", error)
                self._writer.abort()
                self._restore(draft)
        else:
            raise LogError(f"a transaction was aborted {_RETRIES + 1} times in a row")
        stats = self._deps.stats
        if draft.arrived is not None and draft.count:
            lag = time.monotonic() - draft.arrived
            stats.lag.take(lag)
            self._lag_ms = lag * 1000
        stats.committed(draft, {topic: one.name for topic in draft.rows if (one := self._book.series.get(topic))})

    def _check_topics(self, draft: Draft) -> None:
        there = self._deps.topics.existing(draft.rows)
        gone = sorted(set(draft.rows) - there)
        if gone:
            raise TopicGone(gone[0])

    def _restore(self, draft: Draft) -> None:
        """Make anew the topics that somebody deleted: what was in them is gone, what comes is kept."""
        gone = set(draft.rows) - self._deps.topics.existing(draft.rows)
        if gone:
            logger.warning("live topics were deleted by somebody and are made anew, e.g. %s", min(gone))
            self._deps.topics.create([live_topic(name) for name in gone])
            for one in (self._book.series[name] for name in gone if name in self._book.series):
                one.trims = {}
                one.start_anew(None)
                self._book.watch(one)

    def _pace(self, begun: float, draft: Draft) -> None:
        if draft:
            self._period = max(_PERIOD, _PERIOD_A_TOPIC * len(draft.rows))
            time.sleep(max(_BREATH, begun + self._period - time.monotonic()))
        socket = self._link.socket
        if socket is None:
            time.sleep(_PERIOD if self._connecting else _IDLE)
        elif not draft:
            socket.wait(_IDLE)


def _latest(events: Events) -> int:
    """The latest time of these events; where there are some, of all but one, whose stamp may be wrong."""
    times = events.timestamps
    return int(times.max()) if len(times) < 3 else int(np.partition(times, -2)[-2])


def _until(events: Events, limit: int) -> Events:
    """The events that are not later than a moment."""
    if int(events.timestamps.max(initial=0)) <= limit:
        return events
    keep = events.timestamps <= limit
    logger.warning("%d events lie in the future and are left out", int(np.count_nonzero(~keep)))
    return Events(
        events.asset,
        events.what,
        [symbol for symbol, kept in zip(events.symbols, keep.tolist(), strict=True) if kept],
        events.contracts[keep],
        events.timestamps[keep],
        events.time_of_day[keep],
        {name: column[keep] for name, column in events.columns.items()},
    )


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z")
