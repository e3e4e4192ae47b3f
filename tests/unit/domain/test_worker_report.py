"""What processes tell of themselves, and which of them are still there."""

from __future__ import annotations

import datetime as dt

from app.domain.worker_report import SILENT_AFTER, WorkerReport, standing

STARTED = dt.datetime(2024, 3, 1, 14, 30, tzinfo=dt.UTC)


def report(pid: int = 1, role: str = "history", **given: object) -> WorkerReport:
    return WorkerReport(role, "here", pid, "0.1.0", STARTED, "CONNECTED", **given)  # type: ignore[arg-type]


def test_a_report_is_read_back_as_it_was() -> None:
    one = report(missing={"index": "the control logs are being read"}, figures={"slots_in_use": 3.0})

    assert WorkerReport.decode(one.encode()) == one


def test_over_http_it_says_when_and_whether_it_is_ready() -> None:
    told = report(figures={"slots_in_use": 3.0}).as_json(1_709_303_400_250)

    assert told == {
        "role": "history",
        "instance": "here:1",
        "version": "0.1.0",
        "started_at": "2024-03-01T14:30:00.000Z",
        "at": "2024-03-01T14:30:00.250000Z",
        "ready": True,
        "missing": {},
        "provider_state": "CONNECTED",
        "slots_in_use": 3.0,
    }


def test_who_was_silent_for_long_is_gone_by_the_clock_of_the_reports_themselves() -> None:
    silent = int(SILENT_AFTER * 1000)
    reports = [
        (report(1), 10_000),
        (report(2), 10_000 + silent),
        (report(3), 9_999),
        (report(4, "coordinator"), 20_000),
    ]

    assert [one.pid for one, _ in standing(reports)] == [4, 1, 2]


def test_nobody_tells_anything_before_the_first_report() -> None:
    assert standing([]) == []
