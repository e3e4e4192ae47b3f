"""The Index: what the control logs say, in memory, in every process that needs it.

It is built from the logs alone and can be thrown away at any time. Records of a run that is not the series'
own do not count. Receipts and plans are not kept, only where they lie.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import orjson
from cachetools import LRUCache

from app.domain.duty import duty
from app.domain.records import (
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
from app.errors import InvalidRequest, LogError
from app.kafka.log import Record, read_records
from app.kafka.log_index import LogIndex
from app.kafka.topics import BACKTESTS, PROGRESS, SERIES
from app.settings import Settings

Place = tuple[str, int, int]
#: Bytes of receipts kept after they were read; ten thousand receipts of a year would be 150 MB.
RECEIPT_CACHE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """The latest record of a series in ``progress``, without its receipt, where it lies, and its time stamp in
    milliseconds since 1970."""

    checkpoint: Checkpoint
    place: Place
    at: int


@dataclass(slots=True)
class _Entry:
    """All that is known of one topic's series; the parts arrive in any order."""

    record: SeriesRecord | None = None
    partition: int = -1
    progress: Progress | None = None
    #: Of which run, where it lies, and the id of the topic that its rows are written to.
    plan: tuple[int, Place, str] | None = None
    parts: dict[int, tuple[int, Place]] | None = None

    def unfinished(self) -> bool:
        """Whether the owner has something to do for the series."""
        checkpoint = self.progress.checkpoint if self.progress else None
        return self.record is not None and duty(self.record, checkpoint) is not None

    @property
    def left_over(self) -> bool:
        """Whether ``progress`` still speaks of a series that is not there any more."""
        return self.record is None and (self.progress is not None or self.plan is not None or bool(self.parts))

    @property
    def nothing(self) -> bool:
        return self.record is None and not self.left_over


