"""The index counts backtests that are not finished."""

from __future__ import annotations

import orjson
import pytest

from app.domain.records import Checkpoint, SeriesRecord
from app.errors import InvalidRequest
from app.kafka.index import Index
from app.kafka.topics import BACKTESTS, PROGRESS, SERIES
from app.settings import load
from tests.unit.kafka.followed import FollowedLog, following


class Log(FollowedLog):
    def series(self, topic: str, run: int, attempt: int | None = None) -> None:
        import datetime as dt

        day = dt.date(2024, 1, 2)
        record = SeriesRecord(topic, run, run if attempt is None else attempt, 0, day, day, "drop", None, None, None)
        self.put(SERIES, topic, record.encode())

    def progress(self, topic: str, run: int, state: str, attempt: int | None = None) -> None:
        one = Checkpoint(run, run if attempt is None else attempt, state, "", 0, 1)  # type: ignore[arg-type]
        self.put(PROGRESS, topic, one.encode())


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> tuple[Index, Log]:
    return following(monkeypatch, Log, lambda: Index(load(), {SERIES: 1, PROGRESS: 1}))


ONE, OTHER, THIRD = (
    f"stock-{ticker}-ohlcv1m-historical-{name}" for ticker, name in (("a", "x"), ("b", "x"), ("a", "y"))
)


def test_a_backtest_counts_once_from_its_first_series_to_the_end_of_its_last(made: tuple[Index, Log]) -> None:
    index, log = made
    counts = []
    for step in (
        lambda: log.series(ONE, 1),
        lambda: log.series(OTHER, 1),
        lambda: log.series(THIRD, 2),
        lambda: log.progress(ONE, 1, "running"),
        lambda: log.progress(ONE, 1, "complete"),
        lambda: log.progress(ONE, 1, "complete"),
        lambda: log.progress(OTHER, 1, "failed"),
        lambda: log.progress(THIRD, 2, "cancelled"),
    ):
        step()
        counts.append(index.unfinished_backtests)
    assert counts == [1, 1, 2, 2, 2, 2, 1, 0]


def test_one_that_is_tried_again_counts_again_and_one_that_is_deleted_does_not(made: tuple[Index, Log]) -> None:
    index, log = made
    log.series(ONE, 1)
    log.progress(ONE, 1, "failed")
    log.series(ONE, 1, attempt=5)
    assert index.unfinished_backtests == 1
    log.put(SERIES, ONE, None)
    assert index.unfinished_backtests == 0
    log.progress(ONE, 1, "running", attempt=5)
    assert index.unfinished_backtests == 0


def test_a_backtest_of_a_later_version_is_known_as_such_until_it_is_gone(made: tuple[Index, Log]) -> None:
    index, log = made
    series = [{"asset": "stock", "tickers": ["KO"], "schema": "eod"}]
    request = {"backtest_id": "new", "start": "2024-01-02", "end": "2024-01-02", "series": series, "invented_later": 1}
    record = {"run": 1, "hash": "h", "accepted_at": "2024-01-03T00:00:00+00:00", "request": request}
    assert index.beyond is None
    with pytest.raises(InvalidRequest, match="invented_later"):
        log.put(BACKTESTS, "new", orjson.dumps(record))
    assert (index.beyond, index.backtest("new")) == ("new", None)
    log.put(BACKTESTS, "new", None)
    assert index.beyond is None


def test_what_is_no_backtest_at_all_holds_nobody_up(made: tuple[Index, Log]) -> None:
    index, log = made
    with pytest.raises(KeyError):
        log.put(BACKTESTS, "noise", b"{}")
    assert index.beyond is None
