"""Plans: every session asked for once, in requests that the provider takes."""

from __future__ import annotations

import calendar
import dataclasses
import datetime as dt
import itertools

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import sessions
from app.domain.plan import ROW_BYTES, Chunk, Plan, largest_chunk, plan_series
from app.domain.schema import INTERVAL_SECONDS, Interval
from app.domain.series import SeriesName

SUB_MINUTE = [interval for interval, seconds in INTERVAL_SECONDS.items() if seconds < 60]
FROM_A_MINUTE = [interval for interval, seconds in INTERVAL_SECONDS.items() if seconds >= 60]


def name_of(interval: Interval | None) -> SeriesName:
    return SeriesName("stock", "AAPL", "eod" if interval is None else "ohlcv", interval, "1")


intervals = st.sampled_from([*INTERVAL_SECONDS, None])


@st.composite
def ranges(draw: st.DrawFn, longest: int = 800) -> tuple[dt.date, dt.date]:
    start = draw(st.dates(dt.date(2012, 1, 1), dt.date(2026, 12, 31)))
    return start, start + dt.timedelta(days=draw(st.integers(0, longest)))


def a_month_later(day: dt.date) -> dt.date:
    """The same day of the next month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def plan_of(interval: Interval | None, start: dt.date, end: dt.date) -> Plan:
    return plan_series(name_of(interval), start, end, None, None)


@given(intervals, ranges())
def test_the_chunks_cover_exactly_the_sessions_in_order_and_without_overlap(
    interval: Interval | None, over: tuple[dt.date, dt.date]
) -> None:
    chunks = plan_of(interval, *over).chunks

    covered = [found.date for chunk in chunks for found in sessions.sessions(chunk.start, chunk.end)]
    assert covered == [found.date for found in sessions.sessions(*over)]
    assert all(one.end < other.start for one, other in itertools.pairwise(chunks))


@given(intervals, ranges())
def test_no_chunk_begins_or_ends_on_a_closed_day_or_outside_the_range(
    interval: Interval | None, over: tuple[dt.date, dt.date]
) -> None:
    for chunk in plan_of(interval, *over).chunks:
        assert sessions.session(chunk.start) is not None
        assert sessions.session(chunk.end) is not None
        assert over[0] <= chunk.start <= chunk.end <= over[1]


@given(st.sampled_from(FROM_A_MINUTE), ranges())
def test_an_intraday_chunk_is_at_most_a_month_by_either_way_of_counting(
    interval: Interval, over: tuple[dt.date, dt.date]
) -> None:
    for chunk in plan_of(interval, *over).chunks:
        assert chunk.end < a_month_later(chunk.start)
        assert (chunk.end - chunk.start).days + 1 <= 31


@pytest.mark.parametrize("first", [dt.date(2023, 1, 31), dt.date(2024, 1, 31), dt.date(2024, 1, 30)])
def test_a_chunk_from_a_months_end_stays_within_the_shorter_month(first: dt.date) -> None:
    for chunk in plan_of("1m", first, first + dt.timedelta(days=90)).chunks:
        assert chunk.end < a_month_later(chunk.start)


@given(st.sampled_from(SUB_MINUTE), ranges(longest=60))
def test_an_interval_below_a_minute_is_asked_for_day_by_day(interval: Interval, over: tuple[dt.date, dt.date]) -> None:
    assert all(chunk.start == chunk.end for chunk in plan_of(interval, *over).chunks)


@given(ranges(longest=2_000))
def test_an_end_of_day_chunk_is_at_most_365_days_long(over: tuple[dt.date, dt.date]) -> None:
    for chunk in plan_of(None, *over).chunks:
        assert (chunk.end - chunk.start).days + 1 <= 365


@given(intervals, ranges(longest=200))
def test_as_few_chunks_as_the_providers_limits_allow(interval: Interval | None, over: tuple[dt.date, dt.date]) -> None:
    chunks = plan_of(interval, *over).chunks

    for one, other in itertools.pairwise(chunks):
        if interval is None:
            assert (other.start - one.start).days + 1 > 365
        elif interval in FROM_A_MINUTE:
            assert other.start >= a_month_later(one.start) - dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("interval", "start_time", "end_time", "rows"),
    [
        ("1m", None, None, 391),  # the grid has both ends
        ("5m", None, None, 79),
        ("1h", None, None, 7),
        ("1s", None, None, 23_401),
        (None, None, None, 1),
        ("1m", dt.time(9, 30), dt.time(9, 30), 1),
        ("1m", dt.time(4), dt.time(20), 961),
        ("1s", dt.time(9, 30, 1), dt.time(9, 30, 3), 3),
        ("1m", dt.time(15, 0, 0), None, 61),
    ],
)
def test_a_chunk_expects_the_providers_grid(
    interval: Interval | None, start_time: dt.time | None, end_time: dt.time | None, rows: int
) -> None:
    day = dt.date(2024, 1, 2)

    (chunk,) = plan_series(name_of(interval), day, day, start_time, end_time).chunks

    assert chunk == Chunk(day, day, rows)
    assert chunk.bytes == rows * ROW_BYTES


def test_a_range_without_a_session_has_an_empty_plan() -> None:
    assert plan_of("1m", dt.date(2024, 1, 6), dt.date(2024, 1, 7)).chunks == ()
    assert plan_of(None, dt.date(2024, 12, 25), dt.date(2024, 12, 25)).chunks == ()


def test_january_at_one_minute_is_one_request() -> None:
    (chunk,) = plan_of("1m", dt.date(2024, 1, 1), dt.date(2024, 1, 31)).chunks

    assert chunk == Chunk(dt.date(2024, 1, 2), dt.date(2024, 1, 31), 21 * 391)


@given(intervals, ranges(longest=400))
def test_a_plan_survives_json(interval: Interval | None, over: tuple[dt.date, dt.date]) -> None:
    plan = plan_of(interval, *over)

    again = Plan.from_json(orjson.loads(orjson.dumps(plan.as_json())))

    assert again == plan
    assert again.digest == plan.digest


@given(intervals, ranges(longest=400), st.data())
def test_the_digest_changes_with_every_part_of_the_plan(
    interval: Interval | None, over: tuple[dt.date, dt.date], data: st.DataObject
) -> None:
    plan = plan_of(interval, *over)
    assert plan.digest == plan_of(interval, *over).digest
    if not plan.chunks:
        return
    at = data.draw(st.integers(0, len(plan.chunks) - 1))
    chunk = plan.chunks[at]
    day = dt.timedelta(days=1)
    for other in (
        dataclasses.replace(chunk, rows=chunk.rows + 1),
        dataclasses.replace(chunk, start=chunk.start - day),
        dataclasses.replace(chunk, end=chunk.end + day),
    ):
        assert Plan((*plan.chunks[:at], other, *plan.chunks[at + 1 :])).digest != plan.digest
    assert Plan(plan.chunks[:-1]).digest != plan.digest


@pytest.mark.parametrize(
    ("interval", "start"),
    [
        ("1m", dt.date(2024, 2, 1)),  # February has fewer sessions than October
        ("1m", dt.date(2024, 1, 31)),  # a first chunk of four weeks
        ("1s", dt.date(2024, 2, 3)),  # a Saturday: the first window holds no weekday at all
    ],
)
def test_no_chunk_is_larger_than_what_was_foretold(interval: Interval, start: dt.date) -> None:
    foretold = largest_chunk(name_of(interval), None, None)

    assert all(chunk.bytes <= foretold for chunk in plan_of(interval, start, dt.date(2024, 12, 31)).chunks)


@given(intervals, st.dates(dt.date(2012, 1, 1), dt.date(2026, 12, 31)))
def test_chunks_of_any_range_are_not_larger_than_what_was_foretold(interval: Interval | None, start: dt.date) -> None:
    foretold = largest_chunk(name_of(interval), None, None)

    assert all(chunk.bytes <= foretold for chunk in plan_of(interval, start, start + dt.timedelta(days=500)).chunks)