class Index(LogIndex):
    """Follows ``backtests``, ``series`` and ``progress``."""

    def __init__(self, settings: Settings, partitions: Mapping[str, int]) -> None:
        """``partitions``: how many partitions each followed topic has, from the metadata."""
        super().__init__(settings, [(topic, p) for topic, count in partitions.items() for p in range(count)])
        self._backtests: dict[str, BacktestRecord] = {}
        #: Those that are being deleted.
        self._leaving: set[str] = set()
        #: Those whose request only a later version understands.
        self._beyond: set[str] = set()
        self._entries: dict[str, _Entry] = {}
        #: By partition: topics whose series have work left, and topics that only ``progress`` speaks of.
        self._open: dict[int, set[str]] = {}
        self._left_over: dict[int, set[str]] = {}
        #: Series with work left, by backtest.
        self._unfinished: Counter[str] = Counter()
        self._receipts: LRUCache[Place, bytes] = LRUCache(RECEIPT_CACHE, getsizeof=len)
        self._asked = 0

    # --- what the coordinator asks ---------------------------------------------------------------

    @property
    def sizes(self) -> dict[str, int]:
        """How much is known: backtests, and series, whoever's."""
        with self._lock:
            return {"backtests": len(self._backtests), "series": len(self._entries)}

    def backtest(self, backtest_id: str) -> BacktestRecord | None:
        return self._backtests.get(backtest_id)

    @property
    def beyond(self) -> str | None:
        """A backtest that was accepted and whose request this version does not understand; None when there is none."""
        with self._lock:
            return min(self._beyond, default=None)

    def backtests(self) -> list[BacktestRecord]:
        """All backtests, the latest accepted first."""
        with self._lock:
            return sorted(self._backtests.values(), key=lambda record: record.run, reverse=True)

    @property
    def unfinished_backtests(self) -> int:
        """How many backtests are accepted or running, or being deleted."""
        return len(self._unfinished)

    def leaving(self) -> list[BacktestRecord]:
        """The backtests that are being deleted."""
        with self._lock:
            return [self._backtests[backtest_id] for backtest_id in self._leaving]

    def expiring(self) -> list[BacktestRecord]:
        """The backtests that are kept for some days only, and are not being deleted."""
        with self._lock:
            found = [record for record in self._backtests.values() if record.backtest.retain_days is not None]
        return [record for record in found if record.delete is None]

    def run_of(self, topic: str) -> int | None:
        """The run of the series that a topic belongs to; None where there is none."""
        entry = self._entries.get(topic)
        return entry.record.run if entry is not None and entry.record is not None else None

    def is_series(self, topic: str) -> bool:
        """Whether a series of this topic is known, whatever its state."""
        return self.run_of(topic) is not None

    def checkpoint(self, topic: str, run: int) -> Checkpoint | None:
        """How far a series of a run is; None before its owner has written anything."""
        progress = self._progress(topic, run)
        return None if progress is None else progress.checkpoint

    def written_at(self, topic: str, run: int) -> int | None:
        """When the checkpoint of a series of a run was written, in milliseconds since 1970."""
        progress = self._progress(topic, run)
        return None if progress is None else progress.at

    def _progress(self, topic: str, run: int) -> Progress | None:
        entry = self._entries.get(topic)
        progress = entry.progress if entry is not None else None
        return progress if progress is not None and progress.checkpoint.run == run else None

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

    @property
    def asked(self) -> int:
        """Grows with every record of a series that comes in: with what is asked, and not with what becomes of it."""
        return self._asked

    def unfinished(self, partitions: set[int]) -> list[tuple[int, SeriesRecord]]:
        """The series of these partitions that have work left, with their partition."""
        with self._lock:
            return [
                (p, record)
                for p in partitions
                for topic in self._open.get(p, ())
                if (record := self._entries[topic].record) is not None
            ]

    def left_over(self, partitions: set[int]) -> list[tuple[int, str]]:
        """The topics of these partitions that ``progress`` speaks of and ``series`` does not, with their partition."""
        with self._lock:
            return [(p, topic) for p in partitions for topic in self._left_over.get(p, ())]

    def is_left_over(self, topic: str) -> bool:
        """Whether ``progress`` speaks of a topic and ``series`` does not."""
        with self._lock:
            entry = self._entries.get(topic)
            return entry is not None and entry.left_over

    def parts_of(self, topic: str) -> list[int]:
        """The steps of a topic's series, of whichever run, whose session counts are in ``progress``."""
        with self._lock:
            entry = self._entries.get(topic)
            return sorted(entry.parts or ()) if entry is not None else []

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

    def topic_id_of(self, topic: str, run: int) -> str | None:
        """The id of the topic that a run of a series writes to, as its plan says; None before there is one."""
        entry = self._entries.get(topic)
        plan = entry.plan if entry is not None else None
        return plan[2] if plan is not None and plan[0] == run else None

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

    def _apply(self, key: str, record: Record) -> None:
        match record.topic:
            case name if name == BACKTESTS:
                self._apply_backtest(key, record)
            case name if name == SERIES:
                entry = self._entries.setdefault(key, _Entry())
                entry.record = SeriesRecord.decode(key, record.value) if record.value is not None else None
                entry.partition = record.partition
                self._asked += 1
                self._settle(key, entry)
            case name if name == PROGRESS:
                self._apply_progress(key, record)

    def _apply_backtest(self, key: str, record: Record) -> None:
        if key == POSITION_KEY:
            self._position = max(self._position, int(record.value or b"-1"))
        elif record.value is None:
            self._backtests.pop(key, None)
            self._leaving.discard(key)
            self._beyond.discard(key)
        else:
            try:
                found = BacktestRecord.decode(record.value)
            except InvalidRequest:
                self._beyond.add(key)
                raise
            self._beyond.discard(key)
            self._backtests[key] = found
            if found.delete is not None:
                self._leaving.add(key)

    def _apply_progress(self, key: str, record: Record) -> None:
        place = (record.topic, record.partition, record.offset)
        topic, _, suffix = key.partition("#")
        entry = self._entries.setdefault(topic, _Entry())
        entry.partition = record.partition
        if suffix == "":
            if record.value is None:
                entry.progress = None
            else:
                checkpoint = replace(Checkpoint.decode(record.value), receipt=None)
                entry.progress = Progress(checkpoint, place, record.timestamp)
        elif f"#{suffix}" == PLAN_SUFFIX:
            body = None if record.value is None else orjson.loads(record.value)
            entry.plan = None if body is None else (body["run"], place, body["topic_id"])
        elif f"#{suffix}".startswith(PART_SUFFIX):
            step = int(suffix.removeprefix(PART_SUFFIX[1:]))
            entry.parts = entry.parts or {}
            if record.value is None:
                entry.parts.pop(step, None)
            else:
                entry.parts[step] = (orjson.loads(record.value)["run"], place)
        self._settle(topic, entry)

    def _settle(self, topic: str, entry: _Entry) -> None:
        """Keep the sets of topics with work left in step with what is known of them."""
        if _put(self._open, entry.partition, topic, entry.unfinished()):
            self._count(topic)
        _put(self._left_over, entry.partition, topic, entry.left_over)
        if entry.nothing:
            del self._entries[topic]

    def _count(self, topic: str) -> None:
        """A series has work left now, or has none any more."""
        backtest_id = SeriesName.parse(topic).backtest_id or ""
        self._unfinished[backtest_id] += 1 if topic in self._open[self._entries[topic].partition] else -1
        if not self._unfinished[backtest_id]:
            del self._unfinished[backtest_id]


def _put(sets: dict[int, set[str]], partition: int, topic: str, belongs: bool) -> bool:
    """Put a topic into a partition's set, or take it out; whether that changed it."""
    here = sets.setdefault(partition, set())
    if belongs == (topic in here):
        return False
    if belongs:
        here.add(topic)
    else:
        here.discard(topic)
    return True
