"""What is told of the platform itself: topics that are left over, probes, problems."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from app.settings import Role
from app.web.answers.parts import BacktestId, Instant, Told, at_times


class Orphan(Told):
    """A historical data topic of which no series is known."""

    topic: str
    backtest_id: BacktestId


class OrphanedTopics(Told):
    """Data topics that nobody answers for."""

    checked_at: Instant
    orphaned: list[Orphan]
    ended: list[str]
    """Live topics that nobody is subscribed to any more; their rows are kept on purpose."""


class Alive(Told):
    """The process answers."""

    status: Literal["live"]
    role: Role


class Readiness(Told):
    """Whether the process does its work, and what is missing."""

    status: Literal["ready", "unready"]
    role: Role
    instance: str
    """Which process of the role; empty where they are not numbered."""
    checks: dict[str, str]
    """``ok``, or what is missing, by what was looked at."""
    terminal: str
    """How the data provider is, in its own word. It does not make a process unready."""


class WorkerStatus(Told):
    """A process of the platform, as it told itself last; figures of other roles than its own are left out."""

    role: Role
    instance: str
    """Host and process."""
    version: str
    started_at: Instant
    at: Instant
    """When it told this."""
    ready: bool
    missing: dict[str, str]
    """What its own probe finds wanting."""
    provider_state: str
    """How the data provider is, in its own word."""
    owner: float = at_times()
    """Of coordinator and live: 1 for the process that decides, or holds the feed."""
    requests_behind: float = at_times()
    """Of the coordinator: messages that are not decided yet."""
    slots_in_use: float = at_times()
    """Of history: requests outstanding at the provider."""
    slots_limit: float = at_times()
    """Of history: requests that may be outstanding."""
    partitions: float = at_times()
    """Of history: partitions that it owns."""
    series_running: float = at_times()
    series_queued: float = at_times()
    series_waiting: float = at_times()
    chunks_waiting: float = at_times()
    rows: float = at_times()
    """Of history and live: rows committed since the start."""
    rows_per_second: float = at_times()
    """Of history and live: rows a second since the report before."""
    connected: float = at_times()
    """Of live: 1 while the terminal is connected."""
    subscriptions: float = at_times()
    """Of live: topics that it holds."""
    gaps_open: float = at_times()
    """Of live: gaps that are not filled yet."""


class AvroRecord(Told):
    """The Avro schema of a record."""

    type: Literal["record"]
    name: str
    doc: str
    fields: list[dict[str, Any]]


class Schemas(RootModel[dict[str, AvroRecord]]):
    """The Avro schema of each record, by name: what is registered under the subject of that name."""


class FieldError(Told):
    """One thing that is wrong with a request."""

    field: str
    """Its path, such as ``series[0].interval``; empty for the request as a whole."""
    message: str
    allowed: list[str] = at_times()
    """What may stand there; only where that can be listed."""


class Problem(Told):
    """An RFC 9457 problem document."""

    type: Literal["about:blank"]
    """The status says what kind it is."""
    title: str
    """The status in words."""
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    """What is wrong, and what to do next."""
    errors: Annotated[list[FieldError], Field(max_length=100)] = at_times()
    """One entry for each field at fault, at most a hundred; of 409 and 422 alone."""
