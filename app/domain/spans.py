"""Spans of event time as parts of sessions: what of them can be asked for at a provider's history."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from app.domain import sessions
from app.domain.hours import milliseconds_of, time_of
from app.domain.times import SECOND, date_of, micros_of, new_york_days


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a session: from ``first`` to ``last``, both included, in milliseconds since midnight, New York."""

    date: dt.date
    first: int
    last: int

    @property
    def start_time(self) -> dt.time:
        return time_of(self.first)

    @property
    def end_time(self) -> dt.time:
        return time_of(self.last)

    @property
    def begin(self) -> int:
        """The instant just before it, UTC microseconds: with ``end``, the same span as (begin, end]."""
        return micros_of(self.date, self.start_time) - 1000

    @property
    def end(self) -> int:
        """Its last millisecond, UTC microseconds."""
        return micros_of(self.date, self.end_time)

    def halves(self, step: int = 1) -> tuple[Span, Span] | None:
        """Two spans that make up this one, cut at a multiple of ``step`` milliseconds from its begin; None when it is a
        single step."""
        steps = (self.last - self.first) // step + 1
        if steps < 2:
            return None
        middle = self.first + steps // 2 * step
        return Span(self.date, self.first, middle - 1), Span(self.date, middle, self.last)


def spans(
    begin: int, end: int, start_time: dt.time | None, end_time: dt.time | None, longest: int | None = None
) -> list[Span]:
    """The parts of sessions that lie in (``begin``, ``end``] (UTC microseconds) and in the hours, in their order.

    ``start_time`` and ``end_time``: New York, both inclusive, None for the regular ones; on half-days the regular
    hours are the same, as in the provider's answers. None is longer than ``longest`` milliseconds.
    """
    if end <= begin:
        return []
    opens, closes = milliseconds_of(start_time or sessions.OPEN), milliseconds_of(end_time or sessions.CLOSE)
    first_day, last_day = new_york_days(np.array([begin, end], dtype=np.int64)).tolist()
    found: list[Span] = []
    for session in sessions.sessions(date_of(first_day), date_of(last_day)):
        # Clocks change at night, far from any hours that are asked for.
        opening = micros_of(session.date, time_of(opens))
        first = opens if begin < opening else opens + (begin - opening) // 1000 + 1
        last = min(closes, opens + (end - opening) // 1000)
        while first <= last:
            stop = last if longest is None else min(last, first + longest - 1)
            found.append(Span(session.date, first, stop))
            first = stop + 1
    return found


def floor_to_grid(micros: int, seconds: int, start_time: dt.time | None) -> int:
    """The latest moment of the bars' grid at or before an instant: steps of ``seconds`` from the begin of the hours."""
    (day,) = new_york_days(np.array([micros], dtype=np.int64)).tolist()
    opening = micros_of(date_of(day), start_time or sessions.OPEN)
    step = seconds * SECOND
    return opening + (micros - opening) // step * step


def ceil_to_grid(micros: int, seconds: int, start_time: dt.time | None) -> int:
    """The earliest moment of the bars' grid at or after an instant."""
    floor = floor_to_grid(micros, seconds, start_time)
    return floor if floor == micros else floor + seconds * SECOND
