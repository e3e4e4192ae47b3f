"""The `demo` command: the main job from nothing, and its result as a consumer group sees it."""

from __future__ import annotations

import datetime as dt
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.errors import LocalServiceError
from app.local.demo_groups import Collected, DailyRange, GroupResult, MovingAverage, read_group, verify
from app.local.demo_report import show
from app.local.platform import LocalPlatform, signals_set
from app.settings import Settings

BARS = {"tickers": ["AAPL", "MSFT"], "start": "2024-03-01", "end": "2024-03-28", "schema": "ohlcv", "interval": "1m"}
#: Days for which the simulator holds rows that were recorded from the real provider.
REPORTS = {"tickers": ["AAPL"], "start": "2024-01-02", "end": "2024-01-05", "schema": "eod"}
_FINAL = ("complete", "partial", "failed", "cancelled")


def run_demo(settings: Settings) -> None:
    """Bring the platform up, run two backtests, read them back twice, print what came, and stop it all again.

    Raises ``LocalServiceError`` when a series does not come out as its receipt says.
    """
    console = Console(highlight=False)
    begun = time.monotonic()
    console.print("[bold]Phase 1 Financial Data Platform[/bold]: a backtest request to finished Avro topics\n")
    interrupted = threading.Event()
    with signals_set(interrupted):
        platform = LocalPlatform(settings, lambda line: console.print(f"  [dim]{line}[/dim]"))
        try:
            if not platform.start(interrupted):
                raise KeyboardInterrupt
            console.print(f"  everything is up after {time.monotonic() - begun:.1f} s\n")
            _run(console, platform, interrupted)
        finally:
            console.print("[dim]  stopping[/dim]")
            platform.stop()
    console.print(f"\ndone in {time.monotonic() - begun:.1f} s")


def _run(console: Console, platform: LocalPlatform, interrupted: threading.Event) -> None:
    settings = platform.settings
    # A new id each time: the same request under the same id would be the backtest that is already there.
    stamp = dt.datetime.now(dt.UTC).strftime("demo-%Y%m%d-%H%M%S")
    with _client(settings, platform.endpoints.web) as http:
        bars = _post(console, http, f"{stamp}", BARS)
        reports = _post(console, http, f"{stamp}-eod", REPORTS)
        found = _watch(console, http, [bars, reports], interrupted)
    receipts = [receipt for one in found for receipt in one["receipts"]]
    topics = [receipt["topic"] for receipt in receipts]
    bar_topics = [topic for topic in topics if "-ohlcv1m-" in topic]
    begun = time.monotonic()
    groups = (MovingAverage(f"{stamp}-a", 20), DailyRange(f"{stamp}-b"))
    with ThreadPoolExecutor(len(groups)) as pool:
        results = [pool.submit(read_group, settings, group, bar_topics) for group in groups]
        read: list[GroupResult] = [result.result() for result in results]
    console.print(
        f"\nTwo consumer groups read the same topics at the same time, read_committed: "
        f"{' and '.join(f'{one.rows:,} rows ({one.group})' for one in read)} in {time.monotonic() - begun:.1f} s\n"
    )
    read.append(read_group(settings, Collected(f"{stamp}-c"), [t for t in topics if t not in bar_topics]))
    checked = verify(settings, receipts)
    show(console, read, receipts, checked, platform.endpoints)
    wrong = [topic for topic, fine in checked.items() if not fine]
    if wrong:
        raise LocalServiceError(f"{', '.join(wrong)} does not hold what its receipt says")


def _client(settings: Settings, web: str) -> httpx.Client:
    token = settings.first_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=web, timeout=30, trust_env=False, headers=headers)


def _post(console: Console, http: httpx.Client, backtest_id: str, body: dict[str, Any]) -> str:
    response = http.post("/historical/stock", json={"backtest_id": backtest_id, **body})
    if response.status_code != 202:
        raise LocalServiceError(f"the request was answered {response.status_code}: {response.text}")
    console.print(
        f"POST /historical/stock [bold]{backtest_id}[/bold]: {', '.join(body['tickers'])} {body['schema']}"
        f"{body.get('interval', '')} from {body['start']} to {body['end']} → 202"
    )
    return backtest_id


def _watch(console: Console, http: httpx.Client, ids: list[str], interrupted: threading.Event) -> list[dict[str, Any]]:
    """Show the progress of the backtests until all are final."""
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("chunks, {task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
    )
    found: dict[str, dict[str, Any]] = {}
    with Progress(*columns, console=console) as progress:
        tasks = {name: progress.add_task(name, total=None, rows=0) for name in ids}
        while not all(name in found and found[name]["state"] in _FINAL for name in ids):
            if interrupted.wait(0.1):
                raise KeyboardInterrupt
            for name in ids:
                found[name] = one = http.get(f"/backtests/{name}").raise_for_status().json()
                at = one["progress"]
                progress.update(tasks[name], completed=at["chunks_done"], total=at["chunks_total"], rows=at["rows"])
    for name in ids:
        failed = [f"{one['topic']}: {one['reason']}" for one in found[name]["series"] if "reason" in one]
        if failed:
            raise LocalServiceError(f"backtest {name} is {found[name]['state']}: {'; '.join(failed)}")
    return [found[name] for name in ids]
