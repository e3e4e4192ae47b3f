"""Live subscriptions: what is accepted, what a wrong one is told, and what becomes of it beside those that stand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.checking import parse_request
from app.domain.contract_filter import ContractFilter
from app.domain.contracts import Contracts
from app.domain.decide import Accepted, Decision, Rejected, Repeated, Subscribed, Unsubscribed, decide
from app.domain.fields import MAX_SERIES
from app.domain.handover import handover_after
from app.domain.listed import unlisted
from app.domain.live import Subscription
from app.domain.live_request import MOST_BYTES, LiveRequest, is_live_topic, parse_subscribe
from app.domain.records import BacktestRecord, live_subscriptions, series_records
from app.domain.schema import INTERVAL_SECONDS
from app.errors import HoursConflict, InvalidRequest

#: A Tuesday before the open: the last closed session is that of Monday, 2025-06-02.
NOW = dt.datetime(2025, 6, 3, 12, tzinfo=dt.UTC)
Body = dict[str, Any]


def stock(**more: Any) -> Body:
    return {"asset": "stock", "tickers": ["AAPL"], "schema": "trade", **more}


def option(**contracts: Any) -> Body:
    return {"asset": "option", "root": "SPXW", "schema": "quote", "contracts": contracts or None}


def wrong(body: object, **how: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        parse_subscribe(body, **how)
    return {problem.field: problem.message for problem in caught.value.problems}


def run(log: list[Body], now: dt.datetime = NOW) -> tuple[list[Decision], dict[str, Subscription]]:
    """Decide on a log from its beginning; the decisions, and what stands in the end."""
    known: dict[str, BacktestRecord] = {}
    standing: dict[str, Subscription] = {}
    decisions = []
    for offset, message in enumerate(log):
        decision = decide(message, offset, now, known.get, standing.get)
        match decision:
            case Accepted(record):
                known[record.backtest_id] = record
            case Unsubscribed(topic):
                del standing[topic]
        if isinstance(decision, Accepted | Subscribed):
            # As another coordinator finds it: read back from the log.
            standing |= {one.topic: Subscription.decode(one.topic, one.encode()) for one in decision.live}
        decisions.append(decision)
    return decisions, standing


# --- what comes out ---------------------------------------------------------------------------------------


def test_bars_of_a_minute_in_regular_hours_are_what_is_meant() -> None:
    found = parse_subscribe({"ticker": "aapl"}, asset="stock")

    assert found == LiveRequest("stock", ("AAPL",), "ohlcv", "1m")
    assert [one.topic for one in found.subscriptions(7)] == ["stock-aapl-ohlcv1m-live"]


def test_each_symbol_has_a_subscription_of_its_own() -> None:
    found = parse_subscribe(stock(tickers=["MSFT", "BRK.B", "msft"]))

    assert [(one.topic, one.run) for one in found.subscriptions(7)] == [
        ("stock-msft-trade-live", 7),
        ("stock-brk.b-trade-live", 7),
    ]


def test_no_contracts_mean_the_whole_chain() -> None:
    (one,) = parse_subscribe({"asset": "option", "root": "spxw", "schema": "trade"}).subscriptions(7)

    assert one == Subscription("option-spxw-trade-live", 7, (Contracts(),))


@pytest.mark.parametrize("interval", INTERVAL_SECONDS)
def test_bars_have_every_interval(interval: str) -> None:
    assert parse_subscribe(stock(schema="ohlcv", interval=interval)).interval == interval


@pytest.mark.parametrize("interval", [None, "tick"])
def test_quotes_come_at_each_change(interval: str | None) -> None:
    assert parse_subscribe(stock(schema="quote", interval=interval)).interval is None


def test_the_regular_hours_written_out_are_the_hours_left_out() -> None:
    assert parse_subscribe(stock(start_time="09:30:00", end_time="16:00:00")) == parse_subscribe(stock())


filters = st.fixed_dictionaries(
    {},
    optional={
        "expirations": st.lists(st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)).map(str), min_size=1, max_size=3),
        "right": st.sampled_from(["call", "put", "both"]),
        "max_dte": st.integers(0, 400),
        "strikes": st.lists(st.integers(1, 99_999_999).map(lambda mills: mills / 1000), min_size=1, max_size=3),
    },
)
hours = st.fixed_dictionaries(
    {}, optional={"start_time": st.sampled_from(["04:00:00", "09:30:00"]), "end_time": st.sampled_from(["20:00:00"])}
)
subscribes = st.one_of(
    st.builds(
        lambda tickers, schema, more: stock(tickers=tickers, schema=schema, **more),
        st.lists(st.sampled_from(["AAPL", "MSFT", "brk.b"]), min_size=1, max_size=3),
        st.sampled_from(["trade", "quote", "ohlcv"]),
        hours,
    ),
    st.builds(lambda contracts, more: option(**contracts) | more, filters, hours),
)


@given(subscribes)
def test_the_canonical_form_is_the_same_request(body: Body) -> None:
    found = parse_subscribe(body)

    assert parse_subscribe(found.canonical()) == found


# --- what a wrong one is told -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"asset": "bond", "tickers": ["A"]}, "asset"),
        ({"tickers": ["A"]}, "asset"),
        (stock(tickers=[]), "tickers"),
        (stock(tickers=["A", "B C"]), "tickers[1]"),
        (stock(ticker="A"), "ticker"),
        (stock(contracts={}), "contracts"),
        (stock(schema="trade_quote"), "schema"),
        (stock(interval="1m"), "interval"),
        (stock(schema="quote", interval="1s"), "interval"),
        (stock(schema="ohlcv", interval="tick"), "interval"),
        (stock(schema="ohlcv", interval="2m"), "interval"),
        (stock(start_time="9:30"), "start_time"),
        (stock(start_time="17:00:00"), "start_time"),
        (stock(start_time="12:00:00", end_time="11:00:00"), "end_time"),
        (stock(empty_bars="fill"), "empty_bars"),
        (stock(schema=7), "schema"),
        (option() | {"root": "TOOLONG"}, "root"),
        (option() | {"root": None}, "root"),
        (option() | {"ticker": "A"}, "ticker"),
        (option(strikes=["x"]), "contracts.strikes[0]"),
        (option(strikes=[1], strike_range=1), "contracts.strike_range"),
        (option(dte=1), "contracts.dte"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(body: Body, field: str) -> None:
    assert list(wrong(body)) == [field]
    assert list(wrong(body, at="subscribe.")) == [f"subscribe.{field}"]


def test_what_may_be_live_is_told() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_subscribe(stock(schema="eod"))
    assert caught.value.problems[0].allowed == ("trade", "quote", "ohlcv")

    with pytest.raises(InvalidRequest) as caught:
        parse_subscribe(stock(schema="quote", interval="1m"))
    assert caught.value.problems[0].allowed == ("tick",)


def test_a_misspelt_field_is_told_the_nearest_one() -> None:
    assert "did you mean tickers?" in wrong(stock(tikcers=["A"]))["tikcers"]


@pytest.mark.parametrize(("body", "kind"), [([], "a list"), (None, "null"), ("AAPL", "a string"), (7, "a number")])
def test_what_is_no_object_is_told_so(body: object, kind: str) -> None:
    assert kind in wrong(body)[""]
    assert kind in wrong(body, at="subscribe.")["subscribe"]


def test_an_asset_that_is_not_the_endpoints_is_told() -> None:
    assert "asset" in wrong(stock(), asset="option")


def test_a_request_has_no_more_series_than_a_backtest() -> None:
    tickers = [f"T{i}" for i in range(MAX_SERIES)]

    assert len(parse_subscribe(stock(tickers=tickers)).symbols) == MAX_SERIES
    assert "split" in wrong(stock(tickers=[*tickers, "U"]))["tickers"]


@pytest.mark.parametrize(
    ("topic", "live"),
    [
        ("stock-aapl-trade-live", True),
        ("option-spxw-ohlcv1m-live", True),
        ("stock-aapl-trade-historical-live", False),
        ("live", False),
        ("@position", False),
        ("", False),
    ],
)
def test_a_live_topic_is_known_by_its_name(topic: str, live: bool) -> None:
    assert is_live_topic(topic) is live


# --- what becomes of it -----------------------------------------------------------------------------------


def test_a_new_topic_has_the_messages_offset_as_its_run() -> None:
    decisions, standing = run([{"cancel": "x"}, {"subscribe": stock(tickers=["AAPL", "MSFT"])}])

    assert isinstance(decisions[1], Subscribed)
    assert decisions[1].topics == ("stock-aapl-trade-live", "stock-msft-trade-live")
    assert {one.run for one in standing.values()} == {1}


def test_what_stands_already_is_not_written_again() -> None:
    decisions, standing = run([{"subscribe": stock()}, {"subscribe": stock(tickers=["aapl"])}])

    assert decisions[1] == Subscribed(("stock-aapl-trade-live",), ())
    assert standing["stock-aapl-trade-live"].run == 0


def test_only_what_is_new_of_a_request_is_written() -> None:
    decisions, standing = run([{"subscribe": stock()}, {"subscribe": stock(tickers=["MSFT", "AAPL"])}])

    assert isinstance(decisions[1], Subscribed)
    assert [one.topic for one in decisions[1].live] == ["stock-msft-trade-live"]
    assert {topic: one.run for topic, one in standing.items()} == {
        "stock-aapl-trade-live": 0,
        "stock-msft-trade-live": 1,
    }


def test_universes_are_joined_and_the_run_stays() -> None:
    _, standing = run([{"subscribe": option(right="call")}, {"subscribe": option(right="put", max_dte=3)}])

    assert standing["option-spxw-quote-live"] == Subscription(
        "option-spxw-quote-live", 0, (Contracts(right="call"), Contracts(right="put", max_dte=3))
    )


def test_a_universe_that_holds_the_others_takes_their_place() -> None:
    decisions, standing = run([{"subscribe": option(right="call")}, {"subscribe": option()}, {"subscribe": option()}])

    assert standing["option-spxw-quote-live"].filters == (Contracts(),)
    assert decisions[2] == Subscribed(("option-spxw-quote-live",), ())


def test_other_hours_are_a_conflict_that_changes_nothing() -> None:
    log = [{"subscribe": stock()}, {"subscribe": stock(tickers=["MSFT", "AAPL"], end_time="20:00:00")}]
    decisions, standing = run(log)

    assert isinstance(decisions[1], Rejected)
    assert isinstance(decisions[1].error, HoursConflict)
    assert [problem.field for problem in decisions[1].error.problems] == ["end_time"]
    assert list(standing) == ["stock-aapl-trade-live"]


def test_what_is_ended_begins_as_another_run() -> None:
    topic = "stock-aapl-trade-live"
    decisions, standing = run(
        [{"subscribe": stock()}, {"unsubscribe": topic}, {"subscribe": stock(start_time="04:00:00")}]
    )

    assert decisions[1] == Unsubscribed(topic)
    assert standing == {topic: Subscription(topic, 2, start_time=dt.time(4))}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"unsubscribe": "stock-aapl-trade-live"}, "is not subscribed to"),
        ({"unsubscribe": "stock-aapl-trade-historical-1"}, "not the name of a live topic"),
        ({"unsubscribe": None}, "name a live topic, this is null"),
        ({"unsubscribe": ["stock-aapl-trade-live"]}, "a list"),
        ({"unsubscribe": "stock-aapl-trade-live", "subscribe": stock()}, "beside"),
        ({"subscribe": stock(), "key": 1}, "key: does not belong beside subscribe"),
        ({"subscribe": None}, "null"),
    ],
)
def test_a_message_that_says_nothing_that_can_be_done_is_rejected(message: Body, words: str) -> None:
    (decision,), standing = run([message])

    assert isinstance(decision, Rejected)
    assert words in str(decision.error)
    assert not standing


def test_a_record_never_outgrows_a_message() -> None:
    days = [str(dt.date(2025, 1, 1) + dt.timedelta(days=i)) for i in range(1000)]
    strikes = list(range(10_000, 10_999))
    log = [{"subscribe": option(expirations=days, strikes=[i + 1, *strikes])} for i in range(60)]
    decisions, standing = run(log)

    assert isinstance(decisions[0], Subscribed)
    assert isinstance(decisions[-1], Rejected)
    assert len(standing["option-spxw-quote-live"].encode()) <= MOST_BYTES


log_messages = st.one_of(
    subscribes.map(lambda body: {"subscribe": body}),
    st.sampled_from(["stock-aapl-trade-live", "stock-brk.b-quote-live", "option-spxw-quote-live"]).map(
        lambda topic: {"unsubscribe": topic}
    ),
)


@given(st.lists(log_messages, max_size=10))
def test_every_run_is_the_offset_of_the_message_that_began_it(log: list[Body]) -> None:
    decisions, standing = run(log)
    began: dict[str, int] = {}
    for offset, decision in enumerate(decisions):
        match decision:
            case Subscribed(topics):
                for topic in topics:
                    began.setdefault(topic, offset)
            case Unsubscribed(topic):
                del began[topic]

    assert {topic: one.run for topic, one in standing.items()} == began
    assert run(log)[1] == standing


# --- backtests that go on live ----------------------------------------------------------------------------


def backtest(**more: Any) -> Body:
    return {"backtest_id": "b", "start": "2025-05-29", "end": "2025-06-02", "ticker": "AAPL", "live": True, **more}


def test_a_request_without_live_is_what_it_was_before_there_was_live() -> None:
    body = {"backtest_id": "spring", "start": "2024-01-02", "end": "2024-01-31"}
    body["series"] = [{"asset": "stock", "tickers": ["AAPL"]}]  # type: ignore[assignment]

    assert "live" not in parse_request({**body, "live": False}, NOW).canonical()
    assert parse_request(body, NOW).hash == "7ebc5154e759ec07e41406927dba820d2bee626ed66dc17c5944c14ee477a42e"
    assert parse_request({**body, "live": True}, NOW).canonical()["live"] is True


def test_its_series_know_that_they_go_on() -> None:
    (decision,), standing = run([backtest(schema="trade")])

    assert isinstance(decision, Accepted)
    assert BacktestRecord.decode(decision.record.encode()) == decision.record
    assert [one.live for one in series_records(decision.record)] == [True]
    close = dt.datetime(2025, 6, 2, 20, tzinfo=dt.UTC)
    assert standing == {
        "stock-aapl-trade-live": Subscription("stock-aapl-trade-live", 0, start=int(close.timestamp()) * 1_000_000)
    }


def test_a_backtest_without_live_subscribes_to_nothing() -> None:
    assert run([backtest(live=False)])[1] == {}


def test_it_widens_what_stands_and_keeps_its_run() -> None:
    asked = {"subscribe": {"asset": "option", "root": "SPXW", "schema": "quote", "contracts": {"right": "call"}}}
    body = backtest(root="SPXW", schema="quote", contracts={"right": "put"})
    del body["ticker"]
    decisions, standing = run([asked, body, body])

    (one,) = standing.values()
    assert (one.run, len(one.filters)) == (0, 2)
    assert one.start == handover_after(dt.date(2025, 5, 29), dt.date(2025, 6, 2), None)
    assert decisions[2] == Repeated("b")


def test_its_hours_have_to_be_those_of_what_stands() -> None:
    decisions, standing = run([{"subscribe": stock()}, backtest(schema="trade", end_time="20:00:00")])

    assert isinstance(decisions[1], Rejected)
    assert isinstance(decisions[1].error, HoursConflict)
    assert standing["stock-aapl-trade-live"].start is None


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"schema": "eod"}, "schema"),
        ({"schema": "trade_quote"}, "schema"),
        ({"schema": "quote", "interval": "1s"}, "interval"),
        ({"ticker": None, "root": "SPXW", "schema": "greeks"}, "schema"),
        ({"end": "2025-06-04"}, "end"),
        ({"start": "2025-06-03", "end": "2025-06-03"}, "start"),
    ],
)
def test_what_cannot_go_on_live_is_told_by_its_field(more: Body, field: str) -> None:
    (decision,), _ = run([backtest(**more)])

    assert isinstance(decision, Rejected)
    assert [problem.field for problem in decision.error.problems] == [field]


def test_an_end_that_is_not_over_is_history_as_far_as_it_is_closed() -> None:
    (decision,), standing = run([backtest(end="2025-06-03")])

    assert isinstance(decision, Accepted)
    assert decision.record.backtest.end == dt.date(2025, 6, 3)
    (series,) = series_records(decision.record)
    assert series.end == dt.date(2025, 6, 2)
    (one,) = standing.values()
    assert one.start == handover_after(series.start, series.end, None)
    # Asked again after today's close it is still the same request.
    later = NOW + dt.timedelta(hours=12)
    again = decide(backtest(end="2025-06-03"), 9, later, lambda _: decision.record, standing.get)
    assert again == Repeated("b")


@pytest.mark.parametrize(
    ("start", "end", "end_time", "after"),
    [
        ("2024-07-01", "2024-07-02", None, "2024-07-02T20:00:00"),
        ("2024-07-01", "2024-07-07", None, "2024-07-05T20:00:00"),
        ("2024-07-01", "2024-07-02", "20:00:00", "2024-07-03T00:00:00"),
        ("2024-07-03", "2024-07-03", None, "2024-07-03T20:00:00"),
        ("2024-01-02", "2024-01-02", None, "2024-01-02T21:00:00"),
        ("2024-07-06", "2024-07-07", None, "2024-07-07T20:00:00"),
    ],
)
def test_live_takes_over_after_the_last_session(start: str, end: str, end_time: str | None, after: str) -> None:
    found = handover_after(
        dt.date.fromisoformat(start),
        dt.date.fromisoformat(end),
        end_time and dt.time.fromisoformat(end_time),  # type: ignore[arg-type]
    )

    assert found == int(dt.datetime.fromisoformat(after).replace(tzinfo=dt.UTC).timestamp()) * 1_000_000


def test_what_is_subscribed_comes_in_the_requests_order() -> None:
    body = {
        **backtest(
            series=[{"asset": "stock", "tickers": ["B", "A"]}, {"asset": "stock", "ticker": "A", "schema": "trade"}]
        )
    }
    del body["ticker"]
    record = BacktestRecord(parse_request(body, NOW), 5, NOW)

    assert [one.topic for one in live_subscriptions(record)] == [
        "stock-b-ohlcv1m-live",
        "stock-a-ohlcv1m-live",
        "stock-a-trade-live",
    ]


# --- contracts that are listed ----------------------------------------------------------------------------

FRIDAY, NEXT = dt.date(2025, 6, 6), dt.date(2025, 6, 13)
LISTED = {FRIDAY: frozenset({100_000, 102_500, 105_000}), NEXT: frozenset({100_000, 110_000})}


def told(expirations: list[str], strikes: list[Any] | None, known: Any = (FRIDAY, NEXT), **more: Any) -> dict[str, Any]:
    asked = ContractFilter.model_validate({"expirations": expirations, "strikes": strikes})
    problems = unlisted("XYZ", asked, known, more.get("listed", LISTED))
    return {problem.field: problem.allowed for problem in problems}


def test_what_is_listed_passes() -> None:
    assert told(["2025-06-06", "2025-06-13"], [100, "102.500", 110.0]) == {}
    assert unlisted("XYZ", None, (FRIDAY,), {}) == []


def test_a_strike_that_no_named_expiration_has_is_told_with_its_neighbours() -> None:
    assert told(["2025-06-06"], ["102.5", 103, 110]) == {
        "contracts.strikes[1]": ("100", "102.5", "105"),
        "contracts.strikes[2]": ("100", "102.5", "105"),
    }


def test_an_expiration_that_is_not_listed_is_told_with_its_neighbours() -> None:
    assert told(["2025-06-13", "2025-06-07"], None) == {"contracts.expirations[1]": ("2025-06-06", "2025-06-13")}
    assert told(["2025-06-07"], [100], None, listed={dt.date(2025, 6, 7): frozenset()}) == {
        "contracts.expirations[0]": None
    }


def test_a_root_of_which_nothing_is_listed_is_told() -> None:
    assert told(["2025-06-06"], [100], ()) == {"root": None}


def test_what_the_provider_did_not_answer_is_not_held_against_anybody() -> None:
    assert told(["2025-06-07"], [7], None, listed={}) == {}
    # Only one of the two expirations is known, so the strike may be the other one's.
    assert told(["2025-06-06", "2025-06-13"], [110], listed={FRIDAY: LISTED[FRIDAY]}) == {}
