"""What a history worker has written, and when each running series last got ahead."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from app.domain.schema import RECORDS
from app.domain.series import SeriesName
from app.tally import Tally

KINDS = list(RECORDS)


class Counts:
    """Threads may share it. ``rows`` and ``bytes`` (of Avro messages, frames included) by asset and schema."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.rows = Tally(KINDS)
        self.bytes = Tally(KINDS)
        self._clock = clock
        self._lock = threading.Lock()
        self._ahead: dict[str, float] = {}

    def begun(self, topic: str) -> None:
        """A series begins to run here; what it had before is not older than that."""
        with self._lock:
            self._ahead[topic] = self._clock()

    def ended(self, topic: str) -> None:
        """A series does not run here any more."""
        with self._lock:
            self._ahead.pop(topic, None)

    def committed(self, name: SeriesName, rows: int, size: int) -> None:
        """A checkpoint of a series was committed, with this many rows and bytes."""
        self.rows.add(name.asset, name.schema, by=rows)
        self.bytes.add(name.asset, name.schema, by=size)
        self.begun(name.topic)

    def age(self, running: Iterable[str]) -> float:
        """Seconds since the running series that is the longest without a checkpoint wrote its last; 0 when none runs.

        Forgets all others.
        """
        with self._lock:
            now = self._clock()
            self._ahead = {topic: self._ahead.get(topic, now) for topic in running}
            return now - min(self._ahead.values(), default=now)
