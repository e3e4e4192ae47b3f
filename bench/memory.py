"""Resident memory of the history process while it moves some million rows.

``python -m bench.memory`` brings the whole platform up as `local` does, with the simulator in the terminal's place,
asks for one backtest of one-second bars, and prints the least, median and largest resident size of the history
role's process for each million rows that it has committed. About 50 MB go to disk a million rows, into a folder
that is removed at the end.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil  # type: ignore[import-untyped]

from app.errors import LocalServiceError
from app.local.platform import ENDPOINTS, LocalPlatform
from app.settings import load
from bench.machine import machine
from bench.services import exit_on_signals
from bench.workload import Workload

TICKERS = ("AAPL", "AMD", "AMZN", "MSFT", "NVDA", "QQQ", "SPY", "TSLA")
GOAL_MB = 300
#: What is left of the provider's rows when bars without trades are dropped, for these tickers; a little less.
_TRADED = 0.9
_MOST_ROWS = 50_000_000
_SAMPLE = 0.05
_FINAL = ("complete", "partial", "failed", "cancelled")


class Samples:
    """Resident sizes in MB (10^6 bytes), by the million of rows committed so far."""

    def __init__(self) -> None:
        self.by_million: dict[int, list[float]] = defaultdict(list)

    def add(self, rows: int, size: int) -> None:
        self.by_million[rows // 1_000_000].append(size / 1e6)

    def show(self) -> None:
        print(f"{'million':>8}  {'samples':>7}  {'min MB':>7}  {'median':>7}  {'max':>7}")
        for million, sizes in sorted(self.by_million.items()):
            print(
                f"{million:>3} to {million + 1:<2}  {len(sizes):7}  "
                f"{min(sizes):7.1f}  {statistics.median(sizes):7.1f}  {max(sizes):7.1f}"
            )

    @property
    def largest(self) -> float:
        return max(max(sizes) for sizes in self.by_million.values())


def watch(process: psutil.Process, http: httpx.Client, backtest_id: str) -> tuple[Samples, dict[str, Any]]:
    """Sample until the backtest is final; the samples and the backtest's last state."""
    samples, rows, asked = Samples(), 0, 0.0
    while True:
        now = time.monotonic()
        if now - asked >= 4 * _SAMPLE:
            asked, answer = now, http.get(f"/backtests/{backtest_id}")
            # Accepted is not decided: for a moment after the 202 there may be no such backtest yet.
            if answer.status_code != 404:
                found: dict[str, Any] = answer.raise_for_status().json()
                rows = int(found["progress"]["rows"])
                if found["state"] in _FINAL:
                    return samples, found
        samples.add(rows, process.memory_info().rss)
        time.sleep(_SAMPLE)


def run(rows: int, folder: Path) -> None:
    """Bring everything up, run the backtest, print what was seen."""
    workload = Workload.of_rows(round(rows / _TRADED), TICKERS)
    body = {
        "backtest_id": "memory",
        "tickers": list(workload.tickers),
        "start": workload.start.isoformat(),
        "end": workload.end.isoformat(),
        "schema": "ohlcv",
        "interval": "1s",
    }
    with LocalPlatform(load(state_dir=folder), print) as platform:
        pids = orjson.loads((folder / ENDPOINTS).read_bytes())["pids"]
        process = psutil.Process(pids["history"])
        tokens = platform.settings.tokens
        headers = {"Authorization": f"Bearer {tokens[0]}"} if tokens else {}
        with httpx.Client(base_url=platform.endpoints.web, timeout=30, trust_env=False, headers=headers) as http:
            idle = process.memory_info().rss / 1e6
            begun = time.monotonic()
            answer = http.post("/historical/stock", json=body)
            if answer.status_code != 202:
                raise LocalServiceError(f"the request was answered {answer.status_code}: {answer.text}")
            samples, found = watch(process, http, "memory")
            seconds = time.monotonic() - begun
            if not process.is_running():
                raise LocalServiceError("the history process ended meanwhile")
    moved = int(found["progress"]["rows"])
    print(
        f"\n1s bars of {len(workload.tickers)} tickers, {len(workload.days)} sessions: {found['state']}, "
        f"{moved:,} rows in {seconds:.0f} s; the simulator made them meanwhile, so this is no measure of speed"
    )
    print(f"resident memory of the history process: {idle:.1f} MB before the first row\n")
    samples.show()
    written = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    met = "met" if samples.largest < GOAL_MB and moved >= rows and found["state"] == "complete" else "missed"
    print(f"\nlargest {samples.largest:.1f} MB over {moved:,} rows; goal under {GOAL_MB} MB, {met}")
    print(f"{written:.0f} MB were written to disk and are removed")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000, help="at least so many (default: %(default)s)")
    options = parser.parse_args()
    if not 0 < options.rows <= _MOST_ROWS:
        parser.error(f"--rows must be at most {_MOST_ROWS}, got {options.rows}")
    exit_on_signals()
    print(machine())
    folder = Path(tempfile.mkdtemp(prefix="fdp-bench-"))
    try:
        run(options.rows, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
