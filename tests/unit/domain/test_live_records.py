"""The records of the live side: what is written is read back as it was, and joining means the union."""

from __future__ import annotations

import datetime as dt

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.contracts import Contracts, from_occ_parts
from app.domain.live import Coverage, FeedState, Gap, Subscription, iso, micros
from app.domain.live_status import GAPS_TOLD, live_status
from app.domain.records import SeriesRecord

moments = st.integers(0, 4_102_444_800_000_000)
times = st.times().map(lambda time: time.replace(microsecond=0))
days = st.dates(dt.date(2025, 1, 1), dt.date(2025, 1, 6))
universes = st.builds(
    Contracts,
    expirations=st.sets(days, max_size=2).map(lambda found: tuple(sorted(found))),
    strikes=st.sets(st.sampled_from([1_000, 2_500, 99_999_999]), max_size=2).map(lambda found: tuple(sorted(found))),
    right=st.sampled_from(["both", "call", "put"]),
    max_dte=st.none() | st.integers(0, 3),
)
subscriptions = st.builds(
    Subscription,
    st.just("option-spxw-quote-live"),
    st.integers(0, 10),
    st.lists(universes, max_size=3).map(tuple),
    st.none() | moments,
    st.none() | times,
    st.none() | times,
)
coverages = st.builds(
    Coverage,
    run=st.integers(0, 2**53),
    state=st.sampled_from(["waiting", "live", "refused"]),
    since=st.none() | moments,
    until=st.none() | moments,
    last=st.none() | moments,
    rows=st.integers(0, 2**53),
    contracts=st.integers(0, 10_000),
    lag_ms=st.none() | st.floats(0, 1e6),
    reason=st.none() | st.just("INVALID_PERMS"),
    trims=st.dictionaries(days.map(str), st.integers(0, 2**53)),
)
gaps = st.builds(
    Gap,
    topic=st.just("stock-aapl-ohlcv1m-live"),
    run=st.integers(0, 2**53),
    id=st.text(min_size=1, max_size=5),
    begin=moments,
    end=moments,
    why=st.sampled_from(["socket", "upstream", "take_over", "overflow", "silent", "start"]),
    state=st.sampled_from(["open", "closed", "failed"]),
    repaired=st.none() | moments,
    offsets=st.none() | st.tuples(st.integers(0, 2**53), st.integers(0, 2**53)),
    bars=st.lists(st.fixed_dictionaries({"close": st.floats(0, 1e6)}), max_size=2).map(tuple),
    closed_at=st.none() | st.just("2025-01-01T00:00:00Z"),
)


@given(subscriptions)
def test_a_subscription_is_read_back_as_it_was(one: Subscription) -> None:
    assert Subscription.decode(one.topic, one.encode()) == one


@given(coverages)
def test_coverage_is_read_back_as_it_was(one: Coverage) -> None:
    assert Coverage.decode(one.encode()) == one


@given(gaps)
def test_a_gap_is_read_back_as_it_was(one: Gap) -> None:
    assert Gap.decode(one.encode()) == one


@given(st.builds(FeedState, st.text(), st.text(), st.none() | moments, st.none() | st.text(), st.integers(0, 2**53)))
def test_the_feed_is_read_back_as_it_was(one: FeedState) -> None:
    assert FeedState.decode(one.encode()) == one


@given(st.none() | moments)
def test_moments_are_told_to_the_microsecond(moment: int | None) -> None:
    assert micros(iso(moment)) == moment


def test_a_series_from_before_there_was_live_does_not_go_on() -> None:
    record = SeriesRecord("stock-a-trade-historical-b", 1, 1, 0, *[dt.date(2025, 1, 2)] * 2, "drop", None, None, None)
    body = orjson.loads(record.encode())
    assert body.pop("live") is False

    assert SeriesRecord.decode(record.topic, orjson.dumps(body)) == record


# --- joining ----------------------------------------------------------------------------------------------

