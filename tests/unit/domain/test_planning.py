"""Planning: every session asked for once, in requests that the provider takes, and in as few as they may be."""

from __future__ import annotations

import calendar
import datetime as dt
import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.domain import sessions
from app.domain.contracts import Contracts
from app.domain.hours import AskedHours, milliseconds_of
from app.domain.limits import UNLIMITED
from app.domain.listing import Listing, Need
from app.domain.plan import Chunk, Plan, Step
from app.domain.planning import largest_step, needs, plan_series
from app.domain.schema import INTERVAL_SECONDS, RECORDS, Asset, Interval, Schema
from app.domain.series import SeriesName
from app.domain.sizes import STEP_ROWS, step_bytes
from app.errors import RequestTooLarge
from app.theta.limits import THETA_LIMITS

DAY = dt.timedelta(days=1)
#: Schemas whose endpoint takes ``expiration=*``, by the vendor's OpenAPI file (parameter ``expiration``; the others
#: have ``expiration_no_star``).
ALL_AT_ONCE = {"quote", "trade", "trade_quote", "eod", "open_interest"}
FROM_A_MINUTE: list[Interval] = [interval for interval, seconds in INTERVAL_SECONDS.items() if seconds >= 60]
JAN_2, JAN_31 = dt.date(2024, 1, 2), dt.date(2024, 1, 31)


def series(asset: Asset, schema: Schema, interval: Interval | None) -> SeriesName:
    return SeriesName(asset, "AAPL", schema, interval, "1")


def days_of(start: dt.date, end: dt.date) -> list[dt.date]:
    return [session.date for session in sessions.sessions(start, end)]


