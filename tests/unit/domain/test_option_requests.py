"""Requests for options: which contracts are meant, in one spelling, and what a wrong filter is told."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import sessions
from app.domain.checking import parse_request
from app.domain.contract_filter import MOST_NAMED
from app.domain.contracts import Contracts
from app.domain.request import Backtest
from app.domain.schema import RECORDS, TICK, schemas_of
from app.domain.short_form import expand_short_form
from app.errors import InvalidRequest

NOW = dt.datetime(2025, 6, 3, 12, tzinfo=dt.UTC)
JsonObject = dict[str, Any]


def body(entry: JsonObject | None = None, **contracts: Any) -> JsonObject:
    """A request for quotes of SPXW with these contracts; ``...`` in ``entry`` takes a field away."""
    whole = {"asset": "option", "root": "SPXW", "schema": "quote", "contracts": contracts, **(entry or {})}
    series = {name: value for name, value in whole.items() if value is not ...}
    return {"backtest_id": "spring", "start": "2024-01-02", "end": "2024-01-31", "series": [series]}


def parse(message: JsonObject) -> Backtest:
    return parse_request(message, NOW)


def contracts_of(message: JsonObject) -> Contracts | None:
    return parse(message).series[0].contracts


def wrong_fields(message: JsonObject) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        parse(message)
    assert all(problem.message for problem in caught.value.problems)
    return [problem.field for problem in caught.value.problems]


# --- what comes out ---------------------------------------------------------------------------------------


def test_a_filter_becomes_its_contracts() -> None:
    message = body(expirations=["2024-03-15", "2024-02-16"], strikes=[4800, 4700.5], right="put", max_dte=45)

    assert contracts_of(message) == Contracts(
        (dt.date(2024, 2, 16), dt.date(2024, 3, 15)), (4_700_500, 4_800_000), "put", 45
    )


def test_the_contracts_example_of_the_contract_page_is_accepted() -> None:
    message = body({"interval": "1m"}, right="both", max_dte=7, strike_range=5)

    assert contracts_of(message) == Contracts(max_dte=7, strike_range=5)
    assert [name.topic for name, _ in parse(message).members()] == ["option-spxw-quote1m-historical-spring"]


@pytest.mark.parametrize("given_contracts", [..., None, {}, {"right": None, "strikes": None}])
def test_without_a_filter_the_whole_chain_is_meant(given_contracts: Any) -> None:
    assert contracts_of(body({"contracts": given_contracts})) == Contracts()


def test_stocks_have_no_contracts() -> None:
    stock = {"asset": "stock", "ticker": "AAPL"}

    assert contracts_of({**body(), "series": [stock]}) is None


@pytest.mark.parametrize("strike", [4700, 4700.0, "4700", "4700.0", "4700.000", "4700.00000", "04700"], ids=repr)
def test_a_strike_has_one_meaning_however_it_is_written(strike: Any) -> None:
    assert contracts_of(body(strikes=[strike])) == Contracts(strikes=(4_700_000,))
    assert parse(body(strikes=[strike])).hash == parse(body(strikes=[4700])).hash


@pytest.mark.parametrize(("strike", "mills"), [(0.001, 1), (99_999.999, 99_999_999), ("2.5", 2_500), (1, 1_000)])
def test_a_strike_is_any_that_an_occ_symbol_can_hold(strike: Any, mills: int) -> None:
    assert contracts_of(body(strikes=[strike])) == Contracts(strikes=(mills,))


@pytest.mark.parametrize("root", ["SPXW", "spxw", "BRK.B", "AAPL1", "A"])
def test_a_root_has_one_spelling(root: str) -> None:
    assert parse(body({"root": root})).series[0].symbols == (root.upper(),)


def test_the_short_form_is_the_same_request_as_the_full_one() -> None:
    short = {
        "backtest_id": "spring",
        "start": "2024-01-02",
        "end": "2024-01-31",
        "root": "spxw",
        "schema": "quote",
        "contracts": {"max_dte": 7},
    }

    for asset in ("option", None):
        expanded = expand_short_form(short, asset)  # type: ignore[arg-type]
        assert parse_request(expanded, NOW, short_form=True).hash == parse(body(max_dte=7)).hash


# --- the canonical form -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(body(strikes=[1, 2, 1.0, "2"]), body(strikes=[2, 1]), id="strikes twice and in another order"),
        pytest.param(
            body(expirations=["2024-03-15", "2024-02-16", "2024-03-15"]),
            body(expirations=["2024-02-16", "2024-03-15"]),
            id="expirations twice and in another order",
        ),
        pytest.param(body(right="both"), body(), id="both sides"),
        pytest.param(body(right=None, max_dte=None), body({"contracts": ...}), id="nulls"),
        pytest.param(body({"root": "spxw"}), body(), id="lower case"),
        pytest.param(body({"interval": "tick"}), body(), id="ticks by name"),
        pytest.param(body({"interval": "tick"}), body({"interval": None}), id="ticks, or null"),
        pytest.param(
            body({"schema": "greeks"}), body({"schema": "greeks", "interval": "1m"}), id="greeks by the minute"
        ),
    ],
)
def test_two_spellings_of_one_request_are_the_same_request(one: JsonObject, other: JsonObject) -> None:
    assert parse(one).canonical() == parse(other).canonical()
    assert parse(one).hash == parse(other).hash


@pytest.mark.parametrize(
    "other",
    [
        body(),
        body(max_dte=8),
        body(max_dte=7, right="call"),
        body(max_dte=7, strikes=[4700]),
        body(max_dte=7, strike_range=1),
        body(max_dte=7, expirations=["2024-02-16"]),
        body({"root": "SPX"}, max_dte=7),
        body({"interval": "1m"}, max_dte=7),
    ],
)
def test_a_request_for_something_else_is_another_request(other: JsonObject) -> None:
    assert parse(other).hash != parse(body(max_dte=7)).hash


def test_the_canonical_form_has_every_default_in_it() -> None:
    assert parse(body(strikes=["4700.50"])).canonical()["series"] == [
        {
            "asset": "option",
            "root": "SPXW",
            "contracts": {
                "expirations": None,
                "strikes": [4700.5],
                "right": "both",
                "max_dte": None,
                "strike_range": None,
            },
            "schema": "quote",
            "interval": "tick",
            "empty_bars": None,
            "start_time": None,
            "end_time": None,
        }
    ]


@given(st.lists(st.integers(1, 99_999_999), min_size=1, max_size=20))
def test_every_strike_survives_what_a_decision_records(mills: list[int]) -> None:
    backtest = parse(body(strikes=[f"{one // 1000}.{one % 1000:03}" for one in mills]))

    again = parse_request(orjson.loads(orjson.dumps(backtest.as_json())), NOW)
    assert again == backtest
    assert again.hash == backtest.hash
    assert again.series[0].contracts == Contracts(strikes=tuple(sorted(set(mills))))


# --- what is wrong ----------------------------------------------------------------------------------------

AT = "series[0].contracts"


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        pytest.param(body({"root": ...}), ["series[0].root"], id="no root"),
        pytest.param(body({"root": ""}), ["series[0].root"], id="an empty root"),
        pytest.param(body({"root": "SEVENLN"}), ["series[0].root"], id="a root too long"),
        pytest.param(body({"root": "*"}), ["series[0].root"], id="a star"),
        pytest.param(body({"root": ["SPXW"]}), ["series[0].root"], id="a list of roots"),
        pytest.param(body({"root": ..., "ticker": "A"}), ["series[0].ticker", "series[0].root"], id="a ticker"),
        pytest.param(body({"tickers": ["A"]}), ["series[0].tickers"], id="root and tickers"),
        pytest.param(body({"contracts": "all"}), [AT], id="contracts as text"),
        pytest.param(body({"contracts": []}), [AT], id="contracts as a list"),
        pytest.param(body(strike=4700), [f"{AT}.strike"], id="an unknown field"),
        pytest.param(body(strikes=[1], strike_range=1), [f"{AT}.strike_range"], id="strikes and a range of them"),
        pytest.param(body(strikes=[]), [f"{AT}.strikes"], id="no strike"),
        pytest.param(body(strikes=4700), [f"{AT}.strikes"], id="a strike without a list"),
        pytest.param(body(strikes=[1] * (MOST_NAMED + 1)), [f"{AT}.strikes"], id="too many strikes"),
        pytest.param(body(expirations=[]), [f"{AT}.expirations"], id="no expiration"),
        pytest.param(body(expirations="2024-03-15"), [f"{AT}.expirations"], id="an expiration without a list"),
        pytest.param(body(expirations=["*"]), [f"{AT}.expirations[0]"], id="all expirations"),
        pytest.param(body(expirations=["2024-03-15", "20240315"]), [f"{AT}.expirations[1]"], id="another form"),
        pytest.param(body(expirations=["2024-02-30"]), [f"{AT}.expirations[0]"], id="a day that is none"),
        pytest.param(body(expirations=[20_240_315]), [f"{AT}.expirations[0]"], id="an expiration as a number"),
        pytest.param(body(expirations=[None]), [f"{AT}.expirations[0]"], id="an expiration that is null"),
        pytest.param(body(right="C"), [f"{AT}.right"], id="an unknown right"),
        pytest.param(body(right="CALL"), [f"{AT}.right"], id="a right in capitals"),
        pytest.param(body(right=True), [f"{AT}.right"], id="a right as a boolean"),
        pytest.param(body(max_dte=-1), [f"{AT}.max_dte"], id="negative days"),
        pytest.param(body(max_dte=10_001), [f"{AT}.max_dte"], id="too many days"),
        pytest.param(body(max_dte="7"), [f"{AT}.max_dte"], id="days as text"),
        pytest.param(body(max_dte=7.5), [f"{AT}.max_dte"], id="half a day"),
        pytest.param(body(max_dte=True), [f"{AT}.max_dte"], id="days as a boolean"),
        pytest.param(body(strike_range=-1), [f"{AT}.strike_range"], id="a negative range"),
        pytest.param(body(strike_range="5"), [f"{AT}.strike_range"], id="a range as text"),
        pytest.param(body({"schema": "bars"}), ["series[0].schema"], id="an unknown schema"),
        pytest.param(body({"schema": "ohlcv", "interval": "tick"}), ["series[0].interval"], id="bars by the tick"),
        pytest.param(
            body({"schema": "trade", "interval": "tick"}), ["series[0].interval"], id="trades with an interval"
        ),
        pytest.param(
            body({"schema": "open_interest", "interval": "1m"}), ["series[0].interval"], id="reports with one"
        ),
        pytest.param(
            body({"schema": "open_interest", "end_time": "12:00:00"}), ["series[0].end_time"], id="with hours"
        ),
        pytest.param(body({"empty_bars": "fill"}), ["series[0].empty_bars"], id="quotes to be filled"),
        pytest.param(
            body(right="up", strikes=[0], expirations=["x"], max_dte=1),
            [f"{AT}.expirations[0]", f"{AT}.strikes[0]", f"{AT}.right"],
            id="several",
        ),
    ],
)
def test_a_wrong_filter_is_told_every_field_at_fault(message: JsonObject, fields: list[str]) -> None:
    assert wrong_fields(message) == fields


@pytest.mark.parametrize(
    "strike",
    [
        0,
        -1,
        "-4700",
        100_000,
        99_999.9995,
        4700.0005,
        "4700.1234",
        "4700.00000000000000000000000000000000000001",
        float("nan"),
        float("inf"),
        1e999,
        1e300,
        1e-300,
        "NaN",
        "sNaN",
        "Infinity",
        "1e999",
        "1e999999999",
        "1e-999999999",
        "",
        " 4700",
        "4_700",
        "4,700",
        "٤٧٠٠",
        "$4700",
        "x" * 10_000,
        "9" * 10_000,
        True,
        None,
        [4700],
        {"strike": 4700},
    ],
    ids=lambda one: repr(one)[:40],
)
def test_what_is_no_strike_is_refused(strike: Any) -> None:
    assert wrong_fields(body(strikes=[4700, strike])) == [f"{AT}.strikes[1]"]


def test_a_wrong_right_is_told_what_is_allowed() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(body(right="C"))

    assert [problem.allowed for problem in caught.value.problems] == [("call", "put", "both")]


def test_a_schema_of_options_is_not_one_of_stocks() -> None:
    for schema in set(schemas_of("option")) - set(schemas_of("stock")):
        message = {**body(), "series": [{"asset": "stock", "ticker": "A", "schema": schema}]}
        assert wrong_fields(message) == ["series[0].schema"]


# --- intervals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)
def test_every_schema_takes_its_intervals_and_refuses_the_others(record: Any) -> None:
    who = {"root": "SPXW"} if record.asset == "option" else {"ticker": "A"}
    for interval in (TICK, "1s", "5s", "10s", "15s", "30s", "1m", "5m", "10m", "15m", "30m", "1h", "2m", "1d"):
        entry = {"asset": record.asset, "schema": record.schema, "interval": interval, **who}
        message = {**body(), "series": [entry]}
        if interval in record.allowed_intervals:
            assert parse(message).series[0].interval == (None if interval == TICK else interval)
        else:
            assert wrong_fields(message) == ["series[0].interval"]


@pytest.mark.parametrize(
    ("schema", "interval"),
    [
        ("ohlcv", "1m"),
        ("quote", None),
        ("trade", None),
        ("trade_quote", None),
        ("eod", None),
        ("open_interest", None),
        ("greeks", "1m"),
        ("implied_volatility", "1m"),
    ],
)
def test_a_schema_without_an_interval_has_its_default(schema: str, interval: str | None) -> None:
    (entry,) = parse(body({"schema": schema})).series

    assert entry.interval == interval


# --- what a half-day means ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("clock", "taken"), [("13:01", False), ("13:14", False), ("13:15", True)])
def test_on_a_half_day_options_are_asked_for_only_when_they_too_have_closed(clock: str, taken: bool) -> None:
    now = dt.datetime.fromisoformat(f"2024-11-29T{clock}").replace(tzinfo=sessions.NEW_YORK)
    message = {"backtest_id": "h", "start": "2024-11-27", "end": "2024-11-29"}
    option = {**message, "series": [{"asset": "option", "root": "SPXW", "schema": "trade"}]}
    stock = {**message, "series": [{"asset": "stock", "tickers": ["SPY"], "schema": "trade"}]}

    assert parse_request(stock, now).end == dt.date(2024, 11, 29)
    if taken:
        assert parse_request(option, now).end == dt.date(2024, 11, 29)
    else:
        with pytest.raises(InvalidRequest, match="2024-11-27"):
            parse_request(option, now)


def test_what_does_not_belong_to_an_endpoint_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="this is for stocks"):
        expand_short_form({"asset": "option", "tickers": ["AAPL"]}, "stock")
    with pytest.raises(InvalidRequest, match=r"series\[1\].asset"):
        expand_short_form({"series": [{"asset": "option"}, {"asset": "stock"}]}, "option")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"schema": "quote", "empty_bars": "fill"}, "empty_bars"),
        ({"schema": "eod", "start_time": "10:00:00"}, "start_time"),
        ({"schema": "open_interest", "end_time": "15:00:00"}, "end_time"),
        ({"contracts": {"expirations": ["2024-01-05"]}}, "contracts.expirations"),
    ],
)
def test_what_would_do_nothing_is_refused_in_the_short_form(more: dict[str, Any], field: str) -> None:
    asked = {"backtest_id": "s", "root": "SPXW", "start": "2024-01-08", "end": "2024-01-09", **more}
    with pytest.raises(InvalidRequest) as told:
        parse_request(expand_short_form(asked), dt.datetime(2024, 2, 1, tzinfo=dt.UTC), short_form=True)
    assert [problem.field for problem in told.value.problems] == [field]


def test_a_misspelt_field_is_told_with_the_one_that_was_meant() -> None:
    asked = {"backtest_id": "s", "tickerz": ["AAPL"], "start": "2024-01-08", "end": "2024-01-09"}
    with pytest.raises(InvalidRequest, match="tickerz: is not a field of a request; did you mean ticker"):
        parse_request(expand_short_form(asked), dt.datetime(2024, 2, 1, tzinfo=dt.UTC), short_form=True)
