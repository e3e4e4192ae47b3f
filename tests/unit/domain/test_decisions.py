"""Deciding on messages: pure, so that two coordinators that see one log agree."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decide import Accepted, Decision, Instructed, Rejected, Repeated, decide
from app.domain.records import BacktestRecord
from app.errors import Conflict

NOW = dt.datetime(2025, 6, 3, 12, tzinfo=dt.UTC)
Body = dict[str, Any]


def body(backtest_id: str = "spring", ticker: str = "AAPL", **more: Any) -> Body:
    return {"backtest_id": backtest_id, "start": "2024-01-02", "end": "2024-01-31", "ticker": ticker, **more}


def run(log: list[Body], now: dt.datetime = NOW) -> list[Decision]:
    """Decide on a log from its beginning."""
    known: dict[str, BacktestRecord] = {}
    decisions = []
    for offset, message in enumerate(log):
        decision = decide(message, offset, now, known.get)
        if isinstance(decision, Accepted):
            known[decision.record.backtest_id] = decision.record
        elif isinstance(decision, Instructed) and decision.record is not None:
            known[decision.backtest_id] = decision.record
        decisions.append(decision)
    return decisions


def test_a_new_request_is_accepted_as_the_run_of_its_offset() -> None:
    decision = decide(body(), 17, NOW, lambda _: None)

    assert isinstance(decision, Accepted)
    assert (decision.record.run, decision.record.accepted_at) == (17, NOW)
    assert [name.topic for name, _ in decision.record.backtest.members()] == ["stock-aapl-ohlcv1m-historical-spring"]


def test_the_full_form_is_decided_like_the_short_one() -> None:
    full = body(series=[{"asset": "stock", "tickers": ["aapl"], "schema": "ohlcv"}])
    del full["ticker"]

    assert isinstance(run([full])[0], Accepted)
    assert run([body(), full])[1] == Repeated("spring")


def test_the_same_request_again_is_nothing_to_do() -> None:
    assert run([body(), body(ticker="aapl", interval="1m", retain_days=3)])[1] == Repeated("spring")


def test_another_request_under_a_taken_id_is_a_conflict() -> None:
    decision = run([body(), body(ticker="MSFT")])[1]

    assert isinstance(decision, Rejected)
    assert isinstance(decision.error, Conflict)
    assert [problem.field for problem in decision.error.problems] == ["backtest_id"]
    assert "spring" in str(decision.error)


def test_two_ids_do_not_get_into_each_others_way() -> None:
    accepted = run([body("one"), body("two")])

    assert [decision.record.run for decision in accepted if isinstance(decision, Accepted)] == [0, 1]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (body(ticker="A B"), "ticker"),
        (body(interval="2m"), "interval"),
        (body(start="x"), "start"),
        ({**body(), "series": []}, "series"),
        ({**body(), "series": None}, "series"),
        ({}, "backtest_id"),
        (body(cancel="spring"), "cancel"),
    ],
)
def test_an_invalid_request_is_rejected_with_its_fields(message: Body, field: str) -> None:
    decision = decide(message, 0, NOW, lambda _: None)

    assert isinstance(decision, Rejected)
    assert field in [problem.field for problem in decision.error.problems]


def test_a_rejected_request_takes_no_id() -> None:
    assert isinstance(run([body(ticker="A B"), body()])[1], Accepted)


def test_the_time_of_the_message_decides_what_is_closed() -> None:
    message = body(end="2024-01-31")
    before, after = (dt.datetime(2024, 1, 31, hour, tzinfo=dt.UTC) for hour in (20, 21))

    assert isinstance(decide(message, 0, before, lambda _: None), Rejected)
    assert isinstance(decide(message, 0, after, lambda _: None), Accepted)


messages = st.builds(
    lambda i, ticker, more: body(i, ticker, **more),
    st.sampled_from(["a", "b", "A_"]),
    st.sampled_from(["AAPL", "aapl", "MSFT", "$"]),
    st.sampled_from([{}, {"retain_days": 1}, {"interval": "5m"}, {"cancel": "a"}, {"colour": 1}]),
)


@given(st.lists(messages, max_size=12))
def test_the_same_log_gives_the_same_decisions(log: list[Body]) -> None:
    first, second = run(log), run(log)

    assert [type(one) for one in first] == [type(one) for one in second]
    assert [one for one in first if isinstance(one, Accepted)] == [one for one in second if isinstance(one, Accepted)]
    assert [str(one.error) for one in first if isinstance(one, Rejected)] == [
        str(one.error) for one in second if isinstance(one, Rejected)
    ]


@given(st.lists(messages, max_size=12))
def test_an_id_is_accepted_once(log: list[Body]) -> None:
    accepted = [one.record.backtest_id for one in run(log) if isinstance(one, Accepted)]

    assert len(set(accepted)) == len(accepted)


@given(st.lists(messages, min_size=1, max_size=6), st.integers(0, 5))
def test_a_decision_made_again_from_what_was_recorded_is_the_same(log: list[Body], at: int) -> None:
    known: dict[str, BacktestRecord] = {}
    for offset, message in enumerate(log):
        decision = decide(message, offset, NOW, known.get)
        if isinstance(decision, Accepted):
            # As another coordinator finds it: read back from the log.
            known[decision.record.backtest_id] = BacktestRecord.decode(decision.record.encode())
            assert decide(message, offset, NOW, known.get) == Repeated(decision.record.backtest_id)
