"""The state of a backtest: a pure function of the logs, which nobody stores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

from app.domain import sessions
from app.domain.handover import history_end
from app.domain.limits import Limits
from app.domain.planning import plan_series
from app.domain.records import FINAL, BacktestRecord, Checkpoint
from app.domain.request import SeriesRequest
from app.domain.series import SeriesName

BacktestState = Literal["accepted", "running", "complete", "partial", "failed", "cancelled"]
#: Those of a backtest that does not go on by itself.
ENDED: frozenset[str] = FINAL | {"partial"}


def backtest_state(series: list[str]) -> BacktestState:
    """What the states of its series make of a backtest."""
    kinds = set(series)
    if kinds <= {"accepted"}:
        return "accepted"
    if not kinds <= FINAL:
        return "running"
    if "cancelled" in kinds:
        return "cancelled"
    if kinds == {"complete"}:
        return "complete"
    return "failed" if kinds == {"failed"} else "partial"


def status(
    record: BacktestRecord, checkpoint: Callable[[str, int], Checkpoint | None], now: dt.datetime, limits: Limits
) -> dict[str, Any]:
    """The state of a backtest and of each series, as the coordinator tells it. ``now`` is for the estimate, and the
    provider's ``limits`` are for series that have not begun."""
    series: list[dict[str, Any]] = []
    rows = done = total = 0
    for name, entry in record.backtest.members():
        topic = name.topic
        found = checkpoint(topic, record.run)
        one: dict[str, Any] = {"topic": topic, "state": told_state(record, found)}
        one["rows"] = found.rows if found else 0
        if found and found.reason is not None and one["state"] == "failed":
            one["reason"] = found.reason
        series.append(one)
        rows += one["rows"]
        done += found.chunks_done if found else 0
        if found:
            total += found.chunks_total
        else:
            end = history_end(record.backtest, entry, record.accepted_at)
            total += _chunks(replace(entry, symbols=()), record.backtest.start, end, limits)
    state = backtest_state([one["state"] for one in series])
    eta = None
    if state == "running" and done:
        eta = round((now - record.accepted_at).total_seconds() * (total - done) / done, 1)
    return {
        "backtest_id": record.backtest_id,
        "state": state,
        "accepted_at": record.accepted_at.isoformat().replace("+00:00", "Z"),
        "progress": {"rows": rows, "chunks_done": done, "chunks_total": total, "eta_seconds": eta},
        "series": series,
    }


def told_state(record: BacktestRecord, found: Checkpoint | None) -> str:
    """The state of a series of this backtest as it is told."""
    if found is None:
        return "accepted"
    if found.state == "deleted":
        # Told of only while other series of its backtest are still there.
        return "cancelled"
    if found.state in FINAL and not found.ends(record.attempt):
        # It is to run again, and its owner has not begun.
        return "accepted"
    return found.state


@lru_cache(maxsize=1024)
def _chunks(entry: SeriesRequest, start: dt.date, end: dt.date, limits: Limits) -> int:
    """About how many chunks each series of an entry has, the same for every symbol. A chain can have ten thousands of
    them, which nobody waits for here: it counts a session each until its plan is there."""
    if entry.contracts is not None:
        return len(sessions.sessions(start, end))
    name = SeriesName(entry.asset, "A", entry.schema, entry.interval, None)
    return len(plan_series(name, start, end, entry.start_time, entry.end_time, limits).chunks)


def receipts_wanted(found: Mapping[str, Any], run: int) -> dict[str, int]:
    """Which series of a status have a receipt: topic to run."""
    return {one["topic"]: run for one in found["series"] if one["state"] == "complete"}
