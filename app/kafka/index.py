"""The Index: what the control logs say, in memory, in every process that needs it.

It is built from the logs alone and can be thrown away at any time. Records of a run that is not the series'
own do not count. Receipts and plans are not kept, only where they lie.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import orjson
from cachetools import LRUCache

from app.domain.records import (
    FINAL,
    NO_COUNTS,
    PART_SUFFIX,
    PLAN_SUFFIX,
    POSITION_KEY,
    BacktestRecord,
    Checkpoint,
    PlanRecord,
    SeriesRecord,
    SessionCounts,
    decode_part,
)
from app.domain.series import SeriesName
from app.errors import LogError
from app.kafka.log import LogFollower, Record, read_records
from app.kafka.topics import BACKTESTS, PROGRESS, SERIES
from app.settings import Settings

logger = logging.getLogger(__name__)

Place = tuple[str, int, int]
#: Bytes of receipts kept after they were read; ten thousand receipts of a year would be 150 MB.
RECEIPT_CACHE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """The latest record of a series in ``progress``, without its receipt, and where it lies."""

    checkpoint: Checkpoint
    place: Place


@dataclass(slots=True)
class _Entry:
    """All that is known of one topic's series; the parts arrive in any order."""

    record: SeriesRecord | None = None
    partition: int = -1
    progress: Progress | None = None
    plan: tuple[int, Place] | None = None
    parts: dict[int, tuple[int, Place]] | None = None

    def current(self) -> Checkpoint | None:
        """The checkpoint, if it is of the series' own run."""
        if self.record is None or self.progress is None or self.progress.checkpoint.run != self.record.run:
            return None
        return self.progress.checkpoint

    def unfinished(self) -> bool:
        """Whether the owner has something to do: no final record, or a retry since."""
        if self.record is None:
            return False
        checkpoint = self.current()
        return checkpoint is None or checkpoint.state not in FINAL or self.record.attempt > checkpoint.attempt


