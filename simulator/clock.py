"""What time it is for a simulated terminal: a clock that can be set, and the replay of past sessions.

A real terminal's REST and stream live in one time, the present. Here both follow the same clock, which may stand
anywhere and run at any speed; or the stream alone replays past sessions, as the vendor's dev FPSS servers do day and
night, while REST stays in its own time.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.domain import sessions
from app.domain.sessions import NEW_YORK, Session

DAY = 86_400_000
"""Milliseconds."""

_BEGIN = 34_200_000  # 09:30, of a replayed session
_END = 57_605_000  # 16:00:05: what comes at the close itself is among it


@dataclass(frozen=True)
class Moment:
    """A time in the stream: ``ms`` since midnight of ``date``, New York. Of that day the events from ``begin`` to
    ``end``, both included, are streamed at all."""

    date: dt.date
    ms: int
    begin: int = 0
    end: int = DAY

    @classmethod
    def of(cls, instant: dt.datetime) -> Moment:
        """An aware instant; its whole day is streamed."""
        local = instant.astimezone(NEW_YORK)
        seconds = (local.hour * 60 + local.minute) * 60 + local.second
        return cls(local.date(), seconds * 1000 + local.microsecond // 1000)


class MarketClock:
    """A clock that runs from ``start`` (aware; without it the present) at ``speed``, which may be 0; safe to use from
    several threads. Call it for the current instant, in UTC."""

    def __init__(
        self, start: dt.datetime | None = None, speed: float = 1.0, wall: Callable[[], float] = time.time
    ) -> None:
        self._lock = threading.Lock()
        self._wall = wall
        self._since = wall()
        self._start = dt.datetime.fromtimestamp(self._since, dt.UTC)
        self._speed = 1.0
        self.set(start, speed)

    @property
    def speed(self) -> float:
        """Seconds of the market in a second."""
        return self._speed

    def __call__(self) -> dt.datetime:
        with self._lock:
            return self._now(self._wall())

    def set(self, now: dt.datetime | None = None, speed: float | None = None) -> None:
        """Go on from another instant, at another speed, or both; raises ``ValueError``."""
        if now is not None and now.tzinfo is None:
            raise ValueError(f"the clock's time {now.isoformat()} needs a time zone")
        if speed is not None and not 0 <= speed <= 1_000_000:
            raise ValueError(f"the clock's speed {speed} is not from 0 to 1,000,000")
        with self._lock:
            wall = self._wall()
            self._start = (now or self._now(wall)).astimezone(dt.UTC)
            self._since = wall
            if speed is not None:
                self._speed = float(speed)

    def _now(self, wall: float) -> dt.datetime:
        return self._start + dt.timedelta(seconds=(wall - self._since) * self._speed)


@dataclass(frozen=True)
class Replay:
    """Sessions back to back, each from 09:30 to 16:00:05 New York, from that of ``date`` (or the next one) on.

    ``epoch`` is the wall instant at which the first session began. Where the replay is follows from it and the wall
    clock alone, so a simulator that starts again goes on where it would have been.
    """

    date: dt.date
    epoch: dt.datetime
    speed: float = 1.0

    def moment(self, wall: dt.datetime, present: dt.datetime) -> Moment:
        """Where the replay is at a wall instant; once it has caught up with ``present``, the time that REST knows, it
        follows that."""
        now = Moment.of(present)
        played = max(int((wall - self.epoch).total_seconds() * 1000 * self.speed), 0)
        number, past = divmod(played, _END - _BEGIN)
        found = _nth_session(self.date, number, now.date)
        if found is None or (found.date, _BEGIN + past) >= (now.date, now.ms):
            return now
        return Moment(found.date, _BEGIN + past, _BEGIN, _END)


def read_instant(text: str) -> dt.datetime:
    """An instant from ISO 8601; without a zone it is New York time. Raises ``ValueError``."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time such as 2024-07-02T09:29:50") from None
    return found if found.tzinfo else found.replace(tzinfo=NEW_YORK)


def next_session(date: dt.date) -> Session:
    """The first session after a date."""
    while True:
        date += dt.timedelta(days=1)
        if (found := sessions.session(date)) is not None:
            return found


_KNOWN: dict[
    dt.date, list[Session]
] = {}  # by the first date: the sessions from there on, as far as they were asked for


def _nth_session(first: dt.date, number: int, last: dt.date) -> Session | None:
    """The session ``number`` (from 0) from a date on, None if it lies after ``last``."""
    known = _KNOWN.setdefault(first, [])
    while len(known) <= number:
        found = next_session(known[-1].date if known else first - dt.timedelta(days=1))
        if found.date > last:
            return None
        known.append(found)
    return known[number] if known[number].date <= last else None
