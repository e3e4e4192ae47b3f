"""Which contracts an option topic has in a session."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app.domain import sessions
from app.domain.contracts import Contracts
from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.series import SeriesName
from app.domain.times import micros_of
from app.live.universe import NotYet, needs_listing, session_of, universe
from tests.unit.live.made import AUGUST, DAY, SEPTEMBER, Provider, call, packed, patiently, put, rows_of
from tests.unit.live.owner import subscription

LISTED = packed(
    *(side(strike, expiration) for side in (call, put) for strike in (190, 200) for expiration in (AUGUST, SEPTEMBER))
)


def none_asked(series: SeriesName, chunk: Chunk) -> Rows:
    raise AssertionError("no rows are needed")


def quotes(*contracts: int) -> Any:
    """The provider's choice near the money, as quotes at the open."""

    def answer(series: SeriesName, chunk: Chunk) -> Rows:
        assert (series.schema, series.interval) == ("quote", "1h")
        assert (chunk.start, chunk.end, chunk.start_time, chunk.end_time) == (DAY, DAY, sessions.OPEN, sessions.OPEN)
        assert chunk.contracts is not None
        # It filters by the expiration that it was asked for, and by nothing else.
        wanted = [one for one in contracts if one in set(chosen(contracts, chunk.contracts))]
        return rows_of(series.record, [micros_of(DAY, sessions.OPEN)] * len(wanted), wanted)

    return answer


def chosen(contracts: tuple[int, ...], asked: Contracts) -> list[int]:
    days = [(day - dt.date(1970, 1, 1)).days for day in asked.expirations]
    return [one for one in contracts if not days or one >> 28 in days]


def found(provider: Provider, *filters: Contracts, date: dt.date = DAY) -> list[int]:
    sub = subscription("option-aapl-trade-live", filters=filters)
    contracts = universe(provider, sub, date, patiently)  # type: ignore[arg-type]
    assert contracts.tolist() == sorted(set(contracts.tolist()))
    return contracts.tolist()


def test_named_contracts_are_what_was_named_and_nobody_is_asked() -> None:
    provider = Provider(none_asked)
    named = Contracts((AUGUST, SEPTEMBER), (190_000,))
    assert found(provider, named) == sorted([call(190), put(190), call(190, SEPTEMBER), put(190, SEPTEMBER)])
    assert provider.listings == []
    assert not needs_listing(subscription("option-aapl-trade-live", filters=(named,)))


@pytest.mark.parametrize(("right", "contracts"), [("call", [call(190)]), ("put", [put(190)])])
def test_of_named_contracts_only_the_right_that_was_asked_for(right: Any, contracts: list[int]) -> None:
    assert found(Provider(none_asked), Contracts((AUGUST,), (190_000,), right)) == contracts


def test_named_contracts_that_have_expired_are_left_out() -> None:
    named = Contracts((AUGUST, SEPTEMBER), (190_000,), "call")
    assert found(Provider(none_asked), named, date=AUGUST) == [call(190), call(190, SEPTEMBER)]
    assert found(Provider(none_asked), named, date=AUGUST + dt.timedelta(days=1)) == [call(190, SEPTEMBER)]
    assert found(Provider(none_asked), named, date=dt.date(2025, 1, 2)) == []


def test_named_contracts_count_from_when_they_are_near_enough_to_expire() -> None:
    named = Contracts((AUGUST,), (190_000,), "call", max_dte=45)
    assert found(Provider(none_asked), named) == [call(190)]
    assert found(Provider(none_asked), Contracts((AUGUST,), (190_000,), "call", max_dte=44)) == []


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Contracts(), LISTED.tolist()),
        (Contracts((AUGUST,), right="put"), [put(190), put(200)]),
        (Contracts(strikes=(200_000,), right="call"), [call(200), call(200, SEPTEMBER)]),
        (Contracts(max_dte=45, right="call"), [call(190), call(200)]),
        (Contracts(max_dte=44), []),
        (Contracts(strikes=(195_000,)), []),
    ],
)
def test_a_universe_is_what_of_the_days_listing_it_means(filters: Contracts, expected: list[int]) -> None:
    provider = Provider(none_asked, LISTED)
    assert found(provider, filters) == expected
    assert provider.listings == [DAY]
    assert needs_listing(subscription("option-aapl-trade-live", filters=(filters,)))


def test_several_filters_mean_their_union() -> None:
    named = Contracts((dt.date(2024, 7, 19),), (150_000,), "call")
    expected = sorted([call(150, dt.date(2024, 7, 19)), put(190), put(200)])
    assert found(Provider(none_asked, LISTED), named, Contracts((AUGUST,), right="put"), named) == expected
    assert found(Provider(none_asked)) == []


def test_strikes_near_the_money_are_those_with_quotes_at_the_open() -> None:
    provider = Provider(quotes(call(190), call(190), put(190), call(195, SEPTEMBER)))
    assert found(provider, Contracts(strike_range=2)) == sorted([call(190), put(190), call(195, SEPTEMBER)])
    assert [chunk.contracts for chunk in provider.chunks] == [Contracts(strike_range=2)]


def test_near_the_money_each_expiration_is_asked_for_by_itself_and_those_that_are_over_are_not() -> None:
    provider = Provider(quotes(call(190), put(190), call(195, SEPTEMBER)))
    before = dt.date(2024, 6, 21)
    near = Contracts((before, AUGUST, SEPTEMBER), right="call", strike_range=3, max_dte=400)
    assert found(provider, near) == [call(190), call(195, SEPTEMBER)]
    assert [chunk.contracts for chunk in provider.chunks] == [
        Contracts((AUGUST,), right="call", strike_range=3),
        Contracts((SEPTEMBER,), right="call", strike_range=3),
    ]


def test_before_the_open_the_strikes_near_the_money_are_not_known_yet() -> None:
    with pytest.raises(NotYet, match="chosen at the open"):
        found(Provider(quotes()), Contracts(strike_range=2))
    # What asks again soon is told so.
    assert NotYet("x").retriable


def test_a_day_without_a_session_has_the_contracts_of_the_last_one() -> None:
    assert session_of(DAY) == DAY
    assert session_of(dt.date(2024, 7, 4)) == dt.date(2024, 7, 3)
    assert session_of(dt.date(2024, 7, 7)) == dt.date(2024, 7, 5)
