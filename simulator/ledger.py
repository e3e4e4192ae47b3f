"""What the simulator was asked and what it answered: for tests and benchmarks, never part of the vendor's API."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

RECENT = 1_000


@dataclass
class Entry:
    """One request; times are seconds since the epoch, ``status`` is 0 while it runs or when the client went away."""

    number: int
    path: str
    query: str
    began: float
    ended: float | None = None
    status: int = 0
    bytes: int = 0
    fault: str | None = None


@dataclass
class Ledger:
    """Counts since the start or the last reset, and the last thousand requests."""

    requests: int = 0
    in_flight: int = 0
    bytes: int = 0
    by_status: Counter[int] = field(default_factory=Counter)
    by_path: Counter[str] = field(default_factory=Counter)
    recent: deque[Entry] = field(default_factory=lambda: deque(maxlen=RECENT))

    def begin(self, path: str, query: str) -> Entry:
        """Note a request that came in."""
        self.requests += 1
        self.in_flight += 1
        self.by_path[path] += 1
        entry = Entry(self.requests, path, query, time.time())
        self.recent.append(entry)
        return entry

    def end(self, entry: Entry) -> None:
        """Note that it is over."""
        entry.ended = time.time()
        self.in_flight -= 1
        self.bytes += entry.bytes
        self.by_status[entry.status] += 1

    def forget(self) -> None:
        """Count anew; what is in flight stays so."""
        self.requests = self.bytes = 0
        for counted in (self.by_status, self.by_path, self.recent):
            counted.clear()

    def report(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "requests": self.requests,
            "in_flight": self.in_flight,
            "bytes": self.bytes,
            "by_status": {str(status): count for status, count in sorted(self.by_status.items())},
            "by_path": dict(sorted(self.by_path.items())),
            "recent": [asdict(entry) for entry in self.recent],
        }