def a_month_later(day: dt.date) -> dt.date:
    """The same day of the next month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class Asked:
    """What a plan is made for, and the chain that the provider lists."""

    name: SeriesName
    start: dt.date
    end: dt.date
    start_time: dt.time | None = None
    end_time: dt.time | None = None
    contracts: Contracts | None = None
    #: Expirations of the root and how many contracts each has.
    chain: tuple[tuple[dt.date, int], ...] = ()
    whole_days: bool = False

    @property
    def hours(self) -> AskedHours:
        return AskedHours(self.name, self.start_time, self.end_time)

    @property
    def needs(self) -> list[Need]:
        return needs(self.name, self.start, self.end, self.contracts, THETA_LIMITS)

    def listing(self, need: Need) -> Listing:
        if need.kind == "expirations":
            return {day: 0 for day, _ in self.chain}
        if need.kind == "strikes":
            return {day: count // 2 for day, count in self.chain if day == need.date}
        assert need.date is not None
        return {day: count for day, count in self.chain if day >= need.date}

    def plan(self) -> Plan:
        try:
            return plan_series(
                self.name,
                self.start,
                self.end,
                self.start_time,
                self.end_time,
                THETA_LIMITS,
                self.contracts,
                {need: self.listing(need) for need in self.needs},
                whole_days=self.whole_days,
            )
        except RequestTooLarge:
            # Refused as a whole; an example of its own says when.
            assume(False)
            raise

    def wanted(self, day: dt.date) -> set[dt.date | None]:
        """The expirations that are meant on a session; None stands for a stock, or for all where none are listed."""
        if self.contracts is None:
            return {None}
        if not self.contracts.expirations and not self.name.record.has_hours:
            return {None}
        among = self.contracts.expirations or tuple(day for day, _ in self.chain)
        longest = self.contracts.max_dte
        return {e for e in among if day <= e and (longest is None or (e - day).days <= longest)}


@st.composite
def hours(draw: st.DrawFn) -> tuple[dt.time | None, dt.time | None]:
    first, last = sorted([draw(st.integers(0, 86_399)), draw(st.integers(0, 86_399))])
    edges = [dt.time(one // 3600, one // 60 % 60, one % 60) for one in (first, last)]
    return draw(st.sampled_from([(None, None), (edges[0], edges[1])]))


@st.composite
def stock_requests(draw: st.DrawFn, longest: int = 400) -> Asked:
    record = draw(st.sampled_from([one for one in RECORDS.values() if one.asset == "stock"]))
    interval = draw(st.sampled_from([one for one in (*INTERVAL_SECONDS, None) if record.takes(one)]))
    start = draw(st.dates(dt.date(2012, 1, 1), dt.date(2026, 12, 31)))
    end = start + dt.timedelta(days=draw(st.integers(0, longest)))
    asked = Asked(series("stock", record.schema, interval), start, end)
    return (
        replace(asked, **dict(zip(("start_time", "end_time"), draw(hours()), strict=True)))
        if record.has_hours
        else asked
    )


@st.composite
def option_requests(draw: st.DrawFn, longest: int = 70) -> Asked:
    record = draw(st.sampled_from([one for one in RECORDS.values() if one.asset == "option"]))
    interval = draw(st.sampled_from([one for one in (*INTERVAL_SECONDS, None) if record.takes(one)]))
    start = draw(st.dates(dt.date(2012, 1, 1), dt.date(2026, 12, 31)))
    end = start + dt.timedelta(days=draw(st.integers(0, longest)))
    near = st.dates(start - 5 * DAY, end + 40 * DAY)
    narrowed = draw(st.sampled_from(["", "strikes", "strike_range"]))
    contracts = Contracts(
        expirations=tuple(sorted(draw(st.sets(near, max_size=6)))) if draw(st.booleans()) else (),
        strikes=tuple(sorted(draw(st.sets(st.integers(1, 9_000_000), min_size=1, max_size=3))))
        if narrowed == "strikes"
        else (),
        right=draw(st.sampled_from(["both", "call", "put"])),
        max_dte=draw(st.none() | st.integers(0, 30)),
        strike_range=draw(st.integers(0, 40)) if narrowed == "strike_range" else None,
    )
    chain = draw(st.dictionaries(near, st.integers(1, 900), max_size=25))
    asked = Asked(
        series("option", record.schema, interval),
        start,
        end,
        contracts=contracts,
        chain=tuple(sorted(chain.items())),
        whole_days=record.schema == "ohlcv" and draw(st.booleans()),
    )
    return (
        replace(asked, **dict(zip(("start_time", "end_time"), draw(hours()), strict=True)))
        if record.has_hours
        else asked
    )


requests = st.one_of(stock_requests(), option_requests(), option_requests())


def window(chunk: Chunk, asked: Asked) -> tuple[int, int]:
    found = AskedHours(asked.name, chunk.start_time, chunk.end_time)
    return found.begin, found.stop


def covers(chunk: Chunk, expiration: dt.date | None, strike: int | None) -> bool:
    """Whether a chunk brings an expiration's contracts, of a strike if one is named."""
    if chunk.contracts is None:
        return True
    return chunk.contracts.expirations in ((), (expiration,)) and chunk.contracts.strikes in ((), (strike,))


# --- properties -------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(requests)
def test_what_is_wanted_is_covered_exactly_once_without_gaps_or_overlaps(asked: Asked) -> None:
    plan = asked.plan()

    for day in days_of(asked.start, asked.end):
        today = [chunk for chunk in plan.chunks if chunk.start <= day <= chunk.end]
        strikes = (asked.contracts.strikes if asked.contracts else ()) or (None,)
        for expiration, strike in itertools.product(asked.wanted(day), strikes):
            found = [window(chunk, asked) for chunk in today if covers(chunk, expiration, strike)]
            assert found, f"nothing brings {expiration} {strike} on {day}"
            assert (found[0][0], found[-1][1]) == (asked.hours.begin, asked.hours.stop)
            assert all(other[0] == one[1] + 1 for one, other in itertools.pairwise(found))


@settings(max_examples=150)
@given(option_requests())
def test_nothing_is_asked_for_that_is_not_wanted(asked: Asked) -> None:
    for chunk in asked.plan().chunks:
        assert chunk.contracts is not None
        for day in days_of(chunk.start, chunk.end):
            wanted = asked.wanted(day)
            assert wanted
            assert not chunk.contracts.expirations or set(chunk.contracts.expirations) <= wanted


