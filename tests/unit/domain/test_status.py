"""The state of a backtest, made of the states of its series."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from app.domain.checking import parse_request
from app.domain.records import BacktestRecord, Checkpoint, SeriesState
from app.domain.status import backtest_state, receipts_wanted, status
from app.theta.limits import THETA_LIMITS

ACCEPTED_AT = dt.datetime(2025, 6, 3, 12, tzinfo=dt.UTC)
#: January to March at one minute: three chunks a series.
RECORD = BacktestRecord(
    parse_request(
        {
            "backtest_id": "spring",
            "start": "2024-01-02",
            "end": "2024-03-28",
            "series": [{"asset": "stock", "tickers": ["A", "B"]}, {"asset": "stock", "ticker": "A", "schema": "eod"}],
        },
        ACCEPTED_AT,
    ),
    9,
    ACCEPTED_AT,
)
A, B, EOD = (f"stock-{part}-historical-spring" for part in ("a-ohlcv1m", "b-ohlcv1m", "a-eod"))


def checkpoint(
    state: SeriesState, done: int = 0, total: int = 3, rows: int = 0, reason: str | None = None
) -> Checkpoint:
    return Checkpoint(9, 9, state, "plan", done, total, rows=rows, reason=reason)


def status_of(found: dict[str, Checkpoint], seconds: float = 0) -> dict[str, object]:
    return status(
        RECORD,
        lambda topic, run: found.get(topic) if run == 9 else None,
        ACCEPTED_AT + dt.timedelta(0, seconds),
        THETA_LIMITS,
    )


@pytest.mark.parametrize(
    ("series", "state"),
    [
        (["accepted"], "accepted"),
        (["accepted", "accepted"], "accepted"),
        (["running"], "running"),
        (["accepted", "running"], "running"),
        (["accepted", "complete"], "running"),
        (["accepted", "failed"], "running"),
        (["running", "complete", "failed"], "running"),
        (["running", "cancelled"], "running"),
        (["complete"], "complete"),
        (["complete", "complete"], "complete"),
        (["failed", "failed"], "failed"),
        (["complete", "failed"], "partial"),
        (["cancelled"], "cancelled"),
        (["complete", "cancelled"], "cancelled"),
        (["failed", "cancelled", "complete"], "cancelled"),
    ],
)
def test_the_states_of_the_series_make_that_of_the_backtest(series: list[str], state: str) -> None:
    for order in itertools.permutations(series):
        assert backtest_state(list(order)) == state


def test_before_anything_runs_every_chunk_is_still_to_come() -> None:
    assert status_of({}) == {
        "backtest_id": "spring",
        "state": "accepted",
        "accepted_at": "2025-06-03T12:00:00Z",
        "progress": {"rows": 0, "chunks_done": 0, "chunks_total": 7, "eta_seconds": None},
        "series": [{"topic": topic, "state": "accepted", "rows": 0} for topic in (A, B, EOD)],
    }


def test_rows_and_chunks_are_added_up_over_the_series() -> None:
    found = status_of({A: checkpoint("running", 1, 3, rows=100), EOD: checkpoint("complete", 1, 1, rows=60)}, 20)

    assert found["state"] == "running"
    assert found["progress"] == {"rows": 160, "chunks_done": 2, "chunks_total": 7, "eta_seconds": 50.0}


def test_there_is_no_estimate_before_the_first_chunk_and_after_the_last() -> None:
    assert status_of({A: checkpoint("running")}, 20)["progress"]["eta_seconds"] is None  # type: ignore[index]
    done = {A: checkpoint("complete", 3), B: checkpoint("complete", 3), EOD: checkpoint("complete", 1, 1)}
    assert status_of(done, 20)["progress"]["eta_seconds"] is None  # type: ignore[index]
    assert status_of(done)["state"] == "complete"


def test_a_failed_series_says_why() -> None:
    found = status_of(
        {
            A: checkpoint("complete", 3),
            B: checkpoint("failed", 1, reason="the terminal answered 471: no"),
            EOD: checkpoint("complete", 1, 1),
        }
    )

    assert found["state"] == "partial"
    series = {one["topic"]: one for one in found["series"]}  # type: ignore[attr-defined]
    assert series[B] == {"topic": B, "state": "failed", "rows": 0, "reason": "the terminal answered 471: no"}
    assert "reason" not in series[A]


def test_records_of_another_run_do_not_count() -> None:
    found = status(
        RECORD, lambda topic, run: checkpoint("complete", 3) if run == 8 else None, ACCEPTED_AT, THETA_LIMITS
    )

    assert found["state"] == "accepted"


def test_only_complete_series_have_a_receipt() -> None:
    found = status_of({A: checkpoint("complete", 3), B: checkpoint("failed", 1)})

    assert receipts_wanted(found, 9) == {A: 9}


CLOSE_BY = {"max_dte": 7, "strike_range": 5}


def test_an_option_that_has_not_begun_has_about_as_many_chunks_as_its_sessions() -> None:
    body = {
        "backtest_id": "autumn",
        "start": "2024-01-02",
        "end": "2024-01-31",
        "series": [{"asset": "option", "root": "SPXW", "schema": "quote", "interval": "1m", "contracts": CLOSE_BY}],
    }
    record = BacktestRecord(parse_request(body, ACCEPTED_AT), 9, ACCEPTED_AT)

    found = status(record, lambda *_: None, ACCEPTED_AT, THETA_LIMITS)

    assert found["state"] == "accepted"
    assert 21 <= found["progress"]["chunks_total"] <= 3 * 21
