"""A provider that does as it is told, and what tests of the fetcher have in common."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from app.domain.limits import UNLIMITED, Limits
from app.domain.listing import Listing, Need
from app.domain.plan import Chunk, Plan, Step
from app.domain.records import SeriesRecord
from app.domain.rows import Rows
from app.domain.series import SeriesName
from app.domain.sizes import step_bytes
from app.domain.times import micros_of
from app.errors import PlatformError
from app.history.fetch import Fetcher
from app.history.work import Fetched, SeriesFetch

FIRST_DAY = dt.date(2024, 1, 2)
CHUNK_ROWS = 100
CHUNK_BYTES = step_bytes(SeriesName("stock", "A", "ohlcv", "1m", "1"), CHUNK_ROWS)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.002)


class FakeProvider:
    """Gives a bar per chunk. ``script`` has, by ticker and chunk, what each further call raises."""

    name = "fake"
    limits: Limits = UNLIMITED

    def __init__(self) -> None:
        self.script: dict[tuple[str, int], list[Exception]] = defaultdict(list)
        self.calls: list[tuple[str, int]] = []
        self.chunks: list[Chunk] = []
        self.traded, self.empty_bars = 1, 0
        self.gate = threading.Event()
        self.gate.set()
        #: Chunks that wait for the gate; None: all.
        self.gated: set[tuple[str, int]] | None = None
        #: Chunks that wait for a gate of their own.
        self.own_gates: dict[tuple[str, int], threading.Event] = {}
        self.now = self.most = 0
        self._lock = threading.Lock()

    def refuses(self, series: SeriesName, start: dt.date) -> str | None:
        return None

    def list(self, series: SeriesName, need: Need) -> Listing:
        raise AssertionError("a stock needs no listing")

    def fetch(self, series: SeriesName, chunk: Chunk, most: int) -> Rows:
        call = (series.symbol, (chunk.start - FIRST_DAY).days)
        with self._lock:
            self.calls.append(call)
            self.chunks.append(chunk)
            self.now += 1
            self.most = max(self.most, self.now)
            error = self.script[call].pop(0) if self.script[call] else None
        try:
            if self.gated is None or call in self.gated:
                assert self.own_gates.get(call, self.gate).wait(20)
            if error is not None:
                raise error
            return self._rows(series, chunk)
        finally:
            with self._lock:
                self.now -= 1

    def state(self) -> str:
        return "CONNECTED"

    def close(self) -> None:
        pass

    def _rows(self, series: SeriesName, chunk: Chunk) -> Rows:
        count = self.traded + self.empty_bars
        begin = micros_of(chunk.start, dt.time(9, 30))
        columns: dict[str, Any] = {}
        for column in series.record.columns:
            values = np.zeros(count, dtype=column.kind.dtype)
            if column.name == "symbol":
                values[:] = series.symbol
            elif column.name == "timestamp":
                values[:] = begin + np.arange(count) * 60_000_000
            else:
                values[: self.traded] = 5
            columns[column.name] = values
        return Rows(series.record, columns)


def plan_of(steps: int, rows: int = CHUNK_ROWS) -> Plan:
    days = [FIRST_DAY + dt.timedelta(days=i) for i in range(steps)]
    return Plan(tuple(Step((Chunk(day, day, rows),)) for day in days))


def record_of(ticker: str, steps: int, **changes: Any) -> SeriesRecord:
    parts: dict[str, Any] = {
        "topic": f"stock-{ticker.lower()}-ohlcv1m-historical-1",
        "run": 0,
        "attempt": 0,
        "order": 0,
        "start": FIRST_DAY,
        "end": FIRST_DAY + dt.timedelta(days=steps),
        "empty_bars": "drop",
        "start_time": None,
        "end_time": None,
        "retain_days": None,
        **changes,
    }
    return SeriesRecord(**parts)


def series_of(
    ticker: str,
    steps: int,
    *,
    first: int = 0,
    on_ready: Callable[[], None] = lambda: None,
    plan: Plan | None = None,
    **changes: Any,
) -> SeriesFetch:
    record = record_of(ticker, steps, **changes)
    return SeriesFetch(record, plan or plan_of(steps), first, UNLIMITED, on_ready)


def take(fetcher: Fetcher, series: SeriesFetch) -> Fetched:
    """The head step, as soon as it is there."""
    found: list[Fetched] = []

    def there() -> bool:
        one = fetcher.take(series)
        if one is not None:
            found.append(one)
        return bool(found)

    wait_until(there, f"step {series.head} of {series.record.topic}")
    return found[0]


def failure(fetcher: Fetcher, series: SeriesFetch) -> PlatformError:
    """What ends the series; nothing of it may be left to be taken."""
    found: list[PlatformError] = []

    def failed() -> bool:
        try:
            assert fetcher.take(series) is None
        except PlatformError as error:
            found.append(error)
        return bool(found)

    wait_until(failed, f"the failure of {series.record.topic}")
    return found[0]


def settled(fetcher: Fetcher, provider: FakeProvider) -> list[tuple[str, int]]:
    """All calls, once no more of them come."""
    last, since = len(provider.calls), time.monotonic()

    def quiet() -> bool:
        nonlocal last, since
        if fetcher.in_flight or len(provider.calls) != last:
            last, since = len(provider.calls), time.monotonic()
        return time.monotonic() - since > 0.1

    wait_until(quiet, "the fetcher comes to rest")
    return provider.calls