@settings(max_examples=150)
@given(requests)
def test_steps_are_in_the_order_of_time_and_meet_within_a_day(asked: Asked) -> None:
    steps = asked.plan().steps

    for step in steps:
        assert step.chunks
        edges = {window(chunk, asked) for chunk in step.chunks}
        assert len(edges) == 1
        assert edges == {(asked.hours.begin, asked.hours.stop)} or step.start == step.end
    for one, other in itertools.pairwise(steps):
        if one.end < other.start:
            continue
        assert one.start == one.end == other.start == other.end
        (first,), (second,) = ({window(chunk, asked) for chunk in step.chunks} for step in (one, other))
        assert second[0] == first[1] + 1
        if asked.hours.grid:
            assert (second[0] - asked.hours.begin) % asked.hours.grid == 0


@settings(max_examples=150)
@given(requests)
def test_no_chunk_begins_or_ends_on_a_closed_day_or_outside_the_range(asked: Asked) -> None:
    for chunk in asked.plan().chunks:
        assert sessions.session(chunk.start) is not None
        assert sessions.session(chunk.end) is not None
        assert asked.start <= chunk.start <= chunk.end <= asked.end


@settings(max_examples=200)
@given(requests)
def test_no_chunk_breaks_the_providers_rules(asked: Asked) -> None:
    name = asked.name
    for chunk in asked.plan().chunks:
        length = (chunk.end - chunk.start).days + 1
        assert length <= 365
        if name.record.has_hours:
            assert chunk.end < a_month_later(chunk.start)
            assert length <= 31
        if name.interval is not None and INTERVAL_SECONDS[name.interval] < 60:
            assert length == 1
        if name.interval is None and name.record.ticks:
            assert length == 1
        if chunk.contracts is not None:
            assert len(chunk.contracts.expirations) == 1 or length == 1
            assert len(chunk.contracts.expirations) == 1 or name.schema in ALL_AT_ONCE
            assert len(chunk.contracts.strikes) <= 1
            # The provider ignores what it does not know, and so what is asked for would not be what comes.
            assert chunk.contracts.max_dte is None or name.schema in THETA_LIMITS.max_dte
            # The strikes around the money are those of a day.
            assert chunk.contracts.strike_range is None or length == 1


@settings(max_examples=150)
@given(requests)
def test_filters_of_the_request_are_the_providers_business_where_it_can_do_them(asked: Asked) -> None:
    assume(asked.contracts is not None)
    assert asked.contracts is not None
    for chunk in asked.plan().chunks:
        assert chunk.contracts is not None
        assert chunk.contracts.right == asked.contracts.right
        assert chunk.contracts.strike_range == asked.contracts.strike_range
        assert set(chunk.contracts.strikes) <= set(asked.contracts.strikes)
        if not chunk.contracts.expirations and asked.name.schema in THETA_LIMITS.max_dte:
            assert chunk.contracts.max_dte == asked.contracts.max_dte


@settings(max_examples=200)
@given(requests)
def test_a_step_is_planned_with_no_more_rows_than_are_held_at_once(asked: Asked) -> None:
    for step in asked.plan().steps:
        if step.start == step.end and (asked.whole_days or not asked.name.record.has_hours):
            continue
        begin, stop = window(step.chunks[0], asked)
        if step.start == step.end and stop - begin < max(asked.hours.grid, 1000):
            continue
        # Each chunk's share of a window is rounded up.
        assert step.rows <= STEP_ROWS + len(step.chunks)


@settings(max_examples=100)
@given(requests)
def test_a_session_is_not_cut_where_filled_bars_need_it_whole(asked: Asked) -> None:
    asked = replace(asked, whole_days=True)

    if asked.contracts is not None:
        assert all(window(chunk, asked) == (asked.hours.begin, asked.hours.stop) for chunk in asked.plan().chunks)


@settings(max_examples=60)
@given(requests)
def test_the_same_request_has_the_same_plan(asked: Asked) -> None:
    assert asked.plan() == asked.plan()
    assert asked.plan().digest == asked.plan().digest


@settings(max_examples=60)
@given(stock_requests(longest=200))
def test_a_stock_has_as_few_chunks_as_limits_and_size_allow(asked: Asked) -> None:
    per_day = asked.hours.points
    for one, other in itertools.pairwise(asked.plan().chunks):
        if asked.name.interval in FROM_A_MINUTE and per_day * 23 <= STEP_ROWS:
            assert other.start >= a_month_later(one.start) - DAY
        if asked.name.schema == "eod":
            assert (other.start - one.start).days + 1 > 365


