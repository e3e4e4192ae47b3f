"""The records of the control topics: what the coordinator decides and what owners report.

``run`` is the offset of the accepted message in ``requests``, ``attempt`` that of the latest retry. Records of
another run do not count, so an id can be used again. Times of day are New York, dates are session dates.
"""

from __future__ import annotations

import base64
import datetime as dt
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson

from app.domain.checking import parse_request
from app.domain.contracts import Contracts
from app.domain.evolution import known
from app.domain.handover import handover_after, history_end
from app.domain.live import Subscription
from app.domain.live_request import subscription
from app.domain.plan import Plan
from app.domain.request import Backtest, EmptyBars
from app.domain.series import SeriesName

#: Key in ``backtests`` of the highest decided offset of ``requests``.
POSITION_KEY = "@position"
PLAN_SUFFIX = "#plan"
PART_SUFFIX = "#part-"
DELETING_SUFFIX = "#deleting"
#: Bytes of JSON from which on a plan is compressed.
_LONG_PLAN = 65_536

#: ``deleted``: the topic is gone, and the series' record may go too; nobody is told of it.
SeriesState = Literal["accepted", "running", "complete", "failed", "cancelled", "deleted"]
FINAL: frozenset[str] = frozenset({"complete", "failed", "cancelled"})
#: Those in which a series is not whole and does not go on by itself.
UNWHOLE = FINAL - {"complete"}


@dataclass(frozen=True, slots=True)
class BacktestRecord:
    """A decision: this request runs under this id. ``retry``, ``cancel`` and ``delete`` are the offsets of the latest
    such message about it."""

    backtest: Backtest
    run: int
    accepted_at: dt.datetime
    retry: int | None = None
    cancel: int | None = None
    delete: int | None = None

    @property
    def backtest_id(self) -> str:
        return self.backtest.backtest_id

    @property
    def attempt(self) -> int:
        """The offset of the latest retry, at first that of the request itself."""
        return self.run if self.retry is None else self.retry

    def encode(self) -> bytes:
        marks = {"retry": self.retry, "cancel": self.cancel, "delete": self.delete}
        return orjson.dumps(
            {
                "run": self.run,
                "hash": self.backtest.hash,
                "accepted_at": self.accepted_at,
                **{name: offset for name, offset in marks.items() if offset is not None},
                "request": self.backtest.as_json(),
            }
        )

    @classmethod
    def decode(cls, value: bytes) -> BacktestRecord:
        body = orjson.loads(value)
        # What was accepted once stays accepted, whatever the rules of today: no date is too late here.
        backtest = parse_request(body["request"], dt.datetime.max.replace(tzinfo=dt.UTC) - dt.timedelta(days=366))
        marks = (body.get(name) for name in ("retry", "cancel", "delete"))
        return cls(backtest, body["run"], dt.datetime.fromisoformat(body["accepted_at"]), *marks)


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """What a series is: everything its owner needs to know. ``order`` is its place in the request; ``live``: it goes
    on into its live topic after ``end``; ``cancel`` and ``delete``: offsets of the messages that ask for that."""

    topic: str
    run: int
    attempt: int
    order: int
    start: dt.date
    end: dt.date
    empty_bars: EmptyBars
    start_time: dt.time | None
    end_time: dt.time | None
    retain_days: int | None
    contracts: Contracts | None = None
    live: bool = False
    cancel: int | None = None
    delete: int | None = None

    @property
    def name(self) -> SeriesName:
        return SeriesName.parse(self.topic)

    @property
    def stamp(self) -> int:
        """The offset of the latest message about it: of two records of a topic the one that counts has the higher."""
        return max(offset for offset in (self.run, self.attempt, self.cancel, self.delete) if offset is not None)

    def encode(self) -> bytes:
        body = asdict(self)
        del body["topic"]
        body["contracts"] = self.contracts and self.contracts.as_json()
        return orjson.dumps(body)

    @classmethod
    def decode(cls, topic: str, value: bytes) -> SeriesRecord:
        body = orjson.loads(value)
        for name in ("start", "end"):
            body[name] = dt.date.fromisoformat(body[name])
        for name in ("start_time", "end_time"):
            body[name] = body[name] and dt.time.fromisoformat(body[name])
        # Records of stocks from before there were options do not have it.
        body["contracts"] = body.get("contracts") and Contracts.from_json(body["contracts"])
        return cls(topic=topic, **body)


