"""The records of the control topics, for those who read them. They belong to the platform, which alone writes them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel

from app.domain.live import GapCause, GapState, LiveState
from app.domain.records import SeriesState
from app.domain.request import EmptyBars
from app.settings import Role
from app.web.answers.backtests import Receipt
from app.web.answers.live import Gap, Universe
from app.web.answers.parts import Clock, Count, Day, Instant, Offset, Sha256, Told, at_times

#: ISO 8601 with an offset.
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Run = Annotated[Offset, Field(description="Offset in `requests` of the message that began it; others do not count.")]
EventMicros = Annotated[int, Field(description="Event time, microseconds since 1970, UTC.")]


class Position(RootModel[Annotated[int, Field(ge=0)]]):
    """The highest decided offset of `requests`."""


class Decision(Told):
    """A backtest that was accepted; a tombstone when it is deleted."""

    run: Run
    hash: str
    """Names the canonical request: the same request has the same."""
    accepted_at: Moment
    retry: Offset = at_times()
    """Offset of the latest `retry` about it."""
    cancel: Offset = at_times()
    """Offset of the latest `cancel` about it."""
    delete: Offset = at_times()
    """Offset of the latest `delete` about it."""
    request: dict[str, Any]
    """The request, defaults filled in."""


class SeriesOf(Told):
    """What a series is; a tombstone when its backtest is deleted."""

    run: Run
    attempt: Offset
    """Offset of the latest retry, at first `run`."""
    order: Count
    """Its place in the request."""
    start: Day
    end: Day
    empty_bars: EmptyBars
    start_time: Clock | None
    """New York; null: the provider's regular hours."""
    end_time: Clock | None
    retain_days: Annotated[int, Field(ge=1)] | None
    contracts: Universe | None
    """Null of stocks."""
    live: bool
    """Whether it goes on into its live topic."""
    cancel: Offset | None
    delete: Offset | None


class Checkpoint(Told):
    """How far a series is: key the data topic. Other keys of `progress` are the owner's own."""

    run: Run
    attempt: Offset
    state: SeriesState
    """`deleted`: the topic is gone."""
    plan: str
    """Names the plan that `chunks_total` is of."""
    chunks_done: Count
    chunks_total: Count
    steps_done: Count
    rows: Count
    """Rows committed."""
    empty_bars: Count
    first: EventMicros = at_times()
    last: EventMicros = at_times()
    first_offset: Offset
    next_offset: Offset
    chain: Sha256
    """The digest chain so far, without the open block."""
    part_rows: Count
    part_offset: Offset
    reason: str = at_times()
    """Why it failed."""
    receipt: Receipt = at_times()
    """Of a series that is complete."""
    anew: bool = at_times()


class StandingSubscription(Told):
    """What is subscribed to; a tombstone when it was ended."""

    run: Run
    filters: list[Universe]
    """The choices of contracts whose union is meant; none of stocks."""
    start: Instant | None
    """Rows later than this are wanted although nobody was subscribed then."""
    start_time: Clock | None
    end_time: Clock | None


class TopicCoverage(Told):
    """How far a live topic is whole: key the topic."""

    run: Run
    state: LiveState
    since: Instant | None
    """After this event time, and up to `until`, every row is in the topic but for its open gaps."""
    until: Instant | None
    verified: Instant | None
    """Compared with history up to here."""
    last: Instant | None
    """Last event time written."""
    rows: Count
    late: Count
    outside: Count
    contracts: Count
    lag_ms: Annotated[float, Field(ge=0)] | None
    reason: str | None
    universe: str | None
    """Names the choice of contracts that this is true for."""
    trims: dict[str, list[Any]]
    """By day, the next offset at its begin and how far the topic was whole then."""


class Feed(Told):
    """Key `@feed`: the connection itself."""

    state: str
    """In the terminal's own word."""
    since: Moment
    clock: Instant | None
    """Highest event time seen."""
    reason: str | None
    connects: Count
    at: str


class GapRecord(Gap):
    """A gap of a live topic, the key; the last record of an `id` counts."""

    topic: str
    run: Run
    why: GapCause
    state: GapState


class Worker(Told):
    """A process of the platform, as it tells itself every two seconds; a tombstone when it stops."""

    role: Role
    host: str
    pid: Count
    version: str
    started_at: Moment
    provider_state: str
    missing: dict[str, str]
    """What its probe finds wanting."""
    figures: dict[str, float]
    """Its role's own numbers, by name."""


class Cancel(Told):
    """Ends what runs of a backtest."""

    cancel: str
    """The backtest's id."""


class Retry(Told):
    """Runs what is missing of a backtest."""

    retry: str
    """The backtest's id."""


class Delete(Told):
    """Deletes a backtest with its topics."""

    delete: str
    """The backtest's id."""
    run: Offset = at_times()
    """Only the backtest that this message began."""


class Unsubscribe(Told):
    """Ends a live subscription."""

    unsubscribe: str
    """The live topic."""
