"""The events of all subscriptions as time goes by: each once, in the order of time, session after session.

The feed has no clock: it is told the moment and gives what has come since it was last told. A moment further back is
a clock that was set: what comes after it comes again. A later day begins only when the one before has been given to
its end; of a moment more than two sessions ahead, what lies between is skipped.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter

import numpy as np

from app.domain import sessions
from simulator.clock import Moment, next_session
from simulator.stream.messages import RequestType, Security, Subscription
from simulator.stream.series import Event, Series, closing, opening

Make = Callable[[Subscription, dt.date], Series]

_NEVER = 2**31 - 1
_TIME: Callable[[Event], int] = itemgetter(0)


class Library:
    """Series by subscription and day, made on a thread of its own, so that the event loop never waits."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._kept: dict[dt.date, dict[Subscription, Series]] = {}
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="simulator-stream")

    def close(self) -> None:
        """Let go of the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def ready(self, subscription: Subscription, date: dt.date) -> Series | None:
        """A series that is there."""
        return self._kept.get(date, {}).get(subscription)

    async def series(self, subscription: Subscription, date: dt.date) -> Series:
        """A series, made if it is not there."""
        found = self.ready(subscription, date)
        if found is None:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._threads, self._make, subscription, date)
            self._kept.setdefault(date, {})[subscription] = found
        return found

    def keep(self, date: dt.date) -> None:
        """Forget every other day."""
        self._kept = {date: self._kept.get(date, {})}

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def forget(self, subscription: Subscription) -> None:
        """It is no longer subscribed to."""
        for day in self._kept.values():
            day.pop(subscription, None)


class Feed:
    """The subscriptions of one client and how far each has come; used on one event loop."""

    def __init__(self, library: Library) -> None:
        self.skipped_sessions = 0
        self._library = library
        self._subscriptions: dict[Subscription, None] = {}
        self._counts: Counter[tuple[Security, RequestType]] = Counter()
        self._date: dt.date | None = None
        self._end = 0
        self._ms = -1  # until where everything was given
        # The parts of the day: the open, the subscriptions in their order, the close.
        self._series: list[Series] = []
        self._at: list[int] = []
        self._next = np.empty(0, dtype=np.int64)

    @property
    def subscriptions(self) -> list[Subscription]:
        """What is subscribed to, in the order of subscription."""
        return list(self._subscriptions)

    def __contains__(self, subscription: Subscription) -> bool:
        return subscription in self._subscriptions

    def count(self, security: Security, kind: RequestType) -> int:
        """How many subscriptions of a sort there are, without those to everything."""
        return self._counts[security, kind]

    def clear(self) -> None:
        """Drop every subscription and forget the time: whoever comes next begins at a moment of his own."""
        self._subscriptions.clear()
        self._counts.clear()
        self._library.clear()
        self._date = None
        self._place([], 0)

    async def add(self, subscription: Subscription, now: Callable[[], Moment]) -> None:
        """Give the subscription's events from the moment on at which this returns; a standing one stays as it is."""
        if self._date is None:
            await self._open(now(), now().date, None)
        while subscription not in self._subscriptions:
            date = self._date
            assert date is not None
            made = await self._library.series(subscription, date)
            if date != self._date:
                continue  # meanwhile the next day has begun
            moment = now()
            # While the feed is behind, the rest of the day before is none of the new subscription's.
            after = max(moment.ms, self._ms) if moment.date == date else _NEVER - 1
            self._subscriptions[subscription] = None
            self._counts[_sort(subscription)] += not subscription.bulk
            self._insert(len(self._series) - 1, made, after)

    def remove(self, subscription: Subscription) -> None:
        """Give none of its events any more."""
        if subscription not in self._subscriptions:
            return
        place = 1 + self.subscriptions.index(subscription)
        del self._subscriptions[subscription]
        self._counts[_sort(subscription)] -= not subscription.bulk
        del self._series[place]
        del self._at[place]
        self._next = np.delete(self._next, place)
        self._library.forget(subscription)

    def behind(self, moment: Moment) -> bool:
        """Whether there may be more events up to the moment than were given."""
        return self._date is not None and (self._date != moment.date or self._ms < min(moment.ms, self._end))

    async def due(self, moment: Moment, most: int) -> list[bytes]:
        """The frames of the next events up to a moment, about ``most`` of them; when they are more, the rest is given
        when asked again."""
        await self._follow(moment)
        until = min(moment.ms, self._end) if moment.date == self._date else self._end
        return self._take(until, most)

    async def prepare(self) -> None:
        """Make what the next session needs, one series after the other."""
        date = self._date
        if date is not None:
            coming = next_session(date).date
            for subscription in self.subscriptions:
                if date == self._date and subscription in self:
                    await self._library.series(subscription, coming)

    async def _follow(self, moment: Moment) -> None:
        """Go on to the moment's day, if it is another one and the present day is through."""
        date = self._date
        if date is None or moment.date < date or (moment.date == date and moment.ms < self._ms):
            await self._open(moment, moment.date, moment.ms)
        elif moment.date == date:
            self._end = max(self._end, moment.end)  # a replay that has caught up goes on into the evening
        elif self._ms >= self._end:
            coming = next_session(date).date
            if coming < moment.date and (after := next_session(coming).date) < moment.date:
                while coming < moment.date:
                    self.skipped_sessions += 1
                    coming, after = after, next_session(after).date
            await self._open(moment, min(coming, moment.date), moment.begin - 1)

    async def _open(self, moment: Moment, date: dt.date, after: int | None) -> None:
        """Begin a day with what comes after a time of it; without one, with what comes after the present."""
        while missing := [s for s in self.subscriptions if self._library.ready(s, date) is None]:
            for subscription in missing:
                await self._library.series(subscription, date)
        session = sessions.session(date)
        made = [found for s in self.subscriptions if (found := self._library.ready(s, date)) is not None]
        self._date, self._end = date, moment.end
        self._ms = moment.ms if after is None else after
        self._place([opening(session), *made, closing(session)], self._ms)
        self._library.keep(date)

    def _place(self, made: list[Series], after: int) -> None:
        self._series, self._at = made, [_place(found, after) for found in made]
        upcoming = [_upcoming(found, at) for found, at in zip(made, self._at, strict=True)]
        self._next = np.array(upcoming, dtype=np.int64)

    def _insert(self, place: int, made: Series, after: int) -> None:
        at = _place(made, after)
        self._series.insert(place, made)
        self._at.insert(place, at)
        self._next = np.insert(self._next, place, _upcoming(made, at))

    def _take(self, until: int, most: int) -> list[bytes]:
        due = np.flatnonzero(self._next <= until).tolist()
        if not due:
            self._ms = until
            return []
        first = int(self._next.min())
        while True:
            stops = [_place(self._series[i], until) for i in due]
            if until <= first or sum(stops) - sum(self._at[i] for i in due) <= most:
                break
            until = first + (until - first) // 2
        events: list[Event] = []
        for i, stop in zip(due, stops, strict=True):
            found = self._series[i]
            if stop > self._at[i]:
                events += found.events(self._at[i], stop)
                self._at[i] = stop
                self._next[i] = _upcoming(found, stop)
        if len(due) > 1:
            events.sort(key=_TIME)
        self._ms = until
        return [frame for _, frame in events]


def _place(made: Series, after: int) -> int:
    """The first row after a time; which is of the array's own type, or the array were converted as a whole."""
    return int(made.ms.searchsorted(np.int32(after), side="right"))


def _sort(subscription: Subscription) -> tuple[Security, RequestType]:
    return subscription.security, subscription.kind


def _upcoming(made: Series, at: int) -> int:
    return int(made.ms[at]) if at < len(made.ms) else _NEVER