def series_records(record: BacktestRecord) -> list[SeriesRecord]:
    """The series of an accepted backtest, in the request's order."""
    backtest = record.backtest
    return [
        SeriesRecord(
            topic=name.topic,
            run=record.run,
            attempt=record.attempt,
            order=order,
            start=backtest.start,
            end=history_end(backtest, entry, record.accepted_at),
            empty_bars=entry.empty_bars,
            start_time=entry.start_time,
            end_time=entry.end_time,
            retain_days=backtest.retain_days,
            contracts=entry.contracts,
            live=backtest.live,
            cancel=record.cancel,
            delete=record.delete,
        )
        for order, (name, entry) in enumerate(backtest.members())
    ]


def live_subscriptions(record: BacktestRecord) -> list[Subscription]:
    """What an accepted backtest subscribes to: the live topic of each series from where its history ends; nothing
    unless it goes on live."""
    if not record.backtest.live:
        return []
    return [
        subscription(name, record.run, entry, handover_after(series.start, series.end, series.end_time))
        for (name, entry), series in zip(record.backtest.members(), series_records(record), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """The plan of a run and the id of the topic it writes to, recorded before the first row.

    A step that is split later is recorded anew, in the transaction of the first row that follows from it. Long plans
    are compressed: a record has to fit a message.
    """

    run: int
    digest: str
    topic_id: str
    plan: Plan

    def encode(self) -> bytes:
        plan = orjson.dumps(self.plan.as_json())
        body: dict[str, Any] = {"run": self.run, "digest": self.digest, "topic_id": self.topic_id}
        if len(plan) < _LONG_PLAN:
            return orjson.dumps({**body, "plan": orjson.Fragment(plan)})
        return orjson.dumps({**body, "deflated": base64.b64encode(zlib.compress(plan)).decode()})

    @classmethod
    def decode(cls, value: bytes) -> PlanRecord:
        body = orjson.loads(value)
        plan = body.get("plan")
        if plan is None:
            plan = orjson.loads(zlib.decompress(base64.b64decode(body["deflated"])))
        return cls(body["run"], body["digest"], body["topic_id"], Plan.from_json(plan))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a series is: everything a new owner needs to go on after the last committed step.

    ``chain`` and ``part_rows`` are the digest's; the open block's bodies lie in the topic from ``part_offset``
    on. ``first`` and ``last`` are event times in UTC microseconds, offsets are those of the first row and of
    the last row + 1. ``attempt`` is the one that a final state ended; ``anew``: another attempt cannot go on from here.
    """

    run: int
    attempt: int
    state: SeriesState
    plan: str
    chunks_done: int
    chunks_total: int
    steps_done: int = 0
    rows: int = 0
    empty_bars: int = 0
    first: int | None = None
    last: int | None = None
    first_offset: int = 0
    next_offset: int = 0
    chain: str = bytes(32).hex()
    part_rows: int = 0
    part_offset: int = 0
    reason: str | None = None
    receipt: dict[str, Any] | None = None
    anew: bool | None = None

    def ends(self, attempt: int) -> bool:
        """Whether an attempt has ended here: what is complete stays so, all else ended the attempts up to its own."""
        return self.state in FINAL and (self.state == "complete" or self.attempt >= attempt)

    def encode(self) -> bytes:
        return orjson.dumps({name: value for name, value in asdict(self).items() if value is not None})

    @classmethod
    def decode(cls, value: bytes) -> Checkpoint:
        return cls(**known(cls, orjson.loads(value)))


def plan_key(topic: str) -> str:
    return topic + PLAN_SUFFIX


def deleting_key(topic: str) -> str:
    """Key of the record that is committed just before a topic is deleted."""
    return topic + DELETING_SUFFIX


def part_key(topic: str, step: int) -> str:
    """Key of the session counts that one step wrote."""
    return f"{topic}{PART_SUFFIX}{step}"


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """Rows written by New York date (days since 1970), and bars that the provider left out of its grid."""

    rows: Mapping[int, int]
    missing: Mapping[int, int]

    def plus(self, other: SessionCounts) -> SessionCounts:
        return SessionCounts(_sum(self.rows, other.rows), _sum(self.missing, other.missing))


NO_COUNTS = SessionCounts({}, {})


def encode_part(run: int, counts: SessionCounts) -> bytes:
    body = {"run": run, "rows": _keyed(counts.rows)}
    return orjson.dumps(body | ({"missing": _keyed(counts.missing)} if counts.missing else {}))


def decode_part(value: bytes) -> SessionCounts:
    body = orjson.loads(value)
    return SessionCounts(*({int(day): n for day, n in body.get(name, {}).items()} for name in ("rows", "missing")))


def _keyed(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(day): count for day, count in counts.items()}


def _sum(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {day: one.get(day, 0) + other.get(day, 0) for day in {**one, **other}}
