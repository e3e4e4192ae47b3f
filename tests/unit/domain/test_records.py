"""Records of the control topics: what is written is read back as it was."""

from __future__ import annotations

import datetime as dt
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.checking import parse_request
from app.domain.contracts import Contracts
from app.domain.plan import Chunk, Plan, Step
from app.domain.planning import plan_series
from app.domain.records import (
    FINAL,
    NO_COUNTS,
    BacktestRecord,
    Checkpoint,
    PlanRecord,
    SeriesRecord,
    SeriesState,
    SessionCounts,
    decode_part,
    encode_part,
    part_key,
    plan_key,
    series_records,
)
from app.domain.series import SeriesName
from app.theta.limits import THETA_LIMITS

NOW = dt.datetime(2025, 6, 3, 12, 0, 0, 250_000, tzinfo=dt.UTC)


def accepted(series: list[dict[str, Any]], **more: Any) -> BacktestRecord:
    body = {"backtest_id": "spring", "start": "2024-01-02", "end": "2024-01-31", "series": series, **more}
    return BacktestRecord(parse_request(body, NOW), 42, NOW)


EVERYTHING = [
    {
        "asset": "stock",
        "tickers": ["AAPL", "BRK.B"],
        "interval": "5m",
        "start_time": "00:00:00",
        "end_time": "23:59:59",
    },
    {"asset": "stock", "ticker": "AAPL", "schema": "eod"},
    {"asset": "stock", "ticker": "AAPL", "empty_bars": "fill"},
    {
        "asset": "option",
        "root": "SPXW",
        "schema": "quote",
        "contracts": {
            "expirations": ["2024-03-15", "2024-02-16"],
            "strikes": [4700, "4812.505"],
            "right": "put",
            "max_dte": 45,
        },
    },
    {"asset": "option", "root": "SPXW", "schema": "greeks", "contracts": {"max_dte": 0, "strike_range": 1}},
]


@pytest.mark.parametrize("entry", EVERYTHING)
def test_an_accepted_backtest_is_read_back_as_it_was(entry: dict[str, Any]) -> None:
    record = accepted([entry], retain_days=7)

    again = BacktestRecord.decode(record.encode())

    assert again == record
    assert again.backtest.hash == record.backtest.hash
    assert again.backtest_id == "spring"


def test_what_was_accepted_stays_accepted_however_late_its_dates_are() -> None:
    future = BacktestRecord(
        parse_request(
            {
                "backtest_id": "later",
                "start": "2031-01-02",
                "end": "2031-01-03",
                "series": [{"asset": "stock", "ticker": "A", "schema": "eod"}],
            },
            dt.datetime(2031, 2, 1, tzinfo=dt.UTC),
        ),
        0,
        NOW,
    )

    assert BacktestRecord.decode(future.encode()) == future


def test_the_hash_is_recorded_beside_the_request() -> None:
    record = accepted(EVERYTHING)

    assert orjson.loads(record.encode())["hash"] == record.backtest.hash


def test_a_backtests_series_have_its_run_and_their_own_order_and_options() -> None:
    found = series_records(accepted(EVERYTHING, retain_days=7))

    assert [(one.topic, one.order) for one in found] == [
        ("stock-aapl-ohlcv5m-historical-spring", 0),
        ("stock-brk.b-ohlcv5m-historical-spring", 1),
        ("stock-aapl-eod-historical-spring", 2),
        ("stock-aapl-ohlcv1m-historical-spring", 3),
        ("option-spxw-quote-historical-spring", 4),
        ("option-spxw-greeks1m-historical-spring", 5),
    ]
    assert {(one.run, one.attempt, one.retain_days) for one in found} == {(42, 42, 7)}
    assert {(one.start, one.end) for one in found} == {(dt.date(2024, 1, 2), dt.date(2024, 1, 31))}
    assert [one.empty_bars for one in found] == ["drop", "drop", "drop", "fill", "drop", "drop"]
    assert [one.start_time for one in found] == [dt.time(0), dt.time(0), None, None, None, None]
    assert [one.contracts for one in found] == [
        *[None] * 4,
        Contracts((dt.date(2024, 2, 16), dt.date(2024, 3, 15)), (4_700_000, 4_812_505), "put", 45),
        Contracts(max_dte=0, strike_range=1),
    ]
    assert found[1].name == SeriesName("stock", "BRK.B", "ohlcv", "5m", "spring")


times = st.none() | st.times().map(lambda time: time.replace(microsecond=0))


@given(
    st.builds(
        SeriesRecord,
        topic=st.just("stock-aapl-ohlcv1m-historical-1"),
        run=st.integers(0, 2**53),
        attempt=st.integers(0, 2**53),
        order=st.integers(0, 10_000),
        start=st.dates(),
        end=st.dates(),
        empty_bars=st.sampled_from(["drop", "fill"]),
        start_time=times,
        end_time=times,
        retain_days=st.none() | st.integers(1, 36_500),
        contracts=st.none()
        | st.builds(
            Contracts,
            st.lists(st.dates(), max_size=3).map(tuple),
            st.lists(st.integers(1, 99_999_999), max_size=5).map(tuple),
            st.sampled_from(["both", "call", "put"]),
            st.none() | st.integers(0, 10_000),
            st.none() | st.integers(0, 10_000),
        ),
    )
)
def test_a_series_is_read_back_as_it_was(record: SeriesRecord) -> None:
    assert SeriesRecord.decode(record.topic, record.encode()) == record


