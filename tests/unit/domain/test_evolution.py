"""Processes of two versions read each other's control records."""

from __future__ import annotations

import datetime as dt
from typing import Any, Protocol

import orjson
import pytest

from app.domain.live import Coverage, FeedState, Subscription
from app.domain.records import Checkpoint, SeriesRecord
from app.domain.worker_report import WorkerReport

NOW = dt.datetime(2024, 7, 2, 14, tzinfo=dt.UTC)
CHECKPOINT = Checkpoint(run=1, attempt=1, state="running", plan="p", chunks_done=1, chunks_total=2, rows=7)
REPORT = WorkerReport("history", "host", 1, "0.1.0", NOW, "CONNECTED", {}, {"rows": 1.0})
SERIES = SeriesRecord(
    "stock-ko-eod-historical-1", 1, 1, 0, dt.date(2024, 7, 1), dt.date(2024, 7, 2), "drop", None, None, None
)
SUBSCRIPTION = Subscription("stock-ko-trade-live", 1)


class Record(Protocol):
    def encode(self) -> bytes: ...

    @classmethod
    def decode(cls, value: bytes) -> Any: ...


TOLD: list[Record] = [CHECKPOINT, Coverage(1, "live"), FeedState("CONNECTED", "2024-07-02T14:00:00Z"), REPORT]


def of_a_later_version(value: bytes) -> bytes:
    return orjson.dumps({**orjson.loads(value), "invented_later": {"a": 1}})


@pytest.mark.parametrize("record", TOLD, ids=lambda record: type(record).__name__)
def test_what_is_told_may_have_fields_of_a_later_version(record: Record) -> None:
    assert type(record).decode(of_a_later_version(record.encode())) == record


def test_a_checkpoint_of_an_earlier_version_lacks_what_came_later() -> None:
    needed = {"run": 1, "attempt": 1, "state": "running", "plan": "p", "chunks_done": 1, "chunks_total": 2}
    assert Checkpoint.decode(orjson.dumps(needed)) == Checkpoint(**needed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "decode"),
    [
        (SERIES, lambda value: SeriesRecord.decode(SERIES.topic, value)),
        (SUBSCRIPTION, lambda value: Subscription.decode(SUBSCRIPTION.topic, value)),
    ],
    ids=["series", "subscription"],
)
def test_what_is_asked_may_not_for_rows_may_hang_on_it(record: Record, decode: Any) -> None:
    assert decode(record.encode()) == record
    with pytest.raises((TypeError, ValueError), match="invented_later"):
        decode(of_a_later_version(record.encode()))
