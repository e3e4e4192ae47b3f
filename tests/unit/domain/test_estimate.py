"""An estimate says what a run would ask for, from as many listings as there were."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from app.avro.encode import encode, frame
from app.domain.checking import parse_request
from app.domain.estimate import Answers, Ask, Estimate, asks, estimate, row_bytes, seconds
from app.domain.kinds import Kind
from app.domain.limits import Limits
from app.domain.listing import Need
from app.domain.planning import needs, plan_series
from app.domain.request import Backtest
from app.domain.rows import Rows
from app.domain.schema import RECORDS, RecordType
from app.domain.series import SeriesName
from app.domain.short_form import expand_short_form

NOW = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
LIMITS = Limits(
    intraday_months=1,
    under_a_minute_days=1,
    report_days=365,
    wide=frozenset({"quote", "trade"}),
    max_dte=frozenset({"quote", "trade"}),
)
#: Five sessions, Monday to Friday.
WEEK = {"start": "2024-01-08", "end": "2024-01-12"}


def a_backtest(**body: Any) -> Backtest:
    return parse_request(expand_short_form({"backtest_id": "x", **WEEK, **body}), NOW)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def estimated(
    backtest: Backtest,
    found: dict[Ask, dict[dt.date, int]] | None = None,
    refusals: dict[SeriesName, str] | None = None,
) -> Estimate:
    return estimate(backtest, LIMITS, 4, refusals or {}, Answers(found or {}))


def test_stock_bars_are_counted_as_the_plan_counts_them() -> None:
    body = estimated(a_backtest(tickers=["KO", "GE"], end="2024-02-29")).as_json()

    assert body["backtest_id"] == "x"
    assert body["sessions"] == 37  # Martin Luther King's and Washington's days are none
    assert (body["requests"], body["listings"], body["rows"]) == (4, 0, 2 * 37 * 391)
    assert body["refused"] == []
    ko, ge = body["series"]
    assert (ko["topic"], ge["topic"]) == ("stock-ko-ohlcv1m-historical-x", "stock-ge-ohlcv1m-historical-x")
    assert ko == {
        "topic": "stock-ko-ohlcv1m-historical-x",
        "requests": 2,
        "listings": 0,
        "rows": 37 * 391,
        "exact": True,
        "bytes": 37 * 391 * row_bytes(SeriesName("stock", "KO", "ohlcv", "1m", "x")),
        "seconds": seconds(2, 37 * 391, 4),
        "steps": 2,
        "sessions": 37,
        "listed": True,
    }
    assert body["bytes"] == ko["bytes"] + ge["bytes"]
    assert body["seconds"] == seconds(4, body["rows"], 4)


@pytest.mark.parametrize(
    ("change", "rows", "exact"),
    [
        ({"schema": "eod"}, 5, True),
        ({"interval": "1h"}, 5 * 7, True),
        ({"interval": "1h", "start_time": "10:00:00", "end_time": "12:00:00"}, 5 * 3, True),
        ({"schema": "quote", "interval": "1m"}, 5 * 391, True),
        ({"schema": "quote"}, 5 * 250_000, False),
        ({"schema": "trade"}, 5 * 250_000, False),
    ],
)
def test_rows_on_a_grid_are_exact_and_ticks_are_a_guess(change: dict[str, Any], rows: int, exact: bool) -> None:
    (one,) = estimated(a_backtest(ticker="KO", **change)).as_json()["series"]

    assert (one["rows"], one["exact"]) == (rows, exact)


def test_what_the_tier_does_not_allow_counts_nothing() -> None:
    backtest = a_backtest(tickers=["KO", "GE"])
    _, ge = (name for name, _ in backtest.members())

    body = estimated(backtest, refusals={ge: "needs more"}).as_json()

    assert body["refused"] == [{"topic": ge.topic, "reason": "needs more"}]
    assert [one.get("refused") for one in body["series"]] == [None, "needs more"]
    assert body["series"][1]["requests"] == body["series"][1]["rows"] == body["series"][1]["sessions"] == 0
    assert (body["requests"], body["rows"]) == (1, 5 * 391)


def test_a_range_without_sessions_is_nothing() -> None:
    body = estimated(a_backtest(ticker="KO", start="2024-01-06", end="2024-01-07")).as_json()

    assert [body[name] for name in ("requests", "rows", "bytes", "seconds", "sessions")] == [0, 0, 0, 0, 0]


def test_ten_thousand_stocks_are_planned_once() -> None:
    tickers = [f"A{number}" for number in range(10_000)]
    backtest = a_backtest(tickers=tickers, interval="1s", start="2014-01-02", end="2024-01-31")
    body = estimated(backtest).as_json()

    assert len(body["series"]) == 10_000
    assert body["requests"] == 10_000 * body["series"][0]["requests"] == 10_000 * body["sessions"]


# -- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contracts", "need"),
    [
        ({}, Need("contracts", day("2024-01-12"))),
        ({"max_dte": 7}, Need("contracts", day("2024-01-12"))),
        ({"strikes": [100]}, Need("contracts", day("2024-01-12"))),
        ({"strikes": [100], "max_dte": 7}, Need("expirations")),
        ({"strike_range": 5, "max_dte": 7}, Need("expirations")),
        ({"expirations": ["2024-01-12", "2024-01-19"]}, Need("strikes", day("2024-01-19"))),
    ],
)
def test_one_listing_of_a_kind_is_asked_for(contracts: dict[str, Any], need: Need) -> None:
    backtest = a_backtest(root="SPXW", schema="quote", interval="1m", contracts=contracts)

    (found,) = asks(backtest, LIMITS, {}).items()

    assert found == (Ask("SPXW", need, False), next(backtest.members())[0])


@pytest.mark.parametrize(
    "contracts",
    [{"expirations": ["2024-01-12"], "strikes": [100]}, {"expirations": ["2024-01-12"], "strike_range": 3}],
)
def test_where_the_request_says_it_all_nothing_is_asked_for(contracts: dict[str, Any]) -> None:
    assert asks(a_backtest(root="SPXW", contracts=contracts), LIMITS, {}) == {}


def test_series_share_a_listing_but_trades_have_one_of_their_own() -> None:
    entries = [
        {"asset": "option", "root": "SPXW", "schema": "ohlcv"},
        {"asset": "option", "root": "SPXW", "schema": "quote"},
        {"asset": "option", "root": "SPXW", "schema": "trade"},
        {"asset": "option", "root": "SPXW", "schema": "eod"},
        {"asset": "option", "root": "SPY", "schema": "quote"},
        {"asset": "stock", "ticker": "SPY"},
    ]
    backtest = a_backtest(series=entries)
    spy = next(name for name, _ in backtest.members() if (name.asset, name.symbol) == ("option", "SPY"))

    assert [(ask.root, ask.trades) for ask in asks(backtest, LIMITS, {})] == [
        ("SPXW", False),
        ("SPXW", True),
        ("SPY", False),
    ]
    assert [ask.root for ask in asks(backtest, LIMITS, {spy: "needs more"})] == ["SPXW", "SPXW"]


def test_a_listing_of_the_only_session_gives_the_runs_own_plan() -> None:
    backtest = a_backtest(root="SPXW", schema="quote", interval="1m", start="2024-01-12", contracts={"max_dte": 7})
    ((name, entry),) = backtest.members()
    (ask,) = asks(backtest, LIMITS, {})
    listing = {day("2024-01-12"): 200, day("2024-01-16"): 150, day("2024-02-16"): 400}
    plan = plan_series(name, backtest.start, backtest.end, None, None, LIMITS, entry.contracts, {ask.need: listing})

    (one,) = estimated(backtest, {ask: listing}).as_json()["series"]

    assert (one["requests"], one["steps"], one["listings"]) == (len(plan.chunks), len(plan.steps), 1)
    assert one["rows"] == pytest.approx(350 * 391, abs=10)
    assert (one["exact"], one["listed"], one["sessions"]) == (True, True, 1)


def test_the_last_sessions_listing_stands_for_the_earlier_ones_whole_weeks_before() -> None:
    backtest = a_backtest(
        root="SPXW", schema="quote", interval="1h", start="2023-12-26", end="2024-01-10", contracts={"max_dte": 1}
    )
    (ask,) = asks(backtest, LIMITS, {})
    assert ask.need == Need("contracts", day("2024-01-10"))
    weekly = {day("2024-01-12"): 100, day("2024-01-19"): 100}

    (one,) = estimated(backtest, {ask: weekly}).as_json()["series"]

    # Two Thursdays and two Fridays have a weekly expiration within a day of them.
    assert (one["rows"], one["sessions"], one["listings"]) == (4 * 100 * 7, 4, 11)
    assert (one["exact"], one["listed"]) == (False, True)


def test_the_strikes_of_the_last_expiration_stand_for_the_others() -> None:
    expirations = ["2024-01-10", "2024-01-12"]
    backtest = a_backtest(root="SPXW", interval="1h", contracts={"expirations": expirations, "right": "call"})
    (ask,) = asks(backtest, LIMITS, {})

    (one,) = estimated(backtest, {ask: {day("2024-01-12"): 40}}).as_json()["series"]

    assert one["rows"] == (3 + 5) * 40 * 7
    assert (one["listings"], one["exact"], one["listed"], one["sessions"]) == (2, False, True, 5)


def test_named_strikes_of_listed_expirations_are_counted() -> None:
    backtest = a_backtest(root="SPXW", interval="1h", schema="quote", contracts={"strikes": [100, 105], "max_dte": 3})
    (ask,) = asks(backtest, LIMITS, {})

    (one,) = estimated(backtest, {ask: dict.fromkeys([day("2024-01-09"), day("2024-03-15")], 0)}).as_json()["series"]

    assert (one["sessions"], one["rows"]) == (2, 2 * 4 * 7)
    assert (one["exact"], one["listed"], one["listings"]) == (True, True, 1)


def test_a_chain_without_its_listing_is_a_guess_that_says_why() -> None:
    backtest = a_backtest(root="SPXW", schema="quote", interval="1m")
    (ask,) = asks(backtest, LIMITS, {})

    body = estimate(backtest, LIMITS, 4, {}, Answers({}, {ask: "the terminal is away"})).as_json()

    (one,) = body["series"]
    assert (one["listed"], one["exact"], one["why"]) == (False, False, "the terminal is away")
    assert one["rows"] >= 5 * 1000 * 391
    assert (body["listings"], body["sessions"]) == (5, 5)


def test_reports_of_a_chain_need_no_listing_and_are_a_guess() -> None:
    (one,) = estimated(a_backtest(root="SPXW", schema="eod")).as_json()["series"]

    assert (one["listed"], one["exact"], one["listings"]) == (True, False, 0)
    assert one["rows"] > 0


def test_an_empty_listing_is_no_rows() -> None:
    backtest = a_backtest(root="NONE", schema="quote", interval="1m")
    (ask,) = asks(backtest, LIMITS, {})

    (one,) = estimated(backtest, {ask: {}}).as_json()["series"]

    assert (one["requests"], one["rows"], one["sessions"], one["listed"]) == (0, 0, 0, True)


def test_every_listing_that_is_counted_is_one_the_run_asks_for() -> None:
    backtest = a_backtest(root="SPXW", start="2024-01-02", end="2024-01-31")
    ((name, entry),) = backtest.members()

    wanted = needs(name, backtest.start, backtest.end, entry.contracts, LIMITS)

    assert estimated(backtest).as_json()["listings"] == len(wanted) == 21


# -- the models -------------------------------------------------------------------------------------------------------


def test_time_is_requests_by_slots_and_rows_by_rate() -> None:
    assert seconds(8, 600_000, 4) == 8 / 4 * 0.5 + 2
    assert seconds(8, 0, 1) == 4
    assert seconds(0, 0, 8) == 0


_LIKELY: dict[Kind, Any] = {
    Kind.STRING: "SPXW",
    Kind.INT: 300,
    Kind.LONG: 120_000,
    Kind.DOUBLE: 101.5,
    Kind.NULLABLE: 0.25,
    Kind.TIMESTAMP: 1_704_724_200_000_000,
    Kind.DATE: 19_734,
    Kind.RIGHT: 1,
    Kind.CODES: 0,
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)
def test_the_model_of_bytes_is_near_what_a_likely_row_is(record: RecordType) -> None:
    columns = {c.name: np.array([_LIKELY[c.kind]], dtype=c.kind.dtype) for c in record.columns}
    (body,) = encode(Rows.of(record, columns), frame(1))
    key = 4 if record.asset == "stock" else 21

    said = row_bytes(SeriesName(record.asset, "SPXW", record.schema, record.default_interval, "x"))

    assert len(body) + key <= said < 1.3 * (len(body) + key)
