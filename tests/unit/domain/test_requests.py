"""Requests: what is accepted, how it is spelt afterwards, and what a wrong one is told."""

from __future__ import annotations

import copy
import datetime as dt
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.checking import parse_request
from app.domain.fields import MAX_SERIES
from app.domain.request import Backtest
from app.domain.schema import RECORDS, STOCK_OHLCV
from app.domain.series import SeriesName
from app.domain.short_form import expand_short_form
from app.errors import InvalidRequest

#: A Tuesday before the open: the last closed session is that of Monday, 2025-06-02.
NOW = dt.datetime(2025, 6, 3, 12, tzinfo=dt.UTC)
JsonObject = dict[str, Any]


def body(**changes: Any) -> JsonObject:
    """A good request with some fields changed; ``...`` takes a field away."""
    whole = {
        "backtest_id": "spring",
        "start": "2024-01-02",
        "end": "2024-01-31",
        "series": [{"asset": "stock", "tickers": ["AAPL"], "schema": "ohlcv", "interval": "1m"}],
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def entry(**changes: Any) -> list[JsonObject]:
    """The ``series`` of a request with one entry, changed."""
    whole = {"asset": "stock", "tickers": ["AAPL"], **changes}
    return [{name: value for name, value in whole.items() if value is not ...}]


def parse(**changes: Any) -> Backtest:
    return parse_request(body(**changes), NOW)


def wrong_fields(message: object, *, short_form: bool = False, now: dt.datetime = NOW) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(message, now, short_form=short_form)
    assert all(problem.message for problem in caught.value.problems)
    return [problem.field for problem in caught.value.problems]


# --- what comes out ---------------------------------------------------------------------------------------


def test_a_request_becomes_its_series_in_order() -> None:
    backtest = parse(
        series=[
            {"asset": "stock", "tickers": ["msft", "AAPL"], "interval": "5m"},
            {"asset": "stock", "ticker": "BRK.B", "schema": "eod"},
        ],
        retain_days=30,
    )

    assert (backtest.start, backtest.end) == (dt.date(2024, 1, 2), dt.date(2024, 1, 31))
    assert backtest.retain_days == 30
    assert [name for name, _ in backtest.members()] == [
        SeriesName("stock", "MSFT", "ohlcv", "5m", "spring"),
        SeriesName("stock", "AAPL", "ohlcv", "5m", "spring"),
        SeriesName("stock", "BRK.B", "eod", None, "spring"),
    ]
    assert [found.record.name for _, found in backtest.members()] == ["StockOhlcv", "StockOhlcv", "StockEod"]


def test_an_integer_is_taken_for_an_id() -> None:
    assert parse(backtest_id=1).backtest_id == "1"


def test_per_series_options_win_over_those_of_the_request() -> None:
    backtest = parse(
        empty_bars="fill",
        start_time="10:00:00",
        end_time="15:00:00",
        series=[
            {"asset": "stock", "ticker": "A"},
            {"asset": "stock", "ticker": "B", "empty_bars": "drop", "start_time": "09:45:00", "end_time": "15:30:00"},
        ],
    )

    common, own = backtest.series
    assert (common.empty_bars, common.start_time, common.end_time) == ("fill", dt.time(10), dt.time(15))
    assert (own.empty_bars, own.start_time, own.end_time) == ("drop", dt.time(9, 45), dt.time(15, 30))


def test_options_of_the_request_say_nothing_about_its_eod_series() -> None:
    (eod,) = parse(series=entry(schema="eod"), empty_bars="fill", start_time="10:00:00").series

    assert (eod.empty_bars, eod.start_time, eod.end_time) == ("drop", None, None)


def test_the_message_is_left_as_it_came() -> None:
    message = body(series=entry(tickers=["aapl", "AAPL"], contracts=None), live=None)
    before = copy.deepcopy(message)

    parse_request(message, NOW)

    assert message == before


# --- the canonical form -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(body(series=entry(schema="ohlcv", interval="1m")), body(series=entry()), id="defaults"),
        pytest.param(body(empty_bars="drop"), body(), id="empty bars of the request"),
        pytest.param(body(series=entry(empty_bars="drop")), body(), id="empty bars of the series"),
        pytest.param(body(series=entry(empty_bars="fill")), body(empty_bars="fill"), id="fill, wherever it is said"),
        pytest.param(body(series=entry(start_time="10:00:00")), body(start_time="10:00:00"), id="start_time"),
        pytest.param(body(series=entry(end_time="10:00:00")), body(end_time="10:00:00"), id="end_time"),
        pytest.param(body(series=entry(ticker="AAPL", tickers=...)), body(), id="ticker and tickers"),
        pytest.param(body(series=entry(tickers=["aapl"])), body(), id="lower case"),
        pytest.param(body(series=entry(tickers=["AAPL", "aapl", "AAPL"])), body(), id="a ticker named twice"),
        pytest.param(body(live=False, retain_days=None), body(), id="false and null"),
        pytest.param(body(series=entry(root=None, contracts=None, interval=None)), body(), id="nulls in a series"),
        pytest.param(body(retain_days=1), body(retain_days=2), id="retain_days"),
        pytest.param(body(retain_days=1), body(), id="retain_days, or not"),
        pytest.param(body(backtest_id=7), body(backtest_id="7"), id="id as a number"),
        pytest.param(dict(reversed(body().items())), body(), id="order of the fields"),
        pytest.param(
            body(series=entry(schema="eod"), empty_bars="fill", end_time="12:00:00"),
            body(series=entry(schema="eod")),
            id="options without a meaning for eod",
        ),
    ],
)
def test_two_spellings_of_one_request_are_the_same_request(one: JsonObject, other: JsonObject) -> None:
    assert parse_request(one, NOW).hash == parse_request(other, NOW).hash
    assert parse_request(one, NOW).canonical() == parse_request(other, NOW).canonical()