@settings(max_examples=100)
@given(stock_requests(), st.booleans())
def test_no_step_of_a_stock_is_larger_than_what_was_foretold(asked: Asked, unlimited: bool) -> None:
    limits = THETA_LIMITS if not unlimited or asked.name.schema == "eod" else replace(UNLIMITED, intraday_months=1)
    foretold = largest_step(asked.name, asked.start_time, asked.end_time)
    plan = plan_series(asked.name, asked.start, asked.end, asked.start_time, asked.end_time, limits)

    assert all(step_bytes(asked.name, step.rows) <= foretold for step in plan.steps)


@settings(max_examples=100)
@given(option_requests())
def test_every_listing_that_a_plan_wants_is_wanted_once_and_only_where_it_helps(asked: Asked) -> None:
    wanted = asked.needs

    assert len(set(wanted)) == len(wanted)
    if not asked.name.record.has_hours:
        assert wanted == []
    for need in wanted:
        if need.kind == "contracts":
            assert need.date is not None
            assert sessions.session(need.date) is not None
        if need.kind == "strikes":
            assert any(need.date in asked.wanted(day) for day in sessions.days(asked.start, asked.end))


# --- stocks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [dt.date(2023, 1, 31), dt.date(2024, 1, 31), dt.date(2024, 1, 30)])
def test_a_chunk_from_a_months_end_stays_within_the_shorter_month(first: dt.date) -> None:
    for chunk in Asked(series("stock", "ohlcv", "1m"), first, first + 90 * DAY).plan().chunks:
        assert chunk.end < a_month_later(chunk.start)


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
    name = series("stock", "ohlcv" if interval else "eod", interval)

    (chunk,) = Asked(name, JAN_2, JAN_2, start_time, end_time).plan().chunks

    assert chunk == Chunk(JAN_2, JAN_2, rows, start_time, end_time)


@pytest.mark.parametrize("schema", ["ohlcv", "eod"])
def test_a_range_without_a_session_has_an_empty_plan(schema: Schema) -> None:
    name = series("stock", schema, "1m" if schema == "ohlcv" else None)

    assert Asked(name, dt.date(2024, 1, 6), dt.date(2024, 1, 7)).plan().steps == ()
    assert Asked(name, dt.date(2024, 12, 25), dt.date(2024, 12, 25)).plan().steps == ()


def test_january_at_one_minute_is_one_request() -> None:
    (chunk,) = Asked(series("stock", "ohlcv", "1m"), dt.date(2024, 1, 1), JAN_31).plan().chunks

    assert chunk == Chunk(JAN_2, JAN_31, 21 * 391)


@pytest.mark.parametrize(
    ("schema", "interval", "end", "count"),
    [
        pytest.param("ohlcv", "1m", JAN_31, 1, id="a month of minutes"),
        pytest.param("ohlcv", "1s", dt.date(2024, 1, 30), 20, id="20 sessions of seconds"),
        pytest.param("quote", "1m", JAN_31, 1, id="a month of quotes by the minute"),
        pytest.param("quote", None, JAN_31, 21, id="quotes, tick by tick"),
        pytest.param("trade", None, JAN_31, 21, id="trades"),
        pytest.param("eod", None, dt.date(2024, 12, 31), 1, id="a year of reports"),
        pytest.param("eod", None, dt.date(2025, 1, 2), 2, id="a year and two days of reports"),
        pytest.param("ohlcv", "1h", dt.date(2024, 12, 31), 12, id="a year of hours"),
    ],
)
def test_a_stock_makes_so_many_requests(schema: Schema, interval: Interval | None, end: dt.date, count: int) -> None:
    assert len(Asked(series("stock", schema, interval), JAN_2, end).plan().chunks) == count


# --- options ----------------------------------------------------------------------------------------------

#: Every weekday from January to March, 300 contracts each: a chain as SPXW has it.
DAILIES = tuple((day, 300) for day in days_of(JAN_2, dt.date(2024, 3, 29)))
JAN_30 = dt.date(2024, 1, 30)


def option(schema: Schema, interval: Interval | None, contracts: Contracts, **changes: object) -> Asked:
    name = series("option", schema, interval)
    return replace(Asked(name, JAN_2, JAN_30, contracts=contracts, chain=DAILIES), **changes)  # type: ignore[arg-type]


