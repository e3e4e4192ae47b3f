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
