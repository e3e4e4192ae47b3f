"""What of a series is asked for once more before it goes on after a pause: a little of what was written last.

A series that failed may be tried again days later. If the provider tells of the same moments something else by then,
going on would mix two truths in one topic. Asking for everything again would find more and cost as much as beginning
anew, so this is a sample: the last moment, or where a day cannot be cut the last day.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from app.domain.hours import AskedHours, milliseconds_of, time_of
from app.domain.plan import Chunk, Plan
from app.domain.series import SeriesName
from app.domain.sessions import NEW_YORK
from app.domain.times import micros_of


@dataclass(frozen=True, slots=True)
class Overlap:
    """``chunk`` brings rows that were written before, those from ``begin`` to ``end`` (UTC microseconds, both
    included). ``alone``: it brings all of these, not only some contracts'."""

    chunk: Chunk
    begin: int
    end: int
    alone: bool


def overlap(name: SeriesName, plan: Plan, steps: int, last: int, *, whole_days: bool) -> Overlap | None:
    """What the series should be asked for again after ``steps`` steps of its plan; ``last`` is the event time of the
    last row (UTC microseconds). None when no chunk of these steps can have brought that row."""
    seconds, micros = divmod(last, 1_000_000)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC).replace(microsecond=micros).astimezone(NEW_YORK)
    day, ms = moment.date(), milliseconds_of(moment.time())
    cut = name.record.has_hours and not whole_days
    for step in reversed(plan.steps[:steps]):
        found = [chunk for chunk in step.chunks if chunk.start <= day <= chunk.end]
        if cut:
            found = [chunk for chunk in found if _hours(name, chunk)[0] <= ms <= _hours(name, chunk)[1]]
        if not found:
            continue
        chunk = replace(found[-1], start=day, end=day)
        if not cut:
            return Overlap(chunk, micros_of(day), last, len(found) == 1)
        grid = AskedHours(name, chunk.start_time, chunk.end_time).grid
        # Of ticks the next millisecond too, or one that ends a second would stand for that very moment alone.
        stop = min(ms + (grid - 1 if grid else 1), _hours(name, chunk)[1])
        chunk = replace(chunk, start_time=time_of(ms), end_time=time_of(stop))
        return Overlap(chunk, last // 1000 * 1000, last, len(found) == 1)
    return None


def _hours(name: SeriesName, chunk: Chunk) -> tuple[int, int]:
    asked = AskedHours(name, chunk.start_time, chunk.end_time)
    return asked.begin, asked.stop
