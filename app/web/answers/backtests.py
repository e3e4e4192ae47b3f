"""What is told of backtests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.domain.receipt import SessionStatus
from app.domain.status import BacktestState
from app.web.answers.parts import BacktestId, Count, Day, Instant, Offset, Sha256, Told, at_times

SeriesState = Literal["accepted", "running", "complete", "failed", "cancelled"]


class Progress(Told):
    """How far a backtest is, over all of its series."""

    rows: Count
    """Rows written and committed."""
    chunks_done: Count
    """Requests to the provider whose rows are written."""
    chunks_total: Count
    """Requests in all, as far as they are planned; of an option chain that is not planned yet, one a session."""
    eta_seconds: Annotated[float, Field(ge=0)] | None
    """Seconds that are left at the pace so far; null unless it runs."""


class Series(Told):
    """One data topic of a backtest."""

    topic: str
    """The data topic."""
    state: SeriesState
    rows: Count
    """Rows committed so far."""
    reason: str = at_times()
    """Why it failed, with the provider's status and words; only where it did."""


class Session(Told):
    """A weekday of the range, and what became of it."""

    date: Day
    """New York."""
    rows: Count
    status: SessionStatus
    """``early_close``: a half-day with rows; ``no_data``: the provider has nothing; ``holiday``: no session."""
    missing: Annotated[int, Field(ge=1)] = at_times()
    """Bars that the provider left out of its grid; only where it did."""


class LivePoint(Told):
    """Where a series goes on into its live topic."""

    topic: str
    offset: Offset
    """First offset to read there."""
    after: Instant
    """Rows at or before this event time are history's already: skip them."""


class Receipt(Told):
    """The signed-off summary of a finished series."""

    topic: str
    rows: Count
    first: Instant | None
    """Event time of the first row, UTC; null without rows."""
    last: Instant | None
    """Event time of the last row, UTC; null without rows."""
    offsets: dict[str, Annotated[list[Offset], Field(min_length=2, max_length=2)]]
    """By partition, the first row's offset and the last row's + 1; transaction markers may lie between."""
    sha256: Sha256
    """Chain over blocks of 65,536 Avro bodies without their 5-byte frame: the same data gives the same value."""
    sessions: list[Session]
    """Every weekday of the range."""
    empty_bars: Count
    """The provider's all-zero bars that were not written."""
    provider: str
    """Who the data is from."""
    finished_at: Instant
    live: LivePoint = at_times()
    """Only of a backtest that goes on live."""


class BacktestSummary(Told):
    """A backtest without its receipts, as in lists."""

    backtest_id: BacktestId
    state: BacktestState
    """``partial``: some series failed. ``complete``, ``partial``, ``failed`` and ``cancelled`` are final."""
    accepted_at: Instant
    progress: Progress
    series: list[Series]
    """In the request's order."""


class Backtest(BacktestSummary):
    """A backtest with the receipts of its complete series."""

    receipts: list[Receipt]


class Undecided(Told):
    """A request that is durably on ``requests`` and not decided yet; until it is, ``GET`` answers 404."""

    backtest_id: BacktestId
    state: Literal["accepted"]
    series: list[Series]
