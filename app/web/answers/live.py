"""What is told of live topics."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.domain.contracts import Right
from app.domain.live import GapCause, GapState, LiveState
from app.domain.live_status import GAPS_TOLD
from app.domain.schema import Asset
from app.web.answers.parts import Clock, Count, Day, Instant, Offset, Told, at_times


class Gap(Told):
    """A span of event time in which rows were, or may have been, missed."""

    id: str
    """Unique in its topic and run; the last record of an id counts."""
    begin: Annotated[Instant, Field(alias="from")]
    """Event time, UTC: the span begins after it."""
    to: Instant
    """Event time, UTC: the span ends with it."""
    why: GapCause
    """``socket``: the connection broke; ``upstream``: the terminal lost its servers; ``take_over``: the owner changed;
    ``overflow``: the platform was slower than the feed; ``silent``: the comparison with history found it; ``start``:
    before the subscription; ``widened``: contracts were added."""
    state: GapState
    """``failed``: history does not have it either."""
    repaired_to: Instant | None
    """History up to this moment is in the topic."""
    rows: Count
    """Rows that the repair added."""
    offsets: Annotated[list[Offset], Field(min_length=2, max_length=2)] | None
    """The first added row's offset, and the last one's + 1."""
    reason: str | None
    bars: list[dict[str, Any]]
    """Bars that stand in the topic otherwise than in history, with history's values."""
    opened_at: Instant
    closed_at: Instant | None


class Universe(Told):
    """A declared choice of contracts; null does not restrict."""

    expirations: list[Day] | None
    strikes: list[Annotated[float, Field(gt=0)]] | None
    """Dollars."""
    right: Right
    max_dte: Count | None
    """Most calendar days from a session to the expiration."""
    strike_range: Annotated[int, Field(ge=1)] | None
    """Strikes on each side of the money."""


class LiveTopic(Told):
    """A live topic that is subscribed to. Stocks have a ``symbol``; options ``root``, ``universes``, ``contracts``."""

    topic: str
    asset: Asset
    symbol: str = at_times()
    """Ticker of a stock."""
    root: str = at_times()
    """Root of options."""
    universes: list[Universe] = at_times()
    """The choices of contracts whose union is meant."""
    contracts: Count = at_times()
    """How many contracts they are now."""
    schema_: Annotated[Literal["trade", "quote", "ohlcv"], Field(alias="schema")]
    interval: str | None
    """``tick`` for quotes, null for trades."""
    start_time: Clock
    """New York."""
    end_time: Clock
    """New York."""
    run: Offset
    """Offset in ``requests`` of the message that began the subscription."""
    state: LiveState | Literal["ended"]
    """``waiting`` for the feed, ``live``, or ``refused`` by the terminal; ``ended`` while it was being asked for."""
    reason: str | None
    """The terminal's word, where it refused."""
    since: Instant | None
    """After this event time, and up to ``until``, every row is in the topic but for its open gaps."""
    until: Instant | None
    verified: Instant | None
    """Compared with history up to here."""
    last: Instant | None
    """Last event time written."""
    lag_ms: Annotated[float, Field(ge=0)] | None
    """Milliseconds from a frame's arrival to its commit."""
    rows: Count
    """Rows written by this run."""
    late: Count
    """Trades that came after their bar was written."""
    outside: Count
    """Events outside of the hours."""
    feed: str | None
    """The connection's own state, in the terminal's word; null before there was one."""
    gaps: Annotated[list[Gap], Field(max_length=GAPS_TOLD)]
    """The open ones first, then the latest."""
    gaps_total: Count


class Subscribed(Told):
    """What stands after a subscription: an entry a series, in the request's order."""

    series: list[LiveTopic]


class Ended(Told):
    """What became of an end."""

    topic: str
    state: Literal["ended", "ending"]
    """``ending``: the end is on ``requests`` and not decided yet."""