@pytest.mark.parametrize("hours", [{"start_time": "09:30:00"}, {"end_time": "16:00:00"}])
def test_the_default_hours_written_out_are_the_same_request(hours: JsonObject) -> None:
    assert parse(**hours).hash == parse().hash
    assert parse(series=entry(**hours)).hash == parse().hash


@pytest.mark.parametrize(
    "other",
    [
        body(backtest_id="autumn"),
        body(start="2024-01-03"),
        body(end="2024-01-30"),
        body(empty_bars="fill"),
        body(start_time="10:00:00"),
        body(end_time="15:00:00"),
        body(series=entry(interval="5m")),
        body(series=entry(schema="eod")),
        body(series=entry(tickers=["MSFT"])),
        body(series=entry(tickers=["AAPL", "MSFT"])),
        body(series=entry(tickers=["BRK.B"])),
    ],
)
def test_a_request_for_something_else_is_another_request(other: JsonObject) -> None:
    assert parse_request(other, NOW).hash != parse().hash


def test_the_canonical_form_has_every_default_in_it() -> None:
    assert parse(series=entry()).canonical() == {
        "backtest_id": "spring",
        "start": "2024-01-02",
        "end": "2024-01-31",
        "series": [
            {
                "asset": "stock",
                "tickers": ["AAPL"],
                "schema": "ohlcv",
                "interval": "1m",
                "empty_bars": "drop",
                "start_time": None,
                "end_time": None,
            }
        ],
    }


times = st.times().map(lambda time: time.replace(microsecond=0))
TICKERS = ["AAPL", "msft", "BRK.B", "BRK/B", "A", "B", "C", "BF-B", "x+"]


@st.composite
def contracts(draw: st.DrawFn) -> JsonObject:
    """Filters of contracts that are right, in any spelling; a field may also be null."""
    strikes = st.integers(1, 99_999_999).map(lambda mills: Decimal(mills) / 1000)
    written = strikes.flatmap(lambda one: st.sampled_from([float(one), str(one), f"{one:.3f}", int(one) or 1]))
    found: JsonObject = {
        "expirations": draw(st.none() | st.lists(st.dates(dt.date(2027, 1, 1)).map(str), min_size=1, max_size=4)),
        "right": draw(st.sampled_from(["call", "put", "both", None])),
        "max_dte": draw(st.none() | st.integers(0, 10_000)),
    }
    if draw(st.booleans()):
        found["strikes"] = draw(st.none() | st.lists(written, min_size=1, max_size=4))
    else:
        found["strike_range"] = draw(st.none() | st.integers(1, 10_000))
    return found