def test_a_series_from_before_there_were_options_is_still_read() -> None:
    (record,) = series_records(accepted([{"asset": "stock", "ticker": "AAPL"}]))
    body = orjson.loads(record.encode())
    del body["contracts"]

    assert SeriesRecord.decode(record.topic, orjson.dumps(body)) == record


def test_a_plan_is_read_back_as_it_was() -> None:
    name = SeriesName("stock", "AAPL", "ohlcv", "1m", "1")
    plan = plan_series(name, dt.date(2024, 1, 2), dt.date(2024, 6, 28), None, None, THETA_LIMITS)
    record = PlanRecord(3, plan.digest, "topic-id", plan)

    assert PlanRecord.decode(record.encode()) == record
    assert orjson.loads(record.encode())["digest"] == plan.digest


def test_a_long_plan_fits_a_message_and_is_read_back_as_it_was() -> None:
    contracts = [Contracts((dt.date(2024, 3, 1) + dt.timedelta(days=i),), right="call") for i in range(100)]
    steps = [
        Step(tuple(Chunk(day, day, 1_000 + i, contracts=one) for i, one in enumerate(contracts)))
        for day in (dt.date(2024, 1, 2) + dt.timedelta(days=i) for i in range(250))
    ]
    plan = Plan(tuple(steps))
    record = PlanRecord(3, plan.digest, "topic-id", plan)

    assert len(orjson.dumps(plan.as_json())) > 3_000_000
    assert len(record.encode()) < 500_000
    assert PlanRecord.decode(record.encode()) == record
    assert PlanRecord.decode(record.encode()).plan.digest == plan.digest


@given(
    st.builds(
        Checkpoint,
        run=st.integers(0, 2**53),
        attempt=st.integers(0, 2**53),
        state=st.sampled_from(get_args(SeriesState)),
        plan=st.text("0123456789abcdef", min_size=16, max_size=16),
        chunks_done=st.integers(0, 1_000),
        chunks_total=st.integers(0, 1_000),
        rows=st.integers(0, 2**53),
        empty_bars=st.integers(0, 2**53),
        first=st.none() | st.integers(-(2**53), 2**53),
        last=st.none() | st.integers(-(2**53), 2**53),
        first_offset=st.integers(0, 2**53),
        next_offset=st.integers(0, 2**53),
        chain=st.binary(min_size=32, max_size=32).map(bytes.hex),
        part_rows=st.integers(0, 65_535),
        part_offset=st.integers(0, 2**53),
        reason=st.none() | st.text(max_size=20),
        receipt=st.none() | st.just({"rows": 1, "sessions": []}),
    )
)
def test_a_checkpoint_is_read_back_as_it_was(record: Checkpoint) -> None:
    assert Checkpoint.decode(record.encode()) == record


def test_a_checkpoint_does_not_spell_out_what_is_not_there() -> None:
    body = orjson.loads(Checkpoint(1, 1, "running", "p", 0, 1).encode())

    assert {"first", "last", "reason", "receipt"}.isdisjoint(body)
    assert body["chain"] == "0" * 64


counts_by_day = st.dictionaries(st.integers(-10_000, 40_000), st.integers(1, 10**9), max_size=30)


@given(st.integers(0, 2**53), st.builds(SessionCounts, counts_by_day, counts_by_day))
def test_session_counts_are_read_back_as_they_were(run: int, counts: SessionCounts) -> None:
    assert decode_part(encode_part(run, counts)) == counts


def test_session_counts_without_holes_do_not_speak_of_them() -> None:
    assert orjson.loads(encode_part(7, SessionCounts({19_724: 391}, {}))) == {"run": 7, "rows": {"19724": 391}}


@given(st.lists(st.builds(SessionCounts, counts_by_day, counts_by_day), max_size=4))
def test_session_counts_add_up_day_by_day(many: list[SessionCounts]) -> None:
    total = NO_COUNTS
    for one in many:
        total = total.plus(one)

    for name in ("rows", "missing"):
        days = {day for one in many for day in getattr(one, name)}
        assert getattr(total, name) == {day: sum(getattr(one, name).get(day, 0) for one in many) for day in days}


def test_the_keys_of_a_series_do_not_collide_with_topics_or_with_one_another() -> None:
    topic = "stock-a-ohlcv1m-historical-1"
    keys = {topic, plan_key(topic), part_key(topic, 1), part_key(topic, 11), part_key(topic + "1", 1)}

    assert len(keys) == 5


def test_the_final_states_are_those_after_which_nothing_happens() -> None:
    assert set(get_args(SeriesState)) - FINAL == {"accepted", "running", "deleted"}
