"""What the terminal was asked for a backtest, held against what was committed: nothing is asked for twice without need.

The unit is a chunk: one request to the terminal, here one session of one stock.
"""

from __future__ import annotations

import threading
from collections import Counter
from urllib.parse import parse_qs

from harness import Platform

from app.domain.records import PLAN_SUFFIX, Checkpoint, PlanRecord
from app.domain.series import SeriesName
from app.kafka.log import LogFollower, Record
from app.kafka.topics import PROGRESS

#: Symbol and date, the latter as the terminal is asked for it.
Chunk = tuple[str, str]


class Asked:
    """The requests for the bars of one interval from now on, by chunk."""

    def __init__(self, platform: Platform, interval: str) -> None:
        self._platform = platform
        self._interval = interval
        #: The numbers of the requests for each chunk; requests are numbered in the order in which they came.
        self.by_chunk: dict[Chunk, list[int]] = {}
        self._latest = 0
        self.look()

    def look(self) -> int:
        """Take in what has been asked meanwhile; the number of the latest request of all. The terminal remembers a
        thousand requests, so look before there are more."""
        recent = self._platform.simulator.stats()["recent"]
        new = [entry for entry in recent if entry["number"] > self._latest]
        if self._latest:
            assert not new or new[0]["number"] == self._latest + 1, "requests were forgotten before they were looked at"
            for entry in new:
                query = parse_qs(entry["query"])
                if query.get("interval") == [self._interval] and "date" in query:
                    self.by_chunk.setdefault((query["symbol"][0], query["date"][0]), []).append(entry["number"])
        if new:
            self._latest = new[-1]["number"]
        return self._latest

    def again(self) -> int:
        """How many requests were made for chunks that had been asked for before."""
        return sum(len(numbers) - 1 for numbers in self.by_chunk.values())


class Committed:
    """The chunks of a backtest of which every row is committed, by its checkpoints in ``progress``."""

    def __init__(self, platform: Platform, backtest_id: str) -> None:
        self._suffix = f"-historical-{backtest_id}"
        self._plans: dict[str, PlanRecord] = {}
        self._done: Counter[str] = Counter()
        self._lock = threading.Lock()
        settings = platform.local.settings
        partitions = [(PROGRESS, partition) for partition in range(settings.series_partitions)]
        self._follower = LogFollower(settings, partitions, self._apply)
        self._follower.start()

    def look(self) -> set[Chunk]:
        """The chunks whose rows were committed before this call."""
        assert self._follower.catch_up(60), "progress could not be read"
        with self._lock:
            return {
                (SeriesName.parse(topic).symbol, f"{chunk.start:%Y%m%d}")
                for topic, done in self._done.items()
                for chunk in self._plans[topic].plan.chunks[:done]
            }

    def close(self) -> None:
        self._follower.stop()

    def _apply(self, record: Record) -> None:
        key = (record.key or b"").decode()
        with self._lock:
            if record.value is None:
                return
            if key.endswith(self._suffix):
                self._done[key] = Checkpoint.decode(record.value).chunks_done
            elif key.endswith(self._suffix + PLAN_SUFFIX):
                self._plans[key.removesuffix(PLAN_SUFFIX)] = PlanRecord.decode(record.value)
