"""Resident memory of the history process while it moves some million rows, million by million.

About 50 MB go to disk a million rows, into a folder that is the caller's.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil  # type: ignore[import-untyped]

from app.errors import LocalServiceError
from app.local.platform import ENDPOINTS, LocalPlatform
from app.settings import load
from bench.waiting import FINAL, told
from bench.workload import Workload

TICKERS = ("AAPL", "AMD", "AMZN", "MSFT", "NVDA", "QQQ", "SPY", "TSLA")
#: What is left of the provider's rows when bars without trades are dropped, for these tickers; a little less.
_TRADED = 0.9
_SAMPLE = 0.05


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

    def median(self, million: int) -> float:
        """Of the sizes seen while so many whole millions were committed."""
        return statistics.median(self.by_million[million])

    @property
    def largest(self) -> float:
        return max(max(sizes) for sizes in self.by_million.values())


def watch(process: psutil.Process, http: httpx.Client, backtest_id: str) -> tuple[Samples, dict[str, Any]]:
    """Sample until the backtest is final; the samples and the backtest's last state."""
    samples, rows, asked = Samples(), 0, 0.0
    while True:
        now = time.monotonic()
        if now - asked >= 4 * _SAMPLE:
            asked, found = now, told(http, backtest_id)
            if found is not None:
                rows = int(found["progress"]["rows"])
                if found["state"] in FINAL:
                    return samples, found
        samples.add(rows, process.memory_info().rss)
        time.sleep(_SAMPLE)


@dataclass(frozen=True, slots=True)
class Moved:
    """What was seen: ``idle`` is the size before the first row, in MB; ``written`` are the MB on disk at the end."""

    rows: int
    idle: float
    samples: Samples
    written: float


def run(rows: int, folder: Path, say: Callable[[str], None]) -> Moved:
    """Bring everything up and run a backtest of at least so many rows. Raises ``LocalServiceError``."""
    workload = Workload.of_rows(round(rows / _TRADED), TICKERS)
    body = {
        "backtest_id": "memory",
        "tickers": list(workload.tickers),
        "start": workload.start.isoformat(),
        "end": workload.end.isoformat(),
        "schema": "ohlcv",
        "interval": "1s",
    }
    with LocalPlatform(load(state_dir=folder), say) as platform:
        pids = orjson.loads((folder / ENDPOINTS).read_bytes())["pids"]
        process = psutil.Process(pids["history"])
        tokens = platform.settings.tokens
        headers = {"Authorization": f"Bearer {tokens[0]}"} if tokens else {}
        with httpx.Client(base_url=platform.endpoints.web, timeout=30, trust_env=False, headers=headers) as http:
            idle = process.memory_info().rss / 1e6
            answer = http.post("/historical/stock", json=body)
            if answer.status_code != 202:
                raise LocalServiceError(f"the request was answered {answer.status_code}: {answer.text}")
            samples, found = watch(process, http, "memory")
            if not process.is_running():
                raise LocalServiceError("the history process ended meanwhile")
    if found["state"] != "complete":
        raise LocalServiceError(f"the backtest is {found['state']}")
    written = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    return Moved(int(found["progress"]["rows"]), idle, samples, written)