class Index:
    """Follows ``backtests``, ``series`` and ``progress``. All methods may be called from any thread."""

    def __init__(self, settings: Settings, partitions: Mapping[str, int]) -> None:
        """``partitions``: how many partitions each followed topic has, from the metadata."""
        self._settings = settings
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._backtests: dict[str, BacktestRecord] = {}
        self._position = -1
        self._entries: dict[str, _Entry] = {}
        self._open: dict[int, set[str]] = {}
        #: Series with work left, by backtest.
        self._unfinished: Counter[str] = Counter()
        self._receipts: LRUCache[Place, bytes] = LRUCache(RECEIPT_CACHE, getsizeof=len)
        self._caught_up = False
        wanted = [(topic, p) for topic, count in partitions.items() for p in range(count)]
        self._follower = LogFollower(settings, wanted, self._apply, on_idle=self._tell)

    def start(self) -> None:
        self._follower.start()

    def stop(self) -> None:
        self._follower.stop()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` (in the follower's thread) whenever something may have changed."""
        self._listeners.append(listener)

    @property
    def alive(self) -> bool:
        """Whether the thread that follows the logs is there."""
        return self._follower.alive

    @property
    def caught_up(self) -> bool:
        """Whether the logs have been read to their end once."""
        return self._caught_up

    def catch_up(self, partitions: Iterable[tuple[str, int]] | None = None, timeout: float = 60.0) -> None:
        """Wait until everything committed before this call is in, in all partitions or in some.

        Raises ``LogError`` when that takes longer than ``timeout`` seconds.
        """
        if not self._follower.catch_up(timeout, partitions):
            raise LogError(f"the control logs could not be read to their end within {timeout:.0f} s")
        self._caught_up = self._caught_up or partitions is None

    def wait_for(self, places: Mapping[tuple[str, int], int], timeout: float = 60.0) -> None:
        """Wait until the logs are applied up to the given offsets. Raises ``LogError``."""
        if not self._follower.wait_for(places, timeout):
            raise LogError(f"what was committed does not show in the control logs after {timeout:.0f} s")

    # --- what the coordinator asks ---------------------------------------------------------------

    @property
    def position(self) -> int:
        """The highest decided offset of ``requests``; -1 before the first decision."""
        return self._position

    def wait_position(self, offset: int, timeout: float) -> bool:
        """Wait until the decision on an offset of ``requests`` is in; False after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while self._position < offset:
            if time.monotonic() > deadline:
                return False
            self._follower.wait_step(0.05)
        return True

    def backtest(self, backtest_id: str) -> BacktestRecord | None:
        return self._backtests.get(backtest_id)

    def backtests(self) -> list[BacktestRecord]:
        """All backtests, the latest accepted first."""
        with self._lock:
            return sorted(self._backtests.values(), key=lambda record: record.run, reverse=True)

    @property
    def unfinished_backtests(self) -> int:
        """How many backtests are accepted or running."""
        return len(self._unfinished)

    def checkpoint(self, topic: str, run: int) -> Checkpoint | None:
        """How far a series of a run is; None before its owner has written anything."""
        entry = self._entries.get(topic)
        if entry is None or entry.progress is None or entry.progress.checkpoint.run != run:
            return None
        return entry.progress.checkpoint

    def receipts(self, wanted: Mapping[str, int]) -> dict[str, dict[str, object]]:
        """The receipts of complete series, by topic; ``wanted`` maps topics to runs. Reads them from the log."""
        places: dict[Place, str] = {}
        for topic, run in wanted.items():
            entry = self._entries.get(topic)
            progress = entry.progress if entry else None
            if progress and progress.checkpoint.run == run and progress.checkpoint.state == "complete":
                places[progress.place] = topic
        with self._lock:
            values = {place: self._receipts[place] for place in places if place in self._receipts}
        for place, record in read_records(self._settings, set(places) - set(values)).items():
            values[place] = record.value or b"{}"
        with self._lock:
            for place, value in values.items():
                self._receipts[place] = value
        bodies = {places[place]: orjson.loads(value) for place, value in values.items()}
        return {topic: body["receipt"] for topic, body in bodies.items() if body.get("receipt")}

    # --- what an owner of a partition asks ---------------------------------------------------------

    def unfinished(self, partitions: set[int]) -> list[tuple[int, SeriesRecord]]:
        """The series of these partitions that have work left, with their partition."""
        with self._lock:
            return [
                (p, record)
                for p in partitions
                for topic in self._open.get(p, ())
                if (record := self._entries[topic].record) is not None
            ]

    def plan_of(self, record: SeriesRecord) -> PlanRecord | None:
        """The recorded plan of a series' run, read from the log."""
        entry = self._entries.get(record.topic)
        if entry is None or entry.plan is None or entry.plan[0] != record.run:
            return None
        place = entry.plan[1]
        found = read_records(self._settings, [place]).get(place)
        if found is None or found.value is None:
            raise LogError(f"the plan of {record.topic} is not where the index saw it")
        return PlanRecord.decode(found.value)

    def session_counts(self, record: SeriesRecord, steps: int) -> SessionCounts:
        """What the first ``steps`` steps of a run wrote, by session."""
        with self._lock:
            entry = self._entries.get(record.topic)
            parts = dict(entry.parts or {}) if entry else {}
        places = {parts[step][1]: step for step in range(steps) if step in parts and parts[step][0] == record.run}
        if len(places) != steps:
            raise LogError(f"{steps - len(places)} session records of {record.topic} are missing from progress")
        counts = NO_COUNTS
        for found in read_records(self._settings, places).values():
            counts = counts.plus(decode_part(found.value or b"{}"))
        return counts

    # --- building -----------------------------------------------------------------------------------

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _apply(self, record: Record) -> None:
        if record.key is None:
            return
        key = record.key.decode()
        with self._lock:
            match record.topic:
                case name if name == BACKTESTS:
                    self._apply_backtest(key, record)
                case name if name == SERIES:
                    entry = self._entries.setdefault(key, _Entry())
                    entry.record = SeriesRecord.decode(key, record.value) if record.value is not None else None
                    entry.partition = record.partition
                    self._settle(key, entry)
                case name if name == PROGRESS:
                    self._apply_progress(key, record)

    def _apply_backtest(self, key: str, record: Record) -> None:
        if key == POSITION_KEY:
            self._position = max(self._position, int(record.value or b"-1"))
        elif record.value is None:
            self._backtests.pop(key, None)
        else:
            self._backtests[key] = BacktestRecord.decode(record.value)

    def _apply_progress(self, key: str, record: Record) -> None:
        place = (record.topic, record.partition, record.offset)
        topic, _, suffix = key.partition("#")
        entry = self._entries.setdefault(topic, _Entry())
        if suffix == "":
            if record.value is None:
                entry.progress = None
            else:
                checkpoint = replace(Checkpoint.decode(record.value), receipt=None)
                entry.progress = Progress(checkpoint, place)
            self._settle(topic, entry)
        elif f"#{suffix}" == PLAN_SUFFIX:
            entry.plan = None if record.value is None else (orjson.loads(record.value)["run"], place)
        elif f"#{suffix}".startswith(PART_SUFFIX):
            step = int(suffix.removeprefix(PART_SUFFIX[1:]))
            entry.parts = entry.parts or {}
            if record.value is None:
                entry.parts.pop(step, None)
            else:
                entry.parts[step] = (orjson.loads(record.value)["run"], place)

    def _settle(self, topic: str, entry: _Entry) -> None:
        """Keep the set of series with work left in step with what is known of them."""
        if entry.partition < 0:
            return
        here = self._open.setdefault(entry.partition, set())
        left = entry.unfinished()
        if left == (topic in here):
            return
        backtest_id = SeriesName.parse(topic).backtest_id or ""
        if left:
            here.add(topic)
            self._unfinished[backtest_id] += 1
        else:
            here.discard(topic)
            self._unfinished[backtest_id] -= 1
            if not self._unfinished[backtest_id]:
                del self._unfinished[backtest_id]
