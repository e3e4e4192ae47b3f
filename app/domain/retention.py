"""When a backtest expires: a pure function of the logs and of the platform's own clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from app.domain.records import BacktestRecord, Checkpoint


def ended_at(
    record: BacktestRecord,
    checkpoint: Callable[[str, int], Checkpoint | None],
    written_at: Callable[[str, int], int | None],
) -> dt.datetime | None:
    """When the last series of a backtest ended; None while one has not. ``checkpoint`` and ``written_at`` (milliseconds
    since 1970) tell of a topic and a run."""
    last = 0
    for name, _ in record.backtest.members():
        found, at = checkpoint(name.topic, record.run), written_at(name.topic, record.run)
        if found is None or at is None or not found.ends(record.attempt):
            return None
        last = max(last, at)
    return dt.datetime.fromtimestamp(last / 1000, dt.UTC)


def has_expired(record: BacktestRecord, ended: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether a backtest is to be deleted: so many days after it ended, if it was asked for with ``retain_days``."""
    days = record.backtest.retain_days
    return record.delete is None and days is not None and ended is not None and now >= ended + dt.timedelta(days)
