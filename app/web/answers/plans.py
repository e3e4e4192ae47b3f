"""What a plan tells."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.web.answers.parts import BacktestId, Count, Told, at_times

Seconds = Annotated[float, Field(ge=0)]


class Refused(Told):
    """A series that the account does not allow."""

    topic: str
    reason: str


class PlannedSeries(Told):
    """What one series would take."""

    topic: str
    requests: Count
    """Requests to the provider for rows."""
    listings: Count
    """Requests for lists of contracts, beside those."""
    rows: Count
    """The grid of every session, before empty bars are dropped and half-days end early."""
    exact: bool
    """False: ``rows`` is a guess."""
    bytes: Count
    """About what the rows are on the broker before lz4."""
    seconds: Seconds
    steps: Count
    """Windows of time, each written as one."""
    sessions: Count
    """Sessions for which something is asked."""
    listed: bool
    """False: the provider gave no listing, and the size of the chain is a guess; ``why`` tells."""
    why: str = at_times()
    """Why there is no listing; only where there is none."""
    refused: str = at_times()
    """Why the account does not allow it; only where it does not. It counts nothing then."""


class Plan(Told):
    """What a backtest would do."""

    backtest_id: BacktestId
    requests: Count
    listings: Count
    rows: Count
    bytes: Count
    seconds: Seconds
    """(requests + listings) / the account's slots × 0.5 + rows / 300,000."""
    sessions: Count
    """Sessions of the range."""
    refused: list[Refused]
    series: list[PlannedSeries]
    """In the request's order."""
