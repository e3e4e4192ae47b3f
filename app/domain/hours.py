"""The part of each day that a series asks for, its grid of rows, and how it is cut into windows.

A window ends a millisecond before the next one begins, both ends being inclusive at the provider: a bar stamped with
the window's end would hold only the trades of that very moment.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from app.domain import sessions
from app.domain.schema import INTERVAL_SECONDS
from app.domain.series import SeriesName


@dataclass(frozen=True, slots=True)
class AskedHours:
    """The part of each day that a series asks for, in milliseconds since midnight, and its grid (0: ticks)."""

    name: SeriesName
    start_time: dt.time | None
    end_time: dt.time | None

    @property
    def begin(self) -> int:
        return milliseconds_of(self.start_time or sessions.OPEN)

    @property
    def stop(self) -> int:
        return milliseconds_of(self.end_time or sessions.CLOSE)

    @property
    def grid(self) -> int:
        """Milliseconds from row to row; 0 for ticks and for reports."""
        return 0 if self.name.interval is None else INTERVAL_SECONDS[self.name.interval] * 1000

    @property
    def points(self) -> int:
        """Rows on the grid, which runs from the first moment to the last one inclusive."""
        return (self.stop - self.begin) // self.grid + 1 if self.grid else 1

    def windows(self, count: int) -> list[tuple[dt.time, dt.time]]:
        """About ``count`` windows that make up the hours, cut on the grid or to the millisecond."""
        unit = self.grid or 1000
        units = (self.stop - self.begin) // unit + 1
        count = min(count, units)
        edges = [self.begin + units * i // count * unit for i in range(count)]
        ends = [edge - 1 for edge in edges[1:]] + [self.stop]
        return [(time_of(begin), time_of(end)) for begin, end in zip(edges, ends, strict=True)]


def milliseconds_of(time: dt.time) -> int:
    """Milliseconds since midnight."""
    return (time.hour * 3600 + time.minute * 60 + time.second) * 1000 + time.microsecond // 1000


def time_of(ms: int) -> dt.time:
    """The time so many milliseconds after midnight."""
    seconds, fraction = divmod(ms, 1000)
    return dt.time(seconds // 3600, seconds // 60 % 60, seconds % 60, fraction * 1000)