@st.composite
def good_requests(draw: st.DrawFn) -> JsonObject:
    """Requests that are right, in any spelling."""

    def options(*, own: bool) -> JsonObject:
        found: JsonObject = {}
        if draw(st.booleans()):
            found["empty_bars"] = draw(st.sampled_from(["drop", "fill", None]))
        if draw(st.booleans()):
            # Both or none of one place, so that the two are in order.
            first, last = sorted([draw(times), draw(times)])
            found |= {"start_time": first.isoformat(), "end_time": last.isoformat()}
        return found

    def whose(asset: str, symbols: list[str]) -> JsonObject:
        if asset == "stock":
            return {"ticker": symbols[0]} if len(symbols) == 1 and draw(st.booleans()) else {"tickers": symbols}
        return {"root": symbols[0]} | ({"contracts": draw(contracts())} if draw(st.booleans()) else {})

    symbols = draw(st.lists(st.sampled_from(TICKERS), min_size=1, max_size=6, unique_by=str.upper))
    cuts = sorted(draw(st.sets(st.integers(1, len(symbols)), max_size=2)) | {len(symbols)})
    series, at = [], 0
    for cut in cuts:
        record = draw(st.sampled_from(list(RECORDS.values())))
        one: JsonObject = {"asset": record.asset, "schema": record.schema, **whose(record.asset, symbols[at:cut])}
        if record.schema == "ohlcv":
            one |= options(own=True)
        if record.intervals and draw(st.booleans()):
            one["interval"] = draw(st.sampled_from(record.allowed_intervals))
        series.append(one)
        at = cut
    start = draw(st.dates(dt.date(2012, 1, 1), dt.date(2025, 5, 30)))
    return {
        "backtest_id": draw(st.from_regex(r"[a-z0-9][a-z0-9.-]{0,10}", fullmatch=True)),
        "start": start.isoformat(),
        "end": draw(st.dates(start, dt.date(2025, 5, 30))).isoformat(),
        "series": series,
        **options(own=False),
        **({"retain_days": draw(st.integers(1, 36_500))} if draw(st.booleans()) else {}),
    }


@given(good_requests())
def test_what_a_decision_records_reads_back_as_the_same_request(message: JsonObject) -> None:
    backtest = parse_request(message, NOW)

    again = parse_request(orjson.loads(orjson.dumps(backtest.as_json())), NOW)

    assert again == backtest
    assert again.hash == backtest.hash
    assert again.as_json() == backtest.as_json()


@given(good_requests())
def test_every_series_of_a_request_has_a_topic_of_its_own(message: JsonObject) -> None:
    topics = [name.topic for name, _ in parse_request(message, NOW).members()]

    assert len(set(topics)) == len(topics)
    assert all(SeriesName.parse(topic).backtest_id == message["backtest_id"] for topic in topics)


# --- the short form ---------------------------------------------------------------------------------------


def test_the_short_form_is_the_same_request_as_the_full_one() -> None:
    short = {"backtest_id": "spring", "ticker": "aapl", "start": "2024-01-02", "end": "2024-01-31"}

    for asset in ("stock", None):
        assert parse_request(expand_short_form(short, asset), NOW, short_form=True).hash == parse().hash


def test_a_full_form_passes_through() -> None:
    assert expand_short_form(body(), "stock") == body()


def test_a_root_means_options_and_tickers_mean_stocks() -> None:
    assert expand_short_form({"root": "SPXW"})["series"] == [{"root": "SPXW", "asset": "option"}]
    assert expand_short_form({"tickers": ["A"]})["series"] == [{"tickers": ["A"], "asset": "stock"}]