def test_quotes_of_the_next_days_around_the_money_are_one_request_a_session_and_one_listing() -> None:
    contracts = Contracts(max_dte=7, strike_range=5)
    asked = option("quote", "1m", contracts)

    assert asked.needs == [Need("expirations")]
    assert [chunk.start for chunk in asked.plan().chunks] == days_of(JAN_2, JAN_30)
    assert {chunk.contracts for chunk in asked.plan().chunks} == {contracts}
    assert len(asked.plan().steps) == 20


def test_trades_of_one_expiration_over_a_month_are_a_few_requests_and_one_listing() -> None:
    expiration = dt.date(2024, 3, 15)
    asked = option("trade", None, Contracts(expirations=(expiration,)), end=JAN_31)

    assert asked.needs == [Need("strikes", expiration)]
    assert 1 <= len(asked.plan().chunks) <= 3
    assert {chunk.contracts for chunk in asked.plan().chunks} == {Contracts(expirations=(expiration,))}


def test_one_contract_over_a_month_is_one_request_and_no_listing() -> None:
    contracts = Contracts((dt.date(2024, 3, 15),), (4_700_000,), "call")
    asked = option("ohlcv", "1m", contracts, end=JAN_31)

    assert asked.needs == []
    (chunk,) = asked.plan().chunks
    assert chunk == Chunk(JAN_2, JAN_31, 21 * 391, contracts=contracts)


@pytest.mark.parametrize("schema", ["quote", "greeks", "implied_volatility"])
def test_every_quote_of_a_contract_is_asked_for_day_by_day(schema: Schema) -> None:
    asked = option(schema, None, Contracts((dt.date(2024, 3, 15),), (4_700_000,), "call"))

    assert [(chunk.start, chunk.end) for chunk in asked.plan().chunks] == [(day, day) for day in days_of(JAN_2, JAN_30)]


def test_a_year_of_reports_of_an_expiration_is_one_request() -> None:
    expiration = dt.date(2024, 12, 20)
    asked = option("eod", None, Contracts(expirations=(expiration,)), end=dt.date(2024, 12, 31))

    assert asked.needs == []
    (chunk,) = asked.plan().chunks
    assert (chunk.start, chunk.end) == (JAN_2, expiration)


def test_reports_of_a_chain_are_one_request_a_session() -> None:
    for contracts in (Contracts(), Contracts(max_dte=7), Contracts(strike_range=5), Contracts(strikes=(4_700_000,))):
        chunks = option("open_interest", None, contracts).plan().chunks
        assert [(chunk.start, chunk.end) for chunk in chunks] == [(day, day) for day in days_of(JAN_2, JAN_30)]
        assert {chunk.contracts for chunk in chunks} == {contracts}


def test_bars_of_few_of_many_expirations_are_asked_for_one_by_one() -> None:
    asked = option("ohlcv", "1m", Contracts(max_dte=1), end=JAN_2)

    assert asked.needs == [Need("contracts", JAN_2)]
    (step,) = asked.plan().steps
    assert [chunk.contracts for chunk in step.chunks] == [Contracts(expirations=(JAN_2 + i * DAY,)) for i in range(2)]


def test_bars_are_asked_for_expiration_by_expiration_however_many_there_are() -> None:
    """The vendor's OpenAPI file has no `*` for bars and greeks."""
    small = tuple((day, 10) for day, _ in DAILIES[:30])
    for schema in ("ohlcv", "greeks", "implied_volatility"):
        chunks = option(schema, "1m", Contracts(), end=JAN_2, chain=small).plan().chunks
        assert [chunk.contracts for chunk in chunks] == [Contracts(expirations=(day,)) for day, _ in small]


def test_expirations_that_are_named_are_asked_for_by_name_however_many_they_are() -> None:
    """What else there is beside them is not known, and may be a hundred times as much."""
    days = tuple(day for day, _ in DAILIES[:60])
    asked = option("trade", None, Contracts(expirations=days), end=JAN_2, chain=tuple((day, 10) for day in days))

    assert [chunk.contracts for chunk in asked.plan().chunks] == [Contracts((day,)) for day in days]