_EVERY = [(day, right, strike) for day in range(6) for right in (0, 1) for strike in (1.0, 2.5, 99_999.999)]
_FIRST = (dt.date(2025, 1, 1) - dt.date(1970, 1, 1)).days
CONTRACTS = from_occ_parts(
    np.array([_FIRST + day for day, _, _ in _EVERY]),
    np.array([right for _, right, _ in _EVERY]),
    np.array([strike for *_, strike in _EVERY]),
)


def meant(filters: tuple[Contracts, ...]) -> set[tuple[int, int]]:
    """Every contract that some universes mean, on each of a few sessions."""
    found = set()
    for session in range(_FIRST, _FIRST + 6):
        for one in filters:
            keep = one.mask(CONTRACTS, np.full(len(CONTRACTS), session))
            found |= {(session, int(contract)) for contract in CONTRACTS[keep]}
    return found


@given(universes, universes)
def test_a_universe_covers_only_what_it_means_as_well(one: Contracts, other: Contracts) -> None:
    if one.covers(other):
        assert meant((other,)) <= meant((one,))


@given(universes)
def test_a_universe_covers_itself_and_the_whole_chain_covers_every_one(one: Contracts) -> None:
    assert one.covers(one)
    assert Contracts().covers(one)


def test_strikes_near_the_money_cover_fewer_of_them_and_no_named_ones() -> None:
    assert Contracts(strike_range=5).covers(Contracts(strike_range=3, right="put"))
    assert not Contracts(strike_range=5).covers(Contracts(strike_range=6))
    assert not Contracts(strike_range=5).covers(Contracts(strikes=(1_000,)))
    assert not Contracts(strikes=(1_000,)).covers(Contracts(strike_range=5))


@given(subscriptions, subscriptions)
def test_joined_is_the_union_in_the_run_of_the_first(one: Subscription, other: Subscription) -> None:
    both = one.joined(other)

    assert both.run == one.run
    assert meant(both.filters) == meant(one.filters) | meant(other.filters)
    assert both.start == min((start for start in (one.start, other.start) if start is not None), default=None)
    assert both.joined(other) == both


# --- what is told -----------------------------------------------------------------------------------------


def gap(number: int, state: str) -> Gap:
    return Gap("stock-a-trade-live", 3, str(number), number, number + 1, "socket", state)  # type: ignore[arg-type]


def test_a_topic_without_an_owner_is_waiting() -> None:
    found = live_status(Subscription("stock-a-trade-live", 3), None, None, [], 0)

    assert (found["state"], found["rows"], found["lag_ms"], found["feed"]) == ("waiting", 0, None, None)
    assert (found["symbol"], found["interval"], found["start_time"]) == ("A", None, "09:30:00")
    assert "universes" not in found


def test_a_refusal_is_told_in_the_vendors_words() -> None:
    coverage = Coverage(3, "refused", reason="INVALID_PERMS")
    found = live_status(Subscription("stock-a-quote-live", 3), coverage, FeedState("CONNECTED", ""), [], 0)

    assert (found["state"], found["reason"], found["feed"]) == ("refused", "INVALID_PERMS", "CONNECTED")
    assert found["interval"] == "tick"


def test_options_are_told_with_their_universes_and_how_many_contracts_these_are() -> None:
    one = Subscription("option-spxw-ohlcv5m-live", 3, (Contracts(max_dte=1), Contracts(right="put")))
    found = live_status(one, Coverage(3, "live", contracts=512), None, [], 0)

    assert (found["root"], found["contracts"], found["interval"]) == ("SPXW", 512, "5m")
    assert [universe["max_dte"] for universe in found["universes"]] == [1, None]


@pytest.mark.parametrize("count", [3, 2 * GAPS_TOLD])
def test_open_gaps_are_told_first_and_then_the_latest(count: int) -> None:
    every = [gap(n, "open" if n == 1 else "closed") for n in range(count)]
    found = live_status(Subscription("stock-a-trade-live", 3), None, None, every, 999)

    ids = [int(one["id"]) for one in found["gaps"]]
    assert ids == ([1, *(n for n in range(count - 1, -1, -1) if n != 1)])[:GAPS_TOLD]
    assert found["gaps_total"] == 999
