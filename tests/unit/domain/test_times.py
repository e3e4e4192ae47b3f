"""New York wall clock to UTC and back, held against ``zoneinfo`` row by row."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.times import DAY, SECOND, date_of, micros_of, new_york_days, new_york_to_utc, utc_to_new_york

NEW_YORK = ZoneInfo("America/New_York")
EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001
CLOCK_CHANGES = ["2012-03-11", "2012-11-04", "2019-11-03", "2024-03-10", "2024-11-03", "2025-03-09", "2027-11-07"]

moments = st.datetimes(dt.datetime(2012, 1, 1), dt.datetime(2027, 12, 31, 23, 59, 59))  # noqa: DTZ001
changing = st.builds(
    lambda day, micros: dt.datetime.fromisoformat(day) + dt.timedelta(microseconds=micros),
    st.sampled_from(CLOCK_CHANGES),
    st.integers(-DAY, 2 * DAY),
)
columns = st.lists(st.one_of(moments, changing), max_size=40)


def micros(moment: dt.datetime) -> int:
    return (moment.replace(tzinfo=None) - EPOCH) // dt.timedelta(microseconds=1)


def array(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@given(columns)
def test_wall_clock_becomes_utc_as_zoneinfo_has_it(column: list[dt.datetime]) -> None:
    found = new_york_to_utc(array([micros(moment) for moment in column]))

    # In the repeated hour of autumn the first pass counts, which is fold=0.
    assert found.tolist() == [micros(moment.replace(tzinfo=NEW_YORK).astimezone(dt.UTC)) for moment in column]
    assert found.dtype == np.int64


@given(columns)
def test_utc_becomes_wall_clock_as_zoneinfo_has_it(column: list[dt.datetime]) -> None:
    found = utc_to_new_york(array([micros(moment) for moment in column]))

    assert found.tolist() == [micros(moment.replace(tzinfo=dt.UTC).astimezone(NEW_YORK)) for moment in column]


@given(columns)
def test_the_day_of_an_instant_is_the_date_in_new_york(column: list[dt.datetime]) -> None:
    found = new_york_days(array([micros(moment) for moment in column]))

    assert [date_of(day) for day in found.tolist()] == [
        moment.replace(tzinfo=dt.UTC).astimezone(NEW_YORK).date() for moment in column
    ]


@pytest.mark.parametrize("day", CLOCK_CHANGES)
def test_every_second_of_a_day_on_which_the_clocks_change_is_converted(day: str) -> None:
    begin = micros(dt.datetime.fromisoformat(day))
    column = np.arange(begin - 7_200 * SECOND, begin + 30 * 3_600 * SECOND, 97 * SECOND, dtype=np.int64)

    found = new_york_to_utc(column).tolist()

    assert found == [
        micros((EPOCH + dt.timedelta(microseconds=value)).replace(tzinfo=NEW_YORK).astimezone(dt.UTC))
        for value in column.tolist()
    ]


@given(st.lists(moments, max_size=20))
def test_the_way_there_and_back_leaves_session_hours_alone(column: list[dt.datetime]) -> None:
    naive = array([micros(moment.replace(hour=9 + moment.hour % 7)) for moment in column])

    assert utc_to_new_york(new_york_to_utc(naive)).tolist() == naive.tolist()


def test_an_empty_column_stays_empty() -> None:
    for convert in (new_york_to_utc, utc_to_new_york, new_york_days):
        assert convert(array([])).tolist() == []
        assert convert(array([])).dtype == np.int64


def test_a_column_is_not_changed_in_place() -> None:
    column = array([micros(dt.datetime(2024, 1, 2, 9, 30))])  # noqa: DTZ001
    before = column.copy()
    column.setflags(write=False)

    new_york_to_utc(column)
    utc_to_new_york(column)

    assert column.tolist() == before.tolist()


@given(st.dates(dt.date(2012, 1, 1), dt.date(2027, 12, 31)), st.times())
def test_a_date_and_a_time_are_an_instant(date: dt.date, time: dt.time) -> None:
    expected = dt.datetime.combine(date, time, NEW_YORK).astimezone(dt.UTC)

    assert micros_of(date, time) == micros(expected)


def test_midnight_in_new_york_follows_the_season() -> None:
    assert micros_of(dt.date(2024, 1, 2)) == micros(dt.datetime(2024, 1, 2, 5))  # noqa: DTZ001
    assert micros_of(dt.date(2024, 7, 2)) == micros(dt.datetime(2024, 7, 2, 4))  # noqa: DTZ001


@given(st.dates())
def test_days_are_counted_from_1970(date: dt.date) -> None:
    assert date_of((date - dt.date(1970, 1, 1)).days) == date
