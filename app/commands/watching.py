"""A backtest as it goes on: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.client import Backtest, BacktestStatus
from app.commands.coordinator import FAILED, note
from app.commands.shown import console, printable

#: Series that have a bar or a line of their own at once; of more only those that run.
_SHOWN = 12
#: Series that a table lists.
_LISTED = 100
_INTERRUPTED = 130


def watch(backtest: Backtest) -> BacktestStatus:
    """Show how a backtest goes on until it has ended. An interrupt ends the command and not the backtest."""
    found = Console(highlight=False, markup=False)
    try:
        states = backtest.events()
        return _bars(found, states) if found.is_terminal else _lines(states)
    except KeyboardInterrupt:
        interrupted(backtest.id)


def interrupted(backtest_id: str) -> NoReturn:
    """End the command of who does not wait any longer."""
    note(f"\n{backtest_id} goes on; `fdp status {backtest_id} --watch` shows it, `fdp cancel {backtest_id}` ends it")
    raise typer.Exit(_INTERRUPTED) from None


def ended(status: BacktestStatus) -> None:
    """Tell how a backtest has ended; ends the command with exit code 1 when it is not complete."""
    show(status)
    if status.state != "complete":
        raise typer.Exit(FAILED)


def show(status: BacktestStatus) -> None:
    """A backtest with its series, as a table."""
    told = console()
    many = len(status.series) > 1 and len({one.state for one in status.series}) > 1
    table = Table("series", "state")
    table.add_column("rows", justify="right", no_wrap=True)
    spans = {one.topic: one for one in status.receipts}
    if spans:
        table.add_column("first (UTC)", no_wrap=True)
        table.add_column("last (UTC)", no_wrap=True)
    if status.reasons:
        table.add_column("reason", overflow="fold")
    # What is wrong is seen first.
    order = sorted(status.series, key=lambda one: one.state == "complete") if many else status.series
    for one in order[:_LISTED]:
        cells = [one.topic, one.state, f"{one.rows:,}"]
        if spans:
            receipt = spans.get(one.topic)
            ends = (receipt.first, receipt.last) if receipt is not None else (None, None)
            cells += ["" if end is None else f"{end:%Y-%m-%d %H:%M:%S}" for end in ends]
        if status.reasons:
            cells.append(printable(one.reason or ""))
        table.add_row(*cells, style="red" if one.state == "failed" else None)
    told.print(table)
    if len(order) > _LISTED:
        told.print(f"{len(order) - _LISTED:,} more series; --json tells of all", soft_wrap=True)
    told.print(f"{status.backtest_id}: {_sentence(status)}", soft_wrap=True)


def _sentence(status: BacktestStatus) -> str:
    progress = status.progress
    parts = [status.state, f"{progress.rows:,} rows", f"{progress.chunks_done:,} of {progress.chunks_total:,} chunks"]
    if progress.eta_seconds is not None:
        parts.append(f"about {progress.eta_seconds:,.0f} s more")
    return ", ".join(parts)


def _lines(states: Iterator[BacktestStatus]) -> BacktestStatus:
    """A line for what has changed: each series that ends, of many only those that do not end well."""
    ended: dict[str, str] = {}
    last = ""
    status: BacktestStatus | None = None
    for status in states:
        few = len(status.series) <= _SHOWN
        for one in status.series:
            if one.is_final and ended.get(one.topic) != one.state:
                ended[one.topic] = one.state
                if few or one.state != "complete":
                    why = f": {printable(one.reason)}" if one.reason else ""
                    note(f"{one.topic}: {one.state}, {one.rows:,} rows{why}")
        tenth = 10 * status.progress.chunks_done // max(1, status.progress.chunks_total)
        now = f"{status.state} {tenth}"
        if now != last and not status.is_final:
            note(f"{status.backtest_id}: {_sentence(status)}")
        last = now
    return _last(status)


def _bars(found: Console, states: Iterator[BacktestStatus]) -> BacktestStatus:
    """One bar for the whole, and one for each series, of many for those that run."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[said]}", markup=False),
        TimeElapsedColumn(),
    )
    status: BacktestStatus | None = None
    with Progress(*columns, console=found, transient=True) as shown:
        whole: TaskID | None = None
        bars: dict[str, TaskID] = {}
        for status in states:
            progress = status.progress
            if whole is None:
                whole = shown.add_task(status.backtest_id, total=None, said="")
            total = progress.chunks_total or None
            shown.update(whole, completed=progress.chunks_done, total=total, said=_sentence(status))
            _series_bars(shown, bars, status)
    return _last(status)


def _series_bars(shown: Progress, bars: dict[str, TaskID], status: BacktestStatus) -> None:
    if len(status.series) == 1:
        return
    few = len(status.series) <= _SHOWN
    wanted = [one for one in status.series if few or one.state == "running"][:_SHOWN]
    for topic in bars.keys() - {one.topic for one in wanted}:
        shown.remove_task(bars.pop(topic))
    for one in wanted:
        if one.topic not in bars:
            bars[one.topic] = shown.add_task(one.topic, total=None, start=False, said="")
        if one.state != "accepted":
            shown.start_task(bars[one.topic])
        # How many chunks a series has is told only of all together: its bar moves until it is full.
        full = {"completed": 1, "total": 1} if one.is_final else {}
        shown.update(bars[one.topic], said=f"{one.state}, {one.rows:,} rows", **full)  # type: ignore[arg-type]


def _last(status: BacktestStatus | None) -> BacktestStatus:
    # The events of a backtest always tell a final state, or end with an error.
    assert status is not None
    sys.stderr.flush()
    return status
