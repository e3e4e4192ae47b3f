"""How a backtest that goes on is shown: lines in a log, bars on a terminal, and of many series only what matters."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from app.client import BacktestStatus
from app.commands import watching


def status(state: str, series: list[dict[str, Any]], done: int = 0, total: int = 10) -> BacktestStatus:
    progress = {"rows": sum(one["rows"] for one in series), "chunks_done": done, "chunks_total": total}
    return BacktestStatus.of({"backtest_id": "spring", "state": state, "progress": progress, "series": series})


def one(number: int, state: str, **more: Any) -> dict[str, Any]:
    return {"topic": f"topic-{number}", "state": state, "rows": number, **more}


def many(*states: str) -> list[dict[str, Any]]:
    return [one(number, states[number] if number < len(states) else "accepted") for number in range(1000)]


def bars(*states: BacktestStatus) -> str:
    seen = io.StringIO()
    console = Console(file=seen, force_terminal=True, width=160, color_system=None)
    assert watching._bars(console, iter(states)) == states[-1]
    return seen.getvalue()


def test_each_series_that_ends_is_a_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    states = [
        status("running", [one(1, "running"), one(2, "accepted")], 1),
        status("running", [one(1, "complete"), one(2, "running")], 1),
        status("running", [one(1, "complete"), one(2, "running")], 1),
        status("partial", [one(1, "complete"), one(2, "failed", reason="478 \x1b[31m")], 10),
    ]
    assert watching._lines(iter(states)) == states[-1]
    told = capsys.readouterr().err
    assert told.count("topic-1: complete, 1 rows\n") == 1
    assert "topic-2: failed, 2 rows: 478 \\x1b[31m\n" in told
    assert told.count("spring: running") == 1, "what has not changed is not told again"


def test_of_many_series_only_those_that_fail_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    watching._lines(iter([status("partial", many("complete", "failed", "complete"))]))
    told = capsys.readouterr().err
    assert "topic-1: failed" in told
    assert "topic-0" not in told


def test_of_many_series_only_a_few_that_run_have_bars() -> None:
    seen = bars(status("running", many(*["complete"] * 5, *["running"] * 100)), status("complete", many()))
    assert "topic-5 " in seen
    assert f"topic-{5 + watching._SHOWN - 1} " in seen
    assert f"topic-{5 + watching._SHOWN} " not in seen
    assert "topic-0 " not in seen


def test_a_table_shows_first_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    watching.show(status("partial", [*many(*["complete"] * 500), one(1000, "failed", reason="478")][::-1]))
    table = capsys.readouterr().out
    assert "topic-1000" in table
    assert "901 more series; --json tells of all" in table
