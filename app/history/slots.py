"""How many requests this worker may have outstanding at the provider.

The account runs S at once (S by tier) and the terminal queues 16 more; an overflow is a 429. A worker keeps
S + 2 outstanding, the 2 to hide its own turnaround, and all workers together at most S + 14: each gets its
share by the partitions it owns, so that no lease is needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

TURNAROUND = 2
QUEUE_SHARE = 14
#: After a 429 the limit is halved and grows by one again each minute.
RECOVERY = 60.0
SAME_OVERFLOW = 5.0


class Slots:
    """The limit, and what lowers and raises it. Not thread-safe: the fetcher holds its lock around it."""

    def __init__(self, concurrency: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._concurrency = concurrency
        self._clock = clock
        self._share = concurrency + TURNAROUND
        self._lowered_to: int | None = None
        self._lowered_at = 0.0

    def set_share(self, owned: int, total: int) -> None:
        """This worker owns ``owned`` of ``total`` partitions."""
        everybody = (self._concurrency + QUEUE_SHARE) * owned // max(total, 1)
        self._share = min(self._concurrency + TURNAROUND, max(1, everybody))

    @property
    def limit(self) -> int:
        """Requests that may be outstanding now."""
        if self._lowered_to is None:
            return self._share
        grown = self._lowered_to + int((self._clock() - self._lowered_at) / RECOVERY)
        if grown >= self._share:
            self._lowered_to = None
            return self._share
        return grown

    def busy(self) -> None:
        """The provider answered 429. One overflow refuses all that was on its way; it counts once."""
        if self._clock() - self._lowered_at < SAME_OVERFLOW and self._lowered_to is not None:
            return
        self._lowered_to = max(1, self.limit // 2)
        self._lowered_at = self._clock()