def test_options_of_a_short_form_stay_at_the_top() -> None:
    short = {"backtest_id": "s", "ticker": "A", "empty_bars": "fill", "start_time": "10:00:00", "retain_days": 3}

    assert expand_short_form(short) == {
        "backtest_id": "s",
        "empty_bars": "fill",
        "start_time": "10:00:00",
        "retain_days": 3,
        "series": [{"ticker": "A", "asset": "stock"}],
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ticker": "A B"}, "ticker"),
        ({"ticker": 7}, "ticker"),
        ({"tickers": ["A", "$"], "ticker": ...}, "tickers[1]"),
        ({"ticker": ...}, "tickers"),
        ({"interval": "2m"}, "interval"),
        ({"schema": "bars"}, "schema"),
        ({"start_time": "9:30"}, "start_time"),
        ({"start": "yesterday"}, "start"),
        ({"colour": "red"}, "colour"),
        ({"root": "SPXW"}, "root"),
    ],
)
def test_problems_of_a_short_form_name_its_own_fields(changes: JsonObject, field: str) -> None:
    short = body(series=..., ticker="AAPL")
    short = {name: value for name, value in (short | changes).items() if value is not ...}

    assert field in wrong_fields(expand_short_form(short, "stock"), short_form=True)


# --- what is wrong ----------------------------------------------------------------------------------------

WRONG: list[tuple[str, JsonObject, list[str]]] = [
    ("no id", body(backtest_id=...), ["backtest_id"]),
    ("id with an underscore", body(backtest_id="a_b"), ["backtest_id"]),
    ("id in capitals", body(backtest_id="Spring"), ["backtest_id"]),
    ("id too long", body(backtest_id="a" * 65), ["backtest_id"]),
    ("empty id", body(backtest_id=""), ["backtest_id"]),
    ("id is null", body(backtest_id=None), ["backtest_id"]),
    ("id is a boolean", body(backtest_id=True), ["backtest_id"]),
    ("id is a list", body(backtest_id=["a"]), ["backtest_id"]),
    ("id is negative", body(backtest_id=-1), ["backtest_id"]),
    ("no start", body(start=...), ["start"]),
    ("no end", body(end=...), ["end"]),
    ("start is no date", body(start="2024-02-30"), ["start"]),
    ("start in another form", body(start="02.01.2024"), ["start"]),
    ("start as a basic date", body(start="20240102"), ["start"]),
    ("start as a number", body(start=20240102), ["start"]),
    ("start with a time", body(start="2024-01-02T00:00:00"), ["start"]),
    ("start as a week", body(start="2024-W01-2"), ["start"]),
    ("start with a line end", body(start="2024-01-02\n"), ["start"]),
    ("year zero", body(start="0000-01-02"), ["start"]),
    ("foreign digits", body(start="２０２４-01-02"), ["start"]),
    ("end before start", body(start="2024-02-01"), ["end"]),
    ("start before the provider begins", body(start="2011-12-30"), ["start"]),
    ("end after the last session", body(end="2025-06-03"), ["end"]),
    ("all in the future", body(start="2026-01-02", end="2026-01-05"), ["end", "start"]),
    ("no series", body(series=...), ["series"]),
    ("series is empty", body(series=[]), ["series"]),
    ("series is an object", body(series={"asset": "stock"}), ["series"]),
    ("series holds text", body(series=["AAPL"]), ["series[0]"]),
    ("series holds null", body(series=[None]), ["series[0]"]),
    ("no asset", body(series=entry(asset=...)), ["series[0].asset"]),
    ("another asset", body(series=entry(asset="bond")), ["series[0].asset"]),
    ("asset in capitals", body(series=entry(asset="STOCK")), ["series[0].asset"]),
    ("no ticker", body(series=entry(tickers=...)), ["series[0].tickers"]),
    ("empty tickers", body(series=entry(tickers=[])), ["series[0].tickers"]),
    ("tickers as text", body(series=entry(tickers="AAPL")), ["series[0].tickers"]),
    ("a ticker as a number", body(series=entry(tickers=["A", 7])), ["series[0].tickers[1]"]),
    ("a ticker with a space", body(series=entry(tickers=["A", "A B"])), ["series[0].tickers[1]"]),
    ("an empty ticker", body(series=entry(tickers=[""])), ["series[0].tickers[0]"]),
    ("a star", body(series=entry(ticker="*", tickers=...)), ["series[0].ticker"]),
    ("ticker and tickers", body(series=entry(ticker="A")), ["series[0].ticker"]),
    ("root", body(series=entry(root="SPXW")), ["series[0].root"]),
    ("contracts", body(series=entry(contracts={"right": "call"})), ["series[0].contracts"]),
    ("another schema", body(series=entry(schema="bars")), ["series[0].schema"]),
    ("an interval in between", body(series=entry(interval="2m")), ["series[0].interval"]),
    ("ticks as bars", body(series=entry(interval="tick")), ["series[0].interval"]),
    ("an interval as a number", body(series=entry(interval=60)), ["series[0].interval"]),
    ("eod with an interval", body(series=entry(schema="eod", interval="1m")), ["series[0].interval"]),
    ("eod with hours", body(series=entry(schema="eod", end_time="12:00:00")), ["series[0].end_time"]),
    ("eod with fill", body(series=entry(schema="eod", empty_bars="fill")), ["series[0].empty_bars"]),
    ("empty_bars", body(series=entry(empty_bars="zero")), ["series[0].empty_bars"]),
    ("empty_bars at the top", body(empty_bars="zero"), ["empty_bars"]),
    ("empty_bars as a boolean", body(empty_bars=True), ["empty_bars"]),
    ("time without seconds", body(series=entry(start_time="09:30")), ["series[0].start_time"]),
    ("time with a fraction", body(series=entry(end_time="15:59:59.5")), ["series[0].end_time"]),
    ("time at the top", body(start_time="24:00:00"), ["start_time"]),
    (
        "hours the wrong way round",
        body(series=entry(start_time="12:00:00", end_time="11:59:59")),
        ["series[0].end_time"],
    ),
    ("live as text", body(live="yes"), ["live"]),
    ("live as an object", body(live={}), ["live"]),
    ("retain_days zero", body(retain_days=0), ["retain_days"]),
    ("retain_days too many", body(retain_days=36_501), ["retain_days"]),
    ("retain_days as text", body(retain_days="7"), ["retain_days"]),
    ("retain_days as a boolean", body(retain_days=True), ["retain_days"]),
    ("retain_days with a fraction", body(retain_days=1.5), ["retain_days"]),
    ("an unknown field", body(tikcers=["A"]), ["tikcers"]),
    ("an unknown field of a series", body(series=entry(tikcers=["A"])), ["series[0].tikcers"]),
    ("the same series twice", body(series=entry() + entry(tickers=["aapl"])), ["series[1]"]),
    ("twice, with other options", body(series=entry() + entry(empty_bars="fill")), ["series[1]"]),
    (
        "several",
        body(backtest_id="A", start="x", series=entry(interval="x")),
        ["backtest_id", "start", "series[0].interval"],
    ),
]


