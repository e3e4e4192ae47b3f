"""Sums over windows of event time, by which what a live topic holds is compared with history.

A window's sum is the number of its rows and the sum of their hashes: equal sums, equal rows, whatever their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
#: Microseconds of a window.
WINDOW = 300_000_000
_MASK = (1 << 64) - 1
#: Rows of a window, and the sum of their hashes.
Sum = tuple[int, int]


@dataclass(slots=True)
class WindowSums:
    """Sums of the rows after ``begin`` (UTC microseconds), by the number of their window since 1970."""

    begin: int
    found: dict[int, Sum] = field(default_factory=dict)

    def add(self, timestamps: Ints, hashes: Ints) -> None:
        """Rows with these event times."""
        if not len(timestamps):
            return
        if int(timestamps.min()) <= self.begin:
            after = timestamps > self.begin
            timestamps, hashes = timestamps[after], hashes[after]
            if not len(timestamps):
                return
        windows = window_of(timestamps)
        first, last = int(windows.min()), int(windows.max())
        for window in range(first, last + 1) if last - first < 8 else np.unique(windows).tolist():
            here = hashes if first == last else hashes[windows == window]
            if len(here):
                count, total = self.found.get(window, (0, 0))
                self.found[window] = (count + len(here), (total + int(here.sum())) & _MASK)

    def forget(self, end: int) -> None:
        """Windows that end at or before an instant are not needed any more."""
        limit = end // WINDOW
        for window in [window for window in self.found if window < limit]:
            del self.found[window]

    def differing(self, other: Mapping[int, Sum], begin: int, end: int) -> list[int]:
        """The windows from ``begin`` to ``end`` of which the sums are not the same."""
        windows = {w for w in (*self.found, *other) if begin // WINDOW <= w <= (end - 1) // WINDOW}
        return sorted(w for w in windows if self.found.get(w, (0, 0)) != other.get(w, (0, 0)))


def window_of(timestamps: Ints) -> Ints:
    """The window of each event: it holds what is later than its begin, up to and with its end."""
    return (timestamps - 1) // WINDOW


def hashes_of(messages: list[bytes]) -> Ints:
    """A number for each message; equal within this process for equal messages."""
    return np.fromiter(map(hash, messages), dtype=np.int64, count=len(messages))
