"""How busy the provider's slots are kept: 12 series of 20 sessions at 400 ms of latency, by one worker and by three.

``python -m bench.slots`` brings the whole platform up as `local` does, with a simulator of its own process in the
terminal's place, and prints for each number of history workers: requests, the share of the slots' time that was
busy between the first and the last request, the most that waited in the terminal's queue, and how many requests
were refused because it was full.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

from app.errors import LocalServiceError
from app.local.platform import LocalPlatform
from app.settings import load
from bench.history_workers import workers as further_workers
from bench.machine import machine
from bench.services import exit_on_signals
from bench.waiting import completed

TICKERS = ("AAPL", "AMD", "AMZN", "BA", "BAC", "CSCO", "GE", "IBM", "KO", "MSFT", "NVDA", "T")
START, END, SESSIONS = "2024-03-04", "2024-04-01", 20
GOAL = 0.95


@contextmanager
def simulator(folder: Path, tier: str, latency: int) -> Iterator[str]:
    """A simulator in a process of its own; its URL."""
    ready = folder / "simulator.json"
    command = [sys.executable, "-m", "app", "simulator", "--http-port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen([*command, "--tier", tier, "--latency-ms", str(latency)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not ready.exists() or not ready.read_bytes().strip():
            if process.poll() is not None or time.monotonic() > deadline:
                raise LocalServiceError("the simulator did not start")
            time.sleep(0.05)
        yield str(orjson.loads(ready.read_bytes())["theta_http"])
    finally:
        process.terminate()
        process.wait(10)


def measure(platform: LocalPlatform, backtest_id: str, tickers: tuple[str, ...]) -> dict[str, Any]:
    """Run one backtest; what the simulator saw of it."""
    settings = platform.settings
    with httpx.Client(base_url=platform.endpoints.web, timeout=60, trust_env=False) as http:
        http.post(f"{settings.theta_url}/sim/reset").raise_for_status()
        body = {
            "backtest_id": backtest_id,
            "tickers": list(tickers),
            "start": START,
            "end": END,
            "schema": "ohlcv",
            "interval": "1s",
        }
        http.post("/historical/stock", json=body).raise_for_status()
        completed(http, backtest_id)
        seen: dict[str, Any] = http.get(f"{settings.theta_url}/sim/stats").json()
    history = [entry for entry in seen["recent"] if "/history/" in entry["path"]]
    span = max(entry["ended"] for entry in history) - min(entry["began"] for entry in history)
    return {
        "requests": len(history),
        "busy": seen["busy_slot_seconds"] / (seen["slots"] * span),
        "seconds": span,
        "most_queued": seen["max_queued"],
        "refused": seen["overflowed"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.slots", description=__doc__.splitlines()[0])
    parser.add_argument("--latency-ms", type=int, default=400, help="of each request (default: %(default)s)")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 3], help="(default: %(default)s)")
    options = parser.parse_args()
    exit_on_signals()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="fdp-bench-") as temporary:
        folder = Path(temporary)
        with (
            simulator(folder, "standard", options.latency_ms) as url,
            LocalPlatform(load(state_dir=folder / "state", theta_url=url), print) as platform,
        ):
            # The simulator makes a day when it is asked for first, which would count as a busy slot.
            measure(platform, "warm", TICKERS)
            for workers in options.workers:
                with further_workers(platform.settings, folder / f"by-{workers}", "history", workers - 1):
                    time.sleep(5 if workers > 1 else 0)  # the group settles
                    found = measure(platform, f"by-{workers}", TICKERS)
                met = "met" if found["busy"] >= GOAL and not found["refused"] else "missed"
                print(
                    f"{workers} worker{'s' if workers > 1 else ''}: {found['requests']} requests in "
                    f"{found['seconds']:.1f} s, slots busy {found['busy']:.1%} (goal {GOAL:.0%}), at most "
                    f"{found['most_queued']} queued, {found['refused']} refused with 429: {met}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