@pytest.mark.parametrize(("message", "fields"), [pytest.param(*rest, id=name) for name, *rest in WRONG])
def test_a_wrong_request_is_told_every_field_at_fault(message: JsonObject, fields: list[str]) -> None:
    assert wrong_fields(message) == fields


@pytest.mark.parametrize("message", [None, [], "text", 7, True, [body()]])
def test_a_request_is_an_object(message: object) -> None:
    assert wrong_fields(message) == [""]


def test_a_choice_that_is_wrong_is_told_what_is_allowed() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(series=entry(interval="2m"), empty_bars="zero")

    allowed = {problem.field: problem.allowed for problem in caught.value.problems}
    assert allowed == {"series[0].interval": STOCK_OHLCV.intervals, "empty_bars": ("drop", "fill")}
    assert "'2m'" in str(caught.value)


def test_a_range_into_the_future_is_told_the_last_closed_session() -> None:
    with pytest.raises(InvalidRequest, match="2025-06-02"):
        parse(end="2025-06-03")


def test_a_request_has_at_most_ten_thousand_series() -> None:
    tickers = [f"T{i}" for i in range(MAX_SERIES)]

    assert len(list(parse(series=entry(tickers=tickers)).members())) == MAX_SERIES
    assert wrong_fields(body(series=entry(tickers=[*tickers, "X"]))) == ["series"]
    assert wrong_fields(body(series=[*entry(tickers=tickers), *entry(schema="eod")])) == ["series"]
    assert wrong_fields(body(series=[{"asset": "stock", "ticker": one} for one in [*tickers, "X"]])) == ["series"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["backtest_id", "start", "end", "series", "empty_bars", "start_time", "end_time", "live", "retain_days"]
ENTRY_FIELDS = ["asset", "tickers", "ticker", "schema", "interval", "empty_bars", "start_time", "end_time", "root"]


@given(
    st.dictionaries(st.sampled_from(FIELDS), json_values), st.dictionaries(st.sampled_from(ENTRY_FIELDS), json_values)
)
def test_whatever_is_sent_is_accepted_or_refused_and_nothing_else(top: JsonObject, own: JsonObject) -> None:
    for message in (body(**top), body(series=entry(**own)), {**top}, expand_short_form({**top, **own})):
        try:
            parse_request(message, NOW)
        except InvalidRequest as error:
            assert error.problems  # noqa: PT017


@pytest.mark.parametrize("where", ["start_time", "end_time"])
def test_a_time_in_digits_of_another_script_is_refused(where: str) -> None:
    assert wrong_fields(body(**{where: "1٣:00:00"})) == [where]


def test_hours_of_the_request_the_wrong_way_round_name_the_requests_field() -> None:
    assert wrong_fields(body(start_time="12:00:00", end_time="11:00:00")) == ["end_time"]


@pytest.mark.parametrize("top", [{"start_time": "noon"}, {"empty_bars": "zero"}])
def test_a_wrong_option_of_the_request_is_told_once(top: JsonObject) -> None:
    series = [{"asset": "stock", "ticker": ticker} for ticker in "ABC"]

    assert wrong_fields(body(series=series, **top)) == list(top)


# --- the last closed session ------------------------------------------------------------------------------

OHLCV, EOD = entry(), entry(schema="eod")


@pytest.mark.parametrize(
    ("now", "series", "last"),
    [
        pytest.param("2024-01-03T20:59:59+00:00", OHLCV, "2024-01-02", id="a second before the close"),
        pytest.param("2024-01-03T21:00:00+00:00", OHLCV, "2024-01-03", id="at the close"),
        pytest.param("2024-07-02T20:00:00+00:00", OHLCV, "2024-07-02", id="at the close, in summer"),
        pytest.param("2024-07-03T17:00:00+00:00", OHLCV, "2024-07-03", id="at a half-day's close"),
        pytest.param("2024-07-03T16:59:59+00:00", OHLCV, "2024-07-02", id="a second before it"),
        pytest.param("2024-07-07T12:00:00+00:00", OHLCV, "2024-07-05", id="on a Sunday"),
        pytest.param("2024-03-11T19:59:59+00:00", OHLCV, "2024-03-08", id="after summer time began, before the close"),
        pytest.param("2024-03-11T20:00:00+00:00", OHLCV, "2024-03-11", id="after summer time began, at the close"),
        pytest.param("2024-01-03T22:59:59+00:00", EOD, "2024-01-02", id="eod before 18:00 New York"),
        pytest.param("2024-01-03T23:00:00+00:00", EOD, "2024-01-03", id="eod at 18:00 New York"),
        pytest.param("2024-07-03T21:59:59+00:00", EOD, "2024-07-02", id="eod of a half-day before 18:00"),
        pytest.param("2024-07-03T22:00:00+00:00", EOD, "2024-07-03", id="eod of a half-day at 18:00"),
        pytest.param("2024-07-07T12:00:00+00:00", EOD, "2024-07-05", id="eod on a Sunday"),
        pytest.param("2024-01-03T21:30:00+00:00", OHLCV + entry(schema="eod", tickers=["B"]), "2024-01-02", id="both"),
        pytest.param("2024-01-03T22:30:00+00:00", entry(end_time="18:00:00"), "2024-01-02", id="late hours, too early"),
        pytest.param("2024-01-03T23:00:00+00:00", entry(end_time="18:00:00"), "2024-01-03", id="late hours, in time"),
        pytest.param(
            "2024-01-03T19:00:00+00:00", entry(end_time="12:00:00"), "2024-01-02", id="early hours, still open"
        ),
    ],
)
def test_a_range_ends_at_the_last_session_whose_rows_are_there(now: str, series: list[JsonObject], last: str) -> None:
    moment, day = dt.datetime.fromisoformat(now), dt.date.fromisoformat(last)
    too_late = (day + dt.timedelta(days=1)).isoformat()

    assert parse_request(body(start=last, end=last, series=series), moment).end == day
    assert wrong_fields(body(start=last, end=too_late, series=series), now=moment) == ["end"]
