"""Cancelling, retrying and deleting backtests: what is decided, and what the owners of their series make of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decide import Accepted, Decision, Instructed, Rejected, Repeated, decide
from app.domain.duty import duty
from app.domain.records import BacktestRecord, Checkpoint, SeriesRecord, SeriesState, series_records
from app.domain.status import status
from app.errors import Leaving
from app.theta.limits import THETA_LIMITS

NOW = dt.datetime(2025, 6, 3, 12, tzinfo=dt.UTC)
BODY = {"backtest_id": "spring", "start": "2024-01-02", "end": "2024-01-31", "tickers": ["AAPL", "MSFT"]}
Body = dict[str, Any]


class Log:
    """``requests`` decided message by message."""

    def __init__(self, *messages: Body) -> None:
        self.known: dict[str, BacktestRecord] = {}
        self.decisions: list[Decision] = []
        for message in messages:
            self.add(message)

    def add(self, message: Body) -> Decision:
        decision = decide(message, len(self.decisions), NOW, self.known.get)
        match decision:
            case Accepted(record):
                self.known[record.backtest_id] = record
            case Instructed(_, backtest_id, record) if record is not None:
                self.known[backtest_id] = record
        self.decisions.append(decision)
        return decision

    @property
    def series(self) -> SeriesRecord:
        return series_records(self.known["spring"])[0]


def ended(state: SeriesState, attempt: int = 0) -> Checkpoint:
    return Checkpoint(0, attempt, state, "plan", 1, 3, steps_done=1, rows=10)


def test_each_instruction_marks_the_backtest_and_its_series_with_its_offset() -> None:
    log = Log(BODY, {"cancel": "spring"}, {"retry": "spring"}, {"delete": "spring"})

    record = log.known["spring"]
    assert (record.run, record.cancel, record.retry, record.attempt, record.delete) == (0, 1, 2, 2, 3)
    assert (log.series.run, log.series.cancel, log.series.attempt, log.series.delete) == (0, 1, 2, 3)
    assert log.series.stamp == 3
    assert BacktestRecord.decode(record.encode()) == record
    assert SeriesRecord.decode(log.series.topic, log.series.encode()) == log.series


@pytest.mark.parametrize("what", ["cancel", "retry", "delete"])
def test_there_must_be_a_backtest_of_that_id(what: str) -> None:
    decision = Log().add({what: "spring"})

    assert isinstance(decision, Rejected)
    assert [problem.field for problem in decision.error.problems] == [what]
    assert "there is no backtest 'spring'" in str(decision.error)


@pytest.mark.parametrize("what", ["cancel", "retry", "delete"])
@pytest.mark.parametrize("value", [None, 3, ["spring"], {"id": "spring"}, True])
def test_it_is_named_by_its_id(what: str, value: object) -> None:
    decision = Log(BODY).add({what: value})

    assert isinstance(decision, Rejected)
    assert "name a backtest by its id" in str(decision.error)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"cancel": "spring", "retry": "spring"}, "retry"),
        ({"cancel": "spring", "run": 0}, "run"),
        ({"delete": "spring", "topics": True}, "topics"),
        ({"delete": "spring", "run": "0"}, "run"),
        ({"delete": "spring", "run": True}, "run"),
    ],
)
def test_what_else_is_said_is_refused_by_its_name(message: Body, field: str) -> None:
    decision = Log(BODY).add(message)

    assert isinstance(decision, Rejected)
    assert [problem.field for problem in decision.error.problems] == [field]


def test_what_is_cancelled_twice_or_deleted_twice_changes_once() -> None:
    log = Log(BODY, {"cancel": "spring"}, {"cancel": "spring"})
    assert log.decisions[-1] == Instructed("cancel", "spring", None)

    log.add({"retry": "spring"})
    assert isinstance(log.add({"cancel": "spring"}), Instructed)
    assert log.known["spring"].cancel == 4, "it was asked to run since"

    log.add({"delete": "spring"})
    assert log.add({"delete": "spring"}) == Instructed("delete", "spring", None)
    assert log.add({"cancel": "spring"}) == Instructed("cancel", "spring", None)


@pytest.mark.parametrize("message", [BODY, {**BODY, "tickers": ["GE"]}, {"retry": "spring"}])
def test_while_it_is_being_deleted_its_id_is_taken(message: Body) -> None:
    decision = Log(BODY, {"delete": "spring"}).add(message)

    assert isinstance(decision, Rejected)
    assert isinstance(decision.error, Leaving)
    assert "being deleted" in str(decision.error)


def test_an_expiry_hits_only_the_run_it_means() -> None:
    log = Log(BODY, {"delete": "spring", "run": 7})
    assert log.decisions[-1] == Instructed("delete", "spring", None)
    assert Log().add({"delete": "spring", "run": 7}) == Instructed("delete", "spring", None), "it is gone already"

    log.add({"delete": "spring", "run": 0})
    assert log.known["spring"].delete == 2


def test_the_same_request_again_after_a_cancellation_starts_nothing() -> None:
    log = Log(BODY, {"cancel": "spring"})

    assert log.add(BODY) == Repeated("spring")


def test_a_series_runs_until_it_has_ended() -> None:
    series = Log(BODY).series
    assert duty(series, None) == "run"
    assert duty(series, ended("running")) == "run"
    assert [duty(series, ended(state)) for state in ("complete", "failed", "cancelled")] == [None] * 3


def test_what_another_run_left_does_not_count() -> None:
    again = replace(Log(BODY).series, run=9, attempt=9)
    assert all(duty(again, ended(state)) == "run" for state in ("complete", "failed", "cancelled", "deleted"))


def test_a_cancelled_series_ends_unless_it_is_complete_or_failed() -> None:
    series = Log(BODY, {"cancel": "spring"}).series
    assert duty(series, None) == "cancel"
    assert duty(series, ended("running")) == "cancel"
    assert [duty(series, ended(state)) for state in ("complete", "failed", "cancelled")] == [None] * 3


def test_a_retry_runs_what_failed_or_was_cancelled_and_nothing_else() -> None:
    series = Log(BODY, {"cancel": "spring"}, {"retry": "spring"}).series
    assert duty(series, ended("failed")) == "run"
    assert duty(series, ended("cancelled")) == "run"
    assert duty(series, ended("complete")) is None
    assert duty(series, ended("failed", attempt=2)) is None, "this attempt has ended"


def test_a_retry_that_is_cancelled_before_it_began_ends_as_cancelled() -> None:
    series = Log(BODY, {"retry": "spring"}, {"cancel": "spring"}).series
    assert duty(series, ended("failed")) == "cancel"
    assert duty(series, ended("cancelled", attempt=1)) is None


def test_a_deletion_is_due_whatever_became_of_the_series_until_it_is_gone() -> None:
    series = Log(BODY, {"delete": "spring"}).series
    assert duty(series, None) == "delete"
    assert all(duty(series, ended(state)) == "delete" for state in ("running", "complete", "failed", "cancelled"))
    assert duty(series, ended("deleted")) is None


STATES: tuple[SeriesState, ...] = ("running", "complete", "failed", "cancelled", "deleted")
marks = st.none() | st.integers(1, 20)


@given(retry=marks, cancel=marks, delete=marks, state=st.none() | st.sampled_from(STATES), attempt=st.integers(0, 20))
def test_whoever_does_a_duty_has_no_more_of_it(
    retry: int | None, cancel: int | None, delete: int | None, state: SeriesState | None, attempt: int
) -> None:
    record = replace(Log(BODY).series, attempt=retry or 0, cancel=cancel, delete=delete)
    found = None if state is None else ended(state, attempt)
    match duty(record, found):
        case "run":
            assert all(duty(record, ended(to, record.attempt)) != "run" for to in ("complete", "failed"))
        case "cancel":
            assert duty(record, ended("cancelled", record.attempt)) is None
        case "delete":
            assert duty(record, ended("deleted", record.attempt)) is None


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_after_a_retry_a_series_is_told_as_accepted_until_its_owner_begins(state: SeriesState) -> None:
    log = Log(BODY, {"retry": "spring"})
    ends = {series.topic: ended(state) for series in series_records(log.known["spring"])}
    first = next(iter(ends))

    def told() -> tuple[str, list[str]]:
        found = status(log.known["spring"], lambda topic, _: ends.get(topic), NOW, THETA_LIMITS)
        return found["state"], [one["state"] for one in found["series"]]

    assert told() == ("accepted", ["accepted", "accepted"])
    ends[first] = ended("complete")
    assert told() == ("running", ["complete", "accepted"])
    ends = {topic: replace(found, attempt=1) for topic, found in ends.items()}
    assert told()[1] == ["complete", state]


def test_what_is_gone_while_others_are_not_is_told_as_cancelled() -> None:
    log = Log(BODY, {"delete": "spring"})
    found = status(log.known["spring"], lambda *_: ended("deleted"), NOW, THETA_LIMITS)

    assert [one["state"] for one in found["series"]] == ["cancelled", "cancelled"]
