"""Backtests as they stand, computed once for all who watch the same one."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from cachetools import LRUCache

from app.domain.records import BacktestRecord
from app.domain.status import ENDED

#: Backtests that are remembered; each watcher holds on to what it was given.
_REMEMBERED = 64
#: Between two computations of one backtest: seconds, and how many times as long as the last one took. Whoever watches
#: thousands of series must not have a core for himself.
_AT_LEAST, _TIMES = 0.2, 4.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A backtest at a moment. ``name`` is the same as long as nothing but the estimate changes, in every process;
    ``brief`` is ``body`` without its series. Both are JSON."""

    state: str
    name: str
    body: bytes
    brief: bytes

    @property
    def ended(self) -> bool:
        """Whether the state is a final one."""
        return self.state in ENDED


@dataclass(slots=True)
class _Kept:
    version: int
    record: BacktestRecord
    seconds: float
    at: float
    snapshot: Snapshot


class Snapshots:
    """Computes them in threads; belongs to one event loop."""

    def __init__(self, status: Callable[[BacktestRecord], dict[str, Any]], version: Callable[[], int]) -> None:
        """``version`` grows with everything that the logs bring."""
        self._status = status
        self._version = version
        self._kept: LRUCache[str, _Kept] = LRUCache(_REMEMBERED)
        self._locks: LRUCache[str, asyncio.Lock] = LRUCache(_REMEMBERED * 4)

    async def of(self, record: BacktestRecord) -> Snapshot:
        """How a backtest stands now; somebody's look a moment ago is as good."""
        key = record.backtest_id
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            kept = self._kept.get(key)
            # Who waited may hold an older record than who looked meanwhile: a retry does not change the run.
            if kept is None or kept.record != record:
                kept = await self._look(record)
            elif kept.version != self._version():
                await asyncio.sleep(kept.at + max(_AT_LEAST, _TIMES * kept.seconds) - time.monotonic())
                kept = await self._look(record)
            return kept.snapshot

    async def _look(self, record: BacktestRecord) -> _Kept:
        # Before: what comes meanwhile is seen at the next look.
        version, begun = self._version(), time.monotonic()
        snapshot = await asyncio.to_thread(lambda: snapshot_of(self._status(record)))
        now = time.monotonic()
        kept = self._kept[record.backtest_id] = _Kept(version, record, now - begun, now, snapshot)
        return kept


def snapshot_of(body: dict[str, Any]) -> Snapshot:
    """The snapshot that a status makes."""
    brief = {name: value for name, value in body.items() if name != "series"}
    return Snapshot(body["state"], name_of(body), orjson.dumps(body), orjson.dumps(brief))


def name_of(body: dict[str, Any]) -> str:
    """What names a status: the same for the same, whoever computes it; the estimate changes by itself and is left
    out."""
    lasting = {**body, "progress": {**body["progress"], "eta_seconds": None}}
    return hashlib.sha256(orjson.dumps(lasting)).hexdigest()[:16]
