"""Resident memory of the history process while it moves ten million rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from app.errors import LocalServiceError
from bench.figures import Figure, Section, at_most
from bench.memory import TICKERS, run

_TEXT = """The platform as `python -m app local` runs it, with the simulator in the terminal's place, and one backtest
of one-second bars of {tickers} stocks. The resident size of the history role's process is sampled twenty times a second
from the request to the backtest's end, by the million of rows that are committed. Flat is: the median of the last
whole million over that of the second (the first one fills pools and queues)."""
ROWS, QUICK_ROWS = 10_000_000, 3_000_000


def measure(quick: bool, say: Callable[[str], None]) -> Section:
    rows = QUICK_ROWS if quick else ROWS
    with tempfile.TemporaryDirectory(prefix="fdp-bench-") as temporary:
        found = run(rows, Path(temporary), say)
    if found.rows < rows:
        raise LocalServiceError(f"{found.rows:,} rows were moved; {rows:,} were meant")
    samples = found.samples
    second, last = samples.median(1), samples.median(found.rows // 1_000_000 - 1)
    figures = [
        Figure("before the first row", [found.idle], "MB"),
        Figure("in the second million, median", [second], "MB"),
        Figure("in the last whole million, median", [last], "MB"),
        Figure("last whole million / second", [last / second], "×", at_most(1.1)),
        Figure("largest", [samples.largest], "MB", at_most(250)),
    ]
    notes = [
        f"{found.rows:,} rows; {found.written:.0f} MB were written to disk and removed.",
        "Largest by million, MB: " + ", ".join(f"{max(sizes):.0f}" for _, sizes in sorted(samples.by_million.items())),
    ]
    text = _TEXT.format(tickers=len(TICKERS))
    return Section("memory", "Memory of the history role", text, (), figures, notes)