def test_a_series_of_more_requests_than_can_be_carried_out_is_refused() -> None:
    ten_years = series("option", "quote", "1s")
    with pytest.raises(RequestTooLarge, match=r"more than 20,000 requests .* a shorter range"):
        plan_series(ten_years, dt.date(2014, 1, 2), dt.date(2023, 12, 29), None, None, THETA_LIMITS, Contracts())


def test_bars_that_are_filled_and_do_not_fit_are_refused_before_anything_is_asked() -> None:
    bars = series("option", "ohlcv", "1s")
    with pytest.raises(RequestTooLarge, match="empty_bars drop"):
        plan_series(bars, JAN_2, JAN_2, None, None, THETA_LIMITS, Contracts(), whole_days=True)


def test_a_day_of_a_whole_chain_is_cut_by_time() -> None:
    asked = option("ohlcv", "1m", Contracts(), end=JAN_2, chain=((JAN_2, 3_000),))

    steps = asked.plan().steps
    # 1,173,000 rows.
    assert len(steps) == 5
    assert steps[0].chunks[0].start_time == dt.time(9, 30)
    assert steps[-1].chunks[0].end_time == dt.time(16)
    for one, other in itertools.pairwise(steps):
        end, begin = one.chunks[0].end_time, other.chunks[0].start_time
        assert end is not None
        assert begin is not None
        assert milliseconds_of(begin) == milliseconds_of(end) + 1
        assert begin.second == begin.microsecond == 0


def test_one_side_of_a_chain_is_half_of_what_is_listed() -> None:
    for contracts in (Contracts(right="call"), Contracts(right="put", max_dte=0)):
        asked = option("ohlcv", "1m", contracts, end=JAN_2, chain=((JAN_2, 100),))
        assert [chunk.rows for chunk in asked.plan().chunks] == [50 * 391]


def test_an_expiration_is_not_asked_for_after_its_day_or_before_its_time() -> None:
    expiration = dt.date(2024, 1, 19)
    asked = option("quote", "5m", Contracts(expirations=(expiration,), max_dte=7))

    chunks = asked.plan().chunks
    assert (chunks[0].start, chunks[-1].end) == (dt.date(2024, 1, 12), expiration)


def test_a_chain_of_which_nothing_is_listed_is_not_asked_for() -> None:
    assert option("trade", None, Contracts(), chain=()).plan().steps == ()
    assert option("quote", "1m", Contracts(max_dte=7, strike_range=5), chain=()).plan().steps == ()


def test_several_strikes_are_a_request_each_or_one_for_the_whole_expiration_whichever_asks_less() -> None:
    """The provider takes one strike or all: what comes is what has to fit."""
    expiration = dt.date(2024, 3, 15)
    few = tuple(range(4_700_000, 4_703_000, 1_000))
    many = tuple(range(4_700_000, 4_900_000, 1_000))

    assert [c.rows for c in option("ohlcv", "1m", Contracts((expiration,), few[:1]), end=JAN_2).plan().chunks] == [782]
    apart = option("ohlcv", "1m", Contracts((expiration,), few), end=JAN_2).plan()
    assert [(c.contracts, c.rows) for c in apart.chunks] == [(Contracts((expiration,), (s,)), 782) for s in few]
    assert len(apart.steps) == 1
    (together,) = option("ohlcv", "1m", Contracts((expiration,), many), end=JAN_2).plan().chunks
    assert together.contracts == Contracts((expiration,))
    assert together.rows >= 100 * 391


def test_a_series_is_planned_without_listings_for_an_estimate() -> None:
    for record in RECORDS.values():
        if record.asset == "option":
            name = series("option", record.schema, record.default_interval)
            for contracts in (Contracts(), Contracts(max_dte=3), Contracts(strike_range=3)):
                plan = plan_series(name, JAN_2, JAN_30, None, None, THETA_LIMITS, contracts)
                assert {step.start for step in plan.steps} == set(days_of(JAN_2, JAN_30))


def test_a_steps_edges_are_those_of_its_chunks() -> None:
    step = Step((Chunk(JAN_2, JAN_30, 5), Chunk(JAN_2 + DAY, JAN_31, 7)))

    assert (step.start, step.end, step.rows) == (JAN_2, JAN_31, 12)
