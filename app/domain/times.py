"""New York wall clock to UTC and back, for whole columns of microseconds.

The provider's times are naive New York times (THETA API 3.3). A column is converted day by day: one offset for
each day, and row by row only on the two Sundays a year on which the clocks change. In the repeated hour of
autumn the first pass is taken.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt

from app.domain.sessions import NEW_YORK

Micros = npt.NDArray[np.int64]
SECOND = 1_000_000
DAY = 86_400 * SECOND


def new_york_to_utc(naive: Micros) -> Micros:
    """Naive New York microseconds (since 1970, as if UTC) to UTC microseconds; shape ``(n,)``."""
    return naive - _offsets(naive, local=True)


def utc_to_new_york(utc: Micros) -> Micros:
    """UTC microseconds to naive New York microseconds; shape ``(n,)``."""
    return utc + _offsets(utc, local=False)


def new_york_days(utc: Micros) -> npt.NDArray[np.int64]:
    """The New York date of each instant, as days since 1970; shape ``(n,)``."""
    return utc_to_new_york(utc) // DAY


def date_of(day: int) -> dt.date:
    """The date of a number of days since 1970."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=day)


def micros_of(date: dt.date, time: dt.time = dt.time()) -> int:
    """UTC microseconds of a New York date and wall-clock time."""
    moment = dt.datetime.combine(date, time, NEW_YORK)
    return int(moment.timestamp()) * SECOND + moment.microsecond


def _offsets(times: Micros, *, local: bool) -> Micros:
    days, inverse = np.unique(times // DAY, return_inverse=True)
    begins = [_offset(int(day) * DAY, local) for day in days]
    ends = [_offset((int(day) + 1) * DAY - SECOND, local) for day in days]
    offsets = np.array(begins, dtype=np.int64)[inverse.ravel()]
    for i in [i for i, (a, b) in enumerate(zip(begins, ends, strict=True)) if a != b]:
        for row in np.flatnonzero(inverse.ravel() == i):
            offsets[row] = _offset(int(times[row]), local)
    return offsets


def _offset(micros: int, local: bool) -> int:
    moment = dt.datetime.fromtimestamp(micros // SECOND, dt.UTC)
    moment = moment.replace(tzinfo=NEW_YORK) if local else moment.astimezone(NEW_YORK)
    offset = moment.utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) * SECOND
