"""Counting what a process does: once a transaction or a request, never once a row, and read at each scrape.

Nothing here knows how it is shown; ``app.web.metrics`` gives the counts their names.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate

#: What is counted apart, e.g. ``("stock", "ohlcv")``: always from a closed set, never an id or a symbol.
Kinds = tuple[str, ...]


class Tally:
    """Counts that only grow, by kinds. Threads may share it."""

    def __init__(self, known: Iterable[Kinds] = ()) -> None:
        """``known``: what is shown as 0 from the beginning, so that the first one is a change."""
        self._lock = threading.Lock()
        self._counts: dict[Kinds, float] = dict.fromkeys(known, 0.0)

    def add(self, *kinds: str, by: float = 1.0) -> None:
        """``by`` more of these kinds."""
        with self._lock:
            self._counts[kinds] = self._counts.get(kinds, 0.0) + by

    def read(self) -> Mapping[Kinds, float]:
        """The counts so far."""
        with self._lock:
            return dict(self._counts)

    @property
    def total(self) -> float:
        """All kinds together."""
        with self._lock:
            return sum(self._counts.values())


class Spread:
    """How values are spread over ranges, by kinds. Threads may share it."""

    def __init__(self, bounds: tuple[float, ...], known: Iterable[Kinds] = ((),)) -> None:
        """``bounds``: the upper ends of the ranges, rising, each included; beyond the last is one more."""
        self.bounds = bounds
        self._lock = threading.Lock()
        self._counts: dict[Kinds, list[int]] = {kinds: [0] * (len(bounds) + 1) for kinds in known}
        self._sums: dict[Kinds, float] = dict.fromkeys(self._counts, 0.0)

    def take(self, value: float, *kinds: str) -> None:
        """One more value."""
        place = bisect_left(self.bounds, value)
        with self._lock:
            if kinds not in self._counts:
                self._counts[kinds], self._sums[kinds] = [0] * (len(self.bounds) + 1), 0.0
            self._counts[kinds][place] += 1
            self._sums[kinds] += value

    def read(self) -> Mapping[Kinds, tuple[list[int], float]]:
        """By kinds: how many values lie at or below each bound, then how many there are; and their sum."""
        with self._lock:
            return {kinds: (list(accumulate(counts)), self._sums[kinds]) for kinds, counts in self._counts.items()}
