"""Which rows are asked for."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.contracts import occ_symbol, pack
from app.domain.series import SeriesName
from app.errors import InvalidRequest
from app.kafka.pages import search
from app.rows.selection import select

STOCK = SeriesName("stock", "AAPL", "ohlcv", "1m", "x")
OPTION = SeriesName("option", "SPXW", "quote", "1m", "x")


def micros(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("start", "end", "begin", "until"),
    [
        # A session date is New York's, from midnight to midnight, also on the day on which the clocks change.
        ("2024-01-02", "2024-01-02", "2024-01-02T05:00:00Z", "2024-01-03T05:00:00Z"),
        ("2024-03-10", "2024-03-10", "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z"),
    ],
)
def test_session_dates_are_whole_days_in_new_york(start: str, end: str, begin: str, until: str) -> None:
    found = select(STOCK, start=start, end=end)
    assert (found.begin, found.end) == (micros(begin), micros(until) - 1)


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-02T14:30:00Z",
        "2024-01-02T09:30:00-05:00",
        "2024-01-02T14:30:00+00:00",
        "2024-01-02T14:30:00 00:00",
    ],
)
def test_instants_say_their_zone_even_when_a_url_took_the_plus(text: str) -> None:
    assert select(STOCK, start=text).begin == micros("2024-01-02T14:30:00Z")


def test_an_instant_is_exact_to_the_microsecond() -> None:
    assert select(STOCK, end="2024-01-02T14:30:00.000001Z").end == micros("2024-01-02T14:30:00Z") + 1
    assert select(STOCK, start="1969-12-31T23:59:59.999999Z").begin == -1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"start": "2024-01-02T09:30:00"}, "start"),
        ({"start": "2024-02-30"}, "start"),
        ({"end": "soon"}, "end"),
        ({"end": "9999-12-31"}, "end"),
        ({"start": "2024-01-03", "end": "2024-01-02"}, "end"),
        ({"columns": ["close", "vwap"]}, "columns"),
        ({"columns": []}, "columns"),
        ({"contracts": ["SPXW240315C04800000"]}, "contract"),
    ],
)
def test_what_means_nothing_is_named(given: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        select(STOCK, **given)  # type: ignore[arg-type]
    assert [problem.field for problem in raised.value.problems] == [field]


def test_unknown_columns_are_told_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest) as raised:
        select(STOCK, columns=["price"])
    (problem,) = raised.value.problems
    assert problem.allowed is not None
    assert {"close", "_offset"} <= set(problem.allowed)
    assert select(STOCK, columns=["close", "_offset", "close"]).columns == ("close", "_offset")


@given(st.dates(dt.date(2012, 1, 1), dt.date(2060, 12, 31)), st.booleans(), st.integers(0, 99_999_999), st.booleans())
def test_contracts_are_read_with_and_without_the_spaces(day: dt.date, put: bool, strike: int, spaces: bool) -> None:
    packed = pack(day, put, strike)
    symbol = occ_symbol("SPXW", packed)
    found = select(OPTION, contracts=[symbol if spaces else symbol.replace(" ", "").lower()])
    assert found.contracts == {packed}


@pytest.mark.parametrize("text", ["SPX240315C04800000", "SPXW240230C04800000", "SPXW", "SPXW240315X04800000", ""])
def test_what_is_no_contract_of_the_series_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="contract"):
        select(OPTION, contracts=[text])


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=60),
    st.integers(-1, 100),
    st.integers(1, 8),
)
def test_the_search_never_passes_a_row_and_ends_near_the_first(
    steps: list[tuple[int, int]], begin: int, near: int
) -> None:
    """Offsets with holes, as markers and aborted rows leave them; times that stand still or grow."""
    rows, offset, time = [], -1, 0
    for hole, pause in steps:
        offset, time = offset + hole, time + pause
        rows.append((offset, time))
    end = offset + 1

    def probe(low: int, high: int) -> tuple[int, int] | None:
        return next(((at, when) for at, when in rows if low <= at < high), None)

    found = search(probe, begin, 0, end, near)
    before = [when for at, when in rows if at < found]
    assert all(when < begin for when in before)
    needless = [when for at, when in rows if at >= found and when < begin]
    assert len(needless) <= near
