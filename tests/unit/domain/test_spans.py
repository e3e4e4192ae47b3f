"""Spans of event time cut into parts of sessions, and the grid of bars: held against the clock on the wall."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import sessions
from app.domain.hours import milliseconds_of
from app.domain.spans import Span, ceil_to_grid, floor_to_grid, spans

NEW_YORK = ZoneInfo("America/New_York")
DAY = dt.date(2024, 7, 2)
HALF_DAY, HOLIDAY = dt.date(2024, 7, 3), dt.date(2024, 7, 4)
MINUTE, HOUR = 60_000_000, 3_600_000_000
#: Around both changes of the clocks, a half-day before a holiday, and the turn of a year.
AROUND = [
    dt.date(2024, 3, 8),
    dt.date(2024, 3, 11),
    HALF_DAY,
    dt.date(2024, 11, 1),
    dt.date(2024, 11, 4),
    dt.date(2024, 12, 31),
]
HOURS = [
    (None, None),
    (dt.time(4), dt.time(20)),
    (dt.time(0), dt.time(23, 59, 59, 999_000)),
    (dt.time(10, 15), dt.time(10, 15)),
    (dt.time(9, 30, 0, 1000), dt.time(12, 0, 59, 999_000)),
]


def instant(date: dt.date, ms: int) -> int:
    """A millisecond of a New York day as UTC microseconds."""
    local = dt.datetime.combine(date, dt.time(), NEW_YORK).replace(tzinfo=None) + dt.timedelta(milliseconds=ms)
    since = local.replace(tzinfo=NEW_YORK).astimezone(dt.UTC) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return since // dt.timedelta(microseconds=1)


def at(date: dt.date, time: str) -> int:
    return instant(date, milliseconds_of(dt.time.fromisoformat(time)))


def slow_oracle(begin: int, end: int, start: dt.time | None, stop: dt.time | None) -> list[Span]:
    """Of each session's milliseconds, in its hours, those that are later than begin and not later than end."""
    first_day = dt.datetime.fromtimestamp(begin // 1_000_000, NEW_YORK).date()
    found = []
    for i in range((end - begin) // (24 * HOUR) + 3):
        date = first_day + dt.timedelta(days=i)
        if sessions.session(date) is None:
            continue
        hours = range(milliseconds_of(start or sessions.OPEN), milliseconds_of(stop or sessions.CLOSE) + 1)
        inside = hours[
            bisect_right(hours, begin, key=lambda ms, date=date: instant(date, ms)) : bisect_right(
                hours, end, key=lambda ms, date=date: instant(date, ms)
            )
        ]
        if inside:
            found.append(Span(date, inside[0], inside[-1]))
    return found


moments = st.builds(
    lambda date, days, ms: instant(date + dt.timedelta(days=days), ms),
    st.sampled_from(AROUND),
    st.integers(0, 6),
    st.one_of(
        st.integers(0, 86_399_999),
        # The edges of hours, and a millisecond before and after them.
        st.builds(
            lambda time, by: max(0, milliseconds_of(time) + by),
            st.sampled_from([time or sessions.OPEN for pair in HOURS for time in pair] + [sessions.CLOSE]),
            st.integers(-1, 1),
        ),
    ),
)


@settings(max_examples=30)
@given(begin=moments, length=st.integers(0, 4 * 24 * HOUR // 1000), hours=st.sampled_from(HOURS))
def test_a_span_is_cut_into_its_sessions_hours(
    begin: int, length: int, hours: tuple[dt.time | None, dt.time | None]
) -> None:
    end = begin + length * 1000
    assert spans(begin, end, *hours) == slow_oracle(begin, end, *hours)


@settings(max_examples=30)
@given(begin=moments, end=moments, hours=st.sampled_from(HOURS))
def test_a_span_between_the_edges_of_hours_is_cut_to_the_millisecond(
    begin: int, end: int, hours: tuple[dt.time | None, dt.time | None]
) -> None:
    begin, end = min(begin, end), min(max(begin, end), min(begin, end) + 4 * 24 * HOUR)
    assert spans(begin, end, *hours) == slow_oracle(begin, end, *hours)


@settings(max_examples=30)
@given(end=moments, by=st.integers(0, 999), begin=moments)
def test_an_end_within_a_millisecond_leaves_that_millisecond_out_if_it_is_not_reached(
    begin: int, end: int, by: int
) -> None:
    begin, end = min(begin, end), min(max(begin, end), min(begin, end) + 4 * 24 * HOUR)
    assert spans(begin, end + by, None, None) == slow_oracle(begin, end + by, None, None)


def test_a_begin_within_a_millisecond_takes_the_next_one_along() -> None:
    begin = at(DAY, "10:00") + 1
    assert spans(begin, begin + MINUTE, None, None) == slow_oracle(begin, begin + MINUTE, None, None)


@given(begin=moments, length=st.integers(0, 3 * HOUR // 1000), longest=st.sampled_from([1, 7_000, 600_000, 10**9]))
def test_no_part_is_longer_than_asked_and_together_they_are_the_whole(begin: int, length: int, longest: int) -> None:
    end = begin + min(length, 500 * longest) * 1000
    parts = spans(begin, end, None, None, longest)
    assert all(part.last - part.first + 1 <= longest for part in parts)
    joined: list[Span] = []
    for part in parts:
        if joined and joined[-1].date == part.date:
            assert part.first == joined[-1].last + 1
            joined[-1] = Span(part.date, joined[-1].first, part.last)
        else:
            joined.append(part)
    assert joined == spans(begin, end, None, None)
    # All but the last of each session are as long as they may be.
    for one, after in pairwise(parts):
        assert after.date != one.date or one.last - one.first + 1 == longest


def test_the_begin_is_not_in_it_and_the_end_is() -> None:
    begin, end = at(DAY, "10:00:00.000"), at(DAY, "10:00:00.002")
    ten = milliseconds_of(dt.time(10))
    assert spans(begin, end, None, None) == [Span(DAY, ten + 1, ten + 2)]
    assert spans(begin, begin, None, None) == []
    assert spans(end, begin, None, None) == []


def test_the_close_is_part_of_a_session_and_so_is_the_open() -> None:
    opens, closes = at(DAY, "09:30"), at(DAY, "16:00")
    whole = Span(DAY, milliseconds_of(sessions.OPEN), milliseconds_of(sessions.CLOSE))
    assert spans(opens - 1000, closes, None, None) == [whole]
    assert spans(opens - 1000, closes + HOUR, None, None) == [whole]
    assert spans(closes - 1000, closes, None, None) == [Span(DAY, whole.last, whole.last)]
    assert spans(closes, closes + HOUR, None, None) == []
    assert spans(opens - HOUR, opens - 1000, None, None) == []


def test_a_half_day_has_the_same_hours_and_a_holiday_and_a_weekend_have_none() -> None:
    found = spans(at(HALF_DAY, "00:00"), at(dt.date(2024, 7, 9), "00:00"), None, None)
    assert [span.date for span in found] == [HALF_DAY, dt.date(2024, 7, 5), dt.date(2024, 7, 8)]
    assert {(span.start_time, span.end_time) for span in found} == {(sessions.OPEN, sessions.CLOSE)}
    assert spans(at(HOLIDAY, "00:00"), at(HOLIDAY, "23:59"), None, None) == []


@pytest.mark.parametrize(
    ("friday", "monday"),
    [(dt.date(2024, 3, 8), dt.date(2024, 3, 11)), (dt.date(2024, 11, 1), dt.date(2024, 11, 4))],
)
def test_over_a_change_of_the_clocks_hours_stay_those_on_the_wall(friday: dt.date, monday: dt.date) -> None:
    one, other = spans(at(friday, "15:59"), at(monday, "09:31"), None, None)
    assert (one.date, one.first - 1, one.end_time) == (friday, milliseconds_of(dt.time(15, 59)), sessions.CLOSE)
    assert (other.date, other.start_time, other.end_time) == (monday, sessions.OPEN, dt.time(9, 31))


@given(date=st.sampled_from(AROUND), first=st.integers(0, 86_399_999), length=st.integers(0, 86_399_999))
def test_a_part_knows_itself_as_a_span_of_event_time(date: dt.date, first: int, length: int) -> None:
    span = Span(date, first, min(86_399_999, first + length))
    assert (span.begin, span.end) == (instant(date, span.first) - 1000, instant(date, span.last))
    whole_day = (dt.time(0), dt.time(23, 59, 59, 999_000))
    assert spans(span.begin, span.end, *whole_day) == [span]


@given(first=st.integers(0, 1000), length=st.integers(0, 1000), step=st.sampled_from([1, 7, 100]))
def test_halves_follow_one_another_and_make_up_the_whole(first: int, length: int, step: int) -> None:
    span = Span(DAY, first, first + length)
    halves = span.halves(step)
    if halves is None:
        assert length < step
        return
    one, other = halves
    assert (one.first, one.last + 1, other.last) == (span.first, other.first, span.last)
    assert one.first <= one.last
    assert other.first <= other.last
    # They are cut on the grid, and none is longer than the other by more than two steps.
    assert (other.first - span.first) % step == 0
    assert abs((one.last - one.first) - (other.last - other.first)) < 2 * step


@given(
    micros=moments,
    within=st.integers(0, 999),
    seconds=st.sampled_from([1, 5, 60, 300, 1800, 3600]),
    start=st.sampled_from([None, dt.time(4), dt.time(10, 7)]),
)
def test_the_grid_begins_with_the_hours_of_each_day(
    micros: int, within: int, seconds: int, start: dt.time | None
) -> None:
    micros += within
    step = seconds * 1_000_000
    floor, ceil = floor_to_grid(micros, seconds, start), ceil_to_grid(micros, seconds, start)
    assert floor <= micros <= ceil
    assert ceil - floor in ((0,) if floor == micros else (step,))
    day = dt.datetime.fromtimestamp(micros // 1_000_000, NEW_YORK).date()
    opening = instant(day, milliseconds_of(start or sessions.OPEN))
    assert (floor - opening) % step == 0
    assert floor_to_grid(floor, seconds, start) == ceil_to_grid(floor, seconds, start) == floor


def test_an_instant_before_the_hours_has_its_place_on_the_grid_too() -> None:
    assert floor_to_grid(at(DAY, "09:29:59.999"), 3600, None) == at(DAY, "08:30")
    assert ceil_to_grid(at(DAY, "09:29:59.999"), 3600, None) == at(DAY, "09:30")
    assert floor_to_grid(at(DAY, "10:29:59.999"), 3600, None) == at(DAY, "09:30")
