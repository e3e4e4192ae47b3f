"""A plan: what a series asks of the provider, request by request, in the order in which it is written.

A plan is a row of *steps*: windows of time that follow one another, each small enough to be held in memory, sorted
and written as one. A step has one or more *chunks*: requests to the provider. A range of days that is one request
for a stock is one for each expiration of an option, while a single day of a chain is one request for all of them.
``app.domain.planning`` makes plans; what turns out to be too large is split here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import orjson

from app.domain import sessions
from app.domain.contracts import Contracts, Right
from app.domain.hours import AskedHours
from app.domain.listing import Recorded, recorded_from_json
from app.domain.series import SeriesName


@dataclass(frozen=True, slots=True)
class Chunk:
    """One provider request: session dates and hours, all inclusive, and of an option which contracts.

    ``start_time`` and ``end_time`` are New York wall clock; None: the provider's regular hours. ``contracts`` has at
    most one expiration (none: all of them) and at most one strike. ``rows`` is an estimate. ``as_streamed``: of
    several feeds the one that the provider's live stream carries.
    """

    start: dt.date
    end: dt.date
    rows: int
    start_time: dt.time | None = None
    end_time: dt.time | None = None
    contracts: Contracts | None = None
    as_streamed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A window of time of a series and the chunks that fill it; the unit of writing and of checkpoints."""

    chunks: tuple[Chunk, ...]

    @property
    def start(self) -> dt.date:
        return min(chunk.start for chunk in self.chunks)

    @property
    def end(self) -> dt.date:
        return max(chunk.end for chunk in self.chunks)

    @property
    def rows(self) -> int:
        """An estimate."""
        return sum(chunk.rows for chunk in self.chunks)


@dataclass(frozen=True)
class Plan:
    """The steps of a series in event-time order, and the listings that they were made from."""

    steps: tuple[Step, ...]
    listings: Recorded = ()

    @cached_property
    def digest(self) -> str:
        """Names the plan in checkpoints: SHA-256 of its JSON, the first 16 hex digits."""
        return hashlib.sha256(orjson.dumps(self.as_json())).hexdigest()[:16]

    @cached_property
    def chunks(self) -> tuple[Chunk, ...]:
        """The chunks of all steps."""
        return tuple(chunk for step in self.steps for chunk in step.chunks)

    def chunks_before(self, step: int) -> int:
        """How many chunks the steps before this one have."""
        return sum(len(one.chunks) for one in self.steps[:step])

    def split(
        self, which: Collection[int], name: SeriesName, *, whole_days: bool = False, rights: bool = True
    ) -> Plan | None:
        """The plan with some steps in two: their days, or their hours, or else their chunks by right.

        None when one of them is as small as it can be. ``whole_days``: no session may be cut. Without ``rights`` it is
        no help to ask for calls and puts apart, because the step itself is too large.
        """
        steps: list[Step] = []
        for index, step in enumerate(self.steps):
            parts = _split_step(step, name, whole_days, rights) if index in which else (step,)
            if parts is None:
                return None
            steps += parts
        return Plan(tuple(steps), self.listings)

    def as_json(self) -> dict[str, Any]:
        steps = [[_chunk_json(chunk) for chunk in step.chunks] for step in self.steps]
        return {"steps": steps, "listings": self.listings} if self.listings else {"steps": steps}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Plan:
        steps = tuple(Step(tuple(_chunk_from_json(chunk) for chunk in step)) for step in body["steps"])
        return cls(steps, recorded_from_json(body.get("listings", [])))


def has_two_rights(chunk: Chunk) -> bool:
    """Whether a chunk asks for calls and puts."""
    return chunk.contracts is not None and chunk.contracts.right == "both"


def _split_step(step: Step, name: SeriesName, whole_days: bool, rights: bool) -> tuple[Step, ...] | None:
    days = [session.date for session in sessions.sessions(step.start, step.end)]
    if len(days) > 1:
        middle = days[len(days) // 2]
        return (
            _cut_step(step, step.start, middle - dt.timedelta(days=1)),
            _cut_step(step, middle, step.end),
        )
    first = step.chunks[0]
    chunks = step.chunks
    hours = AskedHours(name, first.start_time, first.end_time)
    if not whole_days and name.record.has_hours and hours.stop - hours.begin >= max(hours.grid, 1000):
        return tuple(
            Step(tuple(replace(c, start_time=begin, end_time=end, rows=-(-c.rows // 2)) for c in chunks))
            for begin, end in hours.windows(2)
        )
    if not rights or not any(map(has_two_rights, chunks)):
        return None
    return (Step(tuple(half for chunk in chunks for half in _by_right(chunk))),)


def _by_right(chunk: Chunk) -> list[Chunk]:
    if chunk.contracts is None or chunk.contracts.right != "both":
        return [chunk]
    rights: tuple[Right, ...] = ("call", "put")
    return [
        replace(chunk, contracts=replace(chunk.contracts, right=right), rows=-(-chunk.rows // 2)) for right in rights
    ]


def _cut_step(step: Step, start: dt.date, end: dt.date) -> Step:
    cut = [_cut_days(chunk, start, end) for chunk in step.chunks]
    return Step(tuple(chunk for chunk in cut if chunk is not None))


def _cut_days(chunk: Chunk, start: dt.date, end: dt.date) -> Chunk | None:
    start, end = max(start, chunk.start), min(end, chunk.end)
    days = [session.date for session in sessions.sessions(start, end)] if start <= end else []
    if not days:
        return None
    whole = len(sessions.sessions(chunk.start, chunk.end))
    return replace(chunk, start=days[0], end=days[-1], rows=-(-chunk.rows * len(days) // whole))


def _chunk_json(chunk: Chunk) -> list[Any]:
    found: list[Any] = [chunk.start.isoformat(), chunk.end.isoformat(), chunk.rows]
    if chunk.contracts is not None or chunk.start_time or chunk.end_time:
        found += [chunk.start_time and chunk.start_time.isoformat(), chunk.end_time and chunk.end_time.isoformat()]
    if chunk.contracts is not None:
        found.append(chunk.contracts.as_json())
    return found


def _chunk_from_json(row: list[Any]) -> Chunk:
    begin, stop, contracts = (row[3:] + [None] * 3)[:3]
    return Chunk(
        dt.date.fromisoformat(row[0]),
        dt.date.fromisoformat(row[1]),
        row[2],
        begin and dt.time.fromisoformat(begin),
        stop and dt.time.fromisoformat(stop),
        contracts and Contracts.from_json(contracts),
    )
