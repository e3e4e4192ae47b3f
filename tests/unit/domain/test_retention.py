"""When a backtest expires."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from app.domain.checking import parse_request
from app.domain.records import BacktestRecord, Checkpoint, SeriesState
from app.domain.retention import ended_at, has_expired

ACCEPTED = dt.datetime(2025, 6, 3, 12, tzinfo=dt.UTC)
ENDED = dt.datetime(2025, 6, 4, 8, tzinfo=dt.UTC)
DAY = dt.timedelta(1)


def backtest(retain_days: int | None) -> BacktestRecord:
    series = [{"asset": "stock", "tickers": ["A", "B"]}]
    body = {"backtest_id": "b", "start": "2024-01-02", "end": "2024-01-03", "series": series}
    return BacktestRecord(parse_request({**body, "retain_days": retain_days}, ACCEPTED), 5, ACCEPTED)


def last_end(states: dict[str, tuple[SeriesState, dt.datetime]]) -> dt.datetime | None:
    def checkpoint(topic: str, run: int) -> Checkpoint | None:
        found = states.get(topic.split("-")[1])
        return None if found is None else Checkpoint(run, run, found[0], "", 0, 0)

    def written_at(topic: str, _run: int) -> int | None:
        found = states.get(topic.split("-")[1])
        return None if found is None else int(found[1].timestamp() * 1000)

    return ended_at(backtest(3), checkpoint, written_at)


def test_a_backtest_has_ended_when_its_last_series_has() -> None:
    assert last_end({"a": ("complete", ENDED), "b": ("failed", ENDED + DAY)}) == ENDED + DAY
    assert last_end({"a": ("complete", ENDED), "b": ("running", ENDED)}) is None
    assert last_end({"a": ("complete", ENDED)}) is None


@pytest.mark.parametrize(("days", "passed", "expired"), [(3, 2.99, False), (3, 3.0, True), (1, 40, True)])
def test_it_expires_so_many_days_after_that(days: int, passed: float, expired: bool) -> None:
    assert has_expired(backtest(days), ENDED, ENDED + dt.timedelta(passed)) is expired


def test_what_was_asked_to_run_again_has_not_ended() -> None:
    failed = Checkpoint(5, 5, "failed", "", 0, 0)
    at = int(ENDED.timestamp() * 1000)

    assert ended_at(backtest(3), lambda *_: failed, lambda *_: at) == ENDED
    assert ended_at(replace(backtest(3), retry=9), lambda *_: failed, lambda *_: at) is None
    assert ended_at(replace(backtest(3), retry=9), lambda *_: replace(failed, state="complete"), lambda *_: at) == ENDED


def test_what_runs_is_kept_for_ever_or_is_being_deleted_does_not_expire() -> None:
    late = ENDED + 1000 * DAY
    assert not has_expired(backtest(3), None, late)
    assert not has_expired(backtest(None), ENDED, late)
    assert not has_expired(replace(backtest(3), delete=9), ENDED, late)
