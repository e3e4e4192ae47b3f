"""What is asked of history for a live topic's past, and what is left of the answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.contracts import Contracts
from app.domain.hours import milliseconds_of
from app.domain.limits import Limits
from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.schema import RECORDS
from app.domain.series import SeriesName
from app.domain.spans import Span
from app.domain.times import micros_of
from app.errors import ProviderRefused, RequestTooLarge
from app.live.asking import as_streamed, past
from tests.unit.live.made import AUGUST, DAY, SEPTEMBER, Provider, call, packed, patiently, put, rows_of

TEN = milliseconds_of(dt.time(10))
STOCK = SeriesName("stock", "AAPL", "trade", None, None)
OPTION = SeriesName("option", "AAPL", "trade", None, None)
SPAN = Span(DAY, TEN, TEN + 999)
WIDE = Limits(wide=frozenset({"trade"}))
EXPIRATIONS = [AUGUST + dt.timedelta(weeks=i) for i in range(5)]


def time_at(ms: int) -> int:
    return micros_of(DAY) + ms * 1000


def nothing(series: SeriesName, chunk: Chunk) -> Rows:
    return Rows.none(series.record)


def asked(provider: Any, name: SeriesName = STOCK, span: Span = SPAN, members: Any = None) -> list[tuple[Span, Rows]]:
    return list(past(provider, name, span, members, patiently))


def stock_rows(every: list[int], most: int) -> Provider:
    """History with these times; it refuses to give more than ``most`` rows at once."""

    def answer(series: SeriesName, chunk: Chunk) -> Rows:
        assert chunk.start_time is not None
        assert chunk.end_time is not None
        first, last = milliseconds_of(chunk.start_time), milliseconds_of(chunk.end_time)
        found = [ms for ms in every if first <= ms <= last]
        if len(found) > most:
            raise RequestTooLarge("too many")
        return rows_of(series.record, [time_at(ms) for ms in found])

    return Provider(answer)


def test_a_stocks_span_is_one_request_for_the_feed_that_the_stream_carries() -> None:
    provider = Provider(nothing)
    ((span, rows),) = asked(provider)
    assert (span, len(rows)) == (SPAN, 0)
    assert provider.asked == [(STOCK, Chunk(DAY, DAY, 0, dt.time(10), dt.time(10, 0, 0, 999_000), as_streamed=True))]


@given(every=st.lists(st.integers(TEN, TEN + 999), max_size=40), most=st.integers(1, 10))
def test_what_is_too_large_is_asked_for_in_halves_and_comes_in_the_order_of_time(every: list[int], most: int) -> None:
    if max([every.count(ms) for ms in every], default=0) > most:
        with pytest.raises(RequestTooLarge):
            asked(stock_rows(every, most))
        return
    found = asked(stock_rows(every, most))
    assert (found[0][0].first, found[-1][0].last) == (SPAN.first, SPAN.last)
    for (one, _), (after, _) in zip(found, found[1:]):  # noqa: B905, RUF007
        assert one.last + 1 == after.first
    for span, rows in found:
        assert len(rows) <= most
        assert all(span.begin < stamp <= span.end for stamp in rows.timestamps.tolist())
    assert [stamp for _, rows in found for stamp in rows.timestamps.tolist()] == sorted(map(time_at, every))


def test_parts_are_asked_for_only_when_those_before_have_been_taken() -> None:
    provider = stock_rows([TEN, TEN + 600], 1)
    parts: Iterator[Any] = past(provider, STOCK, SPAN, None, patiently)  # type: ignore[arg-type]
    next(parts)
    assert len(provider.asked) == 2
    next(parts)
    assert len(provider.asked) == 3


def test_bars_are_cut_on_their_grid_and_no_further() -> None:
    asked_for: list[tuple[dt.time | None, dt.time | None]] = []

    def answer(series: SeriesName, chunk: Chunk) -> Rows:
        asked_for.append((chunk.start_time, chunk.end_time))
        if chunk.start_time == dt.time(9, 30) and chunk.end_time != dt.time(9, 34, 59, 999_000):
            raise RequestTooLarge("too many")
        return Rows.none(series.record)

    bars = SeriesName("stock", "AAPL", "ohlcv", "5m", None)
    span = Span(DAY, milliseconds_of(dt.time(9, 30)), milliseconds_of(dt.time(9, 44, 59)) + 999)
    found = asked(Provider(answer), bars, span)
    assert [(one.start_time, one.end_time) for one, _ in found] == [
        (dt.time(9, 30), dt.time(9, 34, 59, 999_000)),
        (dt.time(9, 35), dt.time(9, 44, 59, 999_000)),
    ]
    assert len(asked_for) == 3

    def never(series: SeriesName, chunk: Chunk) -> Rows:
        raise RequestTooLarge("too many")

    with pytest.raises(RequestTooLarge):
        asked(Provider(never), bars, span)


def test_other_errors_are_the_askers() -> None:
    def answer(series: SeriesName, chunk: Chunk) -> Rows:
        raise ProviderRefused("no")

    with pytest.raises(ProviderRefused):
        asked(Provider(answer))


def test_only_the_contracts_that_are_streamed_are_left_in_the_order_of_events() -> None:
    def answer(series: SeriesName, chunk: Chunk) -> Rows:
        # Contract by contract, as the provider answers.
        contracts = [call(190), call(190), call(200), put(190)]
        return rows_of(series.record, [time_at(TEN + 5), time_at(TEN + 9), time_at(TEN), time_at(TEN + 7)], contracts)

    ((_, rows),) = asked(Provider(answer), OPTION, members=packed(call(190), put(190)))
    assert rows.contracts is not None
    assert rows.contracts.tolist() == [call(190), put(190), call(190)]
    assert rows.timestamps.tolist() == [time_at(TEN + ms) for ms in (5, 7, 9)]


def test_a_few_strikes_of_an_expiration_are_asked_for_one_by_one() -> None:
    provider = Provider(nothing)
    asked(provider, OPTION, members=packed(call(190), put(190), call(200), put(200, SEPTEMBER)))
    assert [chunk.contracts for chunk in provider.chunks] == [
        Contracts((AUGUST,), (190_000,)),
        Contracts((AUGUST,), (200_000,)),
        Contracts((SEPTEMBER,), (200_000,)),
    ]
    assert all(chunk.as_streamed for chunk in provider.chunks)


def test_of_more_strikes_the_whole_expiration_is_asked_for() -> None:
    provider = Provider(nothing)
    asked(provider, OPTION, members=packed(*(call(strike) for strike in range(100, 105)), put(1, SEPTEMBER)))
    assert [chunk.contracts for chunk in provider.chunks] == [Contracts((AUGUST,)), Contracts((SEPTEMBER,), (1000,))]


@pytest.mark.parametrize(("limits", "requests"), [(WIDE, 1), (Limits(), 5)])
def test_many_expirations_are_one_request_where_the_provider_allows_it(limits: Limits, requests: int) -> None:
    provider = Provider(nothing, limits=limits)
    asked(provider, OPTION, members=packed(*(call(100, one) for one in EXPIRATIONS)))
    assert len(provider.asked) == requests
    if limits is WIDE:
        assert provider.chunks[0].contracts == Contracts()
    few = Provider(nothing, limits=limits)
    asked(few, OPTION, members=packed(*(call(100, one) for one in EXPIRATIONS[:4])))
    assert len(few.asked) == 4


def test_a_universe_without_contracts_asks_nothing_and_has_no_rows() -> None:
    for limits in (WIDE, Limits()):
        provider = Provider(nothing, limits=limits)
        ((span, rows),) = asked(provider, OPTION, members=packed())
        assert (span, len(rows)) == (SPAN, 0)
        assert provider.asked == []


def test_condition_codes_that_the_stream_does_not_carry_are_left_out() -> None:
    record = RECORDS["stock", "trade"]
    rows = rows_of(record, [1, 2], price=[1.5, 2.5], ext_conditions=[7, 8], condition=[3, 4])
    left = as_streamed(rows)
    assert left.columns["ext_conditions"].tolist() == [0, 0]
    assert left.columns["condition"].tolist() == [3, 4]
    assert left.columns["price"].tolist() == [1.5, 2.5]
    assert rows.columns["ext_conditions"].tolist() == [7, 8]
    provider = Provider(lambda series, chunk: rows)
    ((_, found),) = asked(provider)
    assert not np.any(found.columns["ext_conditions"])
