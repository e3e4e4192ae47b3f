"""The exchange calendar, held against a second source: ``exchange_calendars``."""

from __future__ import annotations

import datetime as dt

import exchange_calendars
import pytest

from app.domain import sessions

FIRST, LAST = dt.date(2012, 1, 1), dt.date(2027, 12, 31)
NEW_YORK = sessions.NEW_YORK
#: The second source is built on pandas, and not yet on its next version.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values")


@pytest.fixture(scope="module")
def second_source() -> dict[dt.date, tuple[dt.datetime, dt.datetime]]:
    """Open and close of every session, in UTC."""
    calendar = exchange_calendars.get_calendar("XNYS", start=FIRST.isoformat(), end=LAST.isoformat())
    return {
        label.date(): (row["open"].to_pydatetime(), row["close"].to_pydatetime())
        for label, row in calendar.schedule.iterrows()
    }


def test_sessions_opens_and_closes_are_those_of_the_exchange(
    second_source: dict[dt.date, tuple[dt.datetime, dt.datetime]],
) -> None:
    ours = {
        found.date: (dt.datetime.combine(found.date, found.open, NEW_YORK).astimezone(dt.UTC), found.closed_at)
        for found in sessions.sessions(FIRST, LAST)
    }

    assert ours == second_source


def test_early_closes_are_those_of_the_exchange(
    second_source: dict[dt.date, tuple[dt.datetime, dt.datetime]],
) -> None:
    early = {day for day, (_, close) in second_source.items() if close.astimezone(NEW_YORK).time() < dt.time(16)}

    assert len(early) > 25
    assert {found.date for found in sessions.sessions(FIRST, LAST) if found.early} == early


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2012-10-29", "full_close"),  # Hurricane Sandy
        ("2018-12-05", "full_close"),  # a day of mourning
        ("2025-01-09", "full_close"),  # a day of mourning
        ("2022-06-20", "full_close"),  # the first Juneteenth observed
        ("2021-12-31", "open"),  # New Year on a Saturday is not made up for
        ("2024-07-03", "early_close"),
        ("2024-11-29", "early_close"),
        ("2024-12-24", "early_close"),
        ("2024-03-29", "full_close"),  # Good Friday
        ("2024-01-06", "weekend"),
        ("2024-01-07", "weekend"),
        ("2024-01-02", "open"),
    ],
)
def test_days_are_called_as_the_provider_calls_them(day: str, kind: str) -> None:
    assert sessions.day_type(dt.date.fromisoformat(day)) == kind


def test_a_half_day_closes_at_one_in_new_york() -> None:
    found = sessions.session(dt.date(2024, 7, 3))

    assert found == sessions.Session(dt.date(2024, 7, 3), dt.time(9, 30), dt.time(13))
    assert found.early
    assert found.closed_at == dt.datetime(2024, 7, 3, 17, tzinfo=dt.UTC)


def test_a_closed_day_has_no_session() -> None:
    assert sessions.session(dt.date(2024, 7, 4)) is None
    assert sessions.sessions(dt.date(2024, 7, 6), dt.date(2024, 7, 7)) == []


def test_a_range_includes_both_ends_and_may_be_empty() -> None:
    monday, friday = dt.date(2024, 1, 8), dt.date(2024, 1, 12)

    assert [found.date.day for found in sessions.sessions(monday, friday)] == [8, 9, 10, 11, 12]
    assert list(sessions.days(monday, monday)) == [monday]
    assert list(sessions.days(friday, monday)) == []


def test_weekdays_include_holidays_but_no_weekend() -> None:
    assert [day.day for day in sessions.weekdays(dt.date(2024, 7, 3), dt.date(2024, 7, 9))] == [3, 4, 5, 8, 9]


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2024-01-02T20:59:59.999999+00:00", "2023-12-29"),
        ("2024-01-02T21:00:00+00:00", "2024-01-02"),  # winter: the close is at 21:00 UTC
        ("2024-07-02T19:59:59+00:00", "2024-07-01"),
        ("2024-07-02T20:00:00+00:00", "2024-07-02"),  # summer: at 20:00 UTC
        ("2024-07-03T16:59:59+00:00", "2024-07-02"),
        ("2024-07-03T17:00:00+00:00", "2024-07-03"),  # a half-day
        ("2024-07-04T23:00:00+00:00", "2024-07-03"),  # a holiday
        ("2024-01-06T12:00:00+00:00", "2024-01-05"),  # a Saturday
        ("2024-01-08T14:00:00+00:00", "2024-01-05"),  # Monday before the open
        ("2024-03-11T19:59:59+00:00", "2024-03-08"),  # the first Monday of summer time
        ("2024-03-11T20:00:00+00:00", "2024-03-11"),
        ("2024-11-04T20:59:59+00:00", "2024-11-01"),  # the first Monday of winter time
        ("2024-11-04T21:00:00+00:00", "2024-11-04"),
        ("2024-01-04T02:00:00+00:00", "2024-01-03"),  # the UTC date is already the next
        ("2024-01-03T06:00:00+09:00", "2024-01-02"),  # another zone, the same instant as 21:00 UTC
    ],
)
def test_the_last_closed_session_is_the_one_whose_close_has_passed(now: str, last: str) -> None:
    assert sessions.last_closed(dt.datetime.fromisoformat(now)).date == dt.date.fromisoformat(last)
