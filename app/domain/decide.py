"""Deciding on a message of ``requests``: a pure function of the message and of what was decided before.

Two coordinators that see the same log decide the same, so a decision made twice does no harm. ``now`` is the
broker's time stamp of the message, never the decider's clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.checking import parse_request
from app.domain.records import BacktestRecord
from app.domain.short_form import expand_short_form
from app.errors import Conflict, InvalidRequest

#: Messages that the contract knows and this version does not serve yet.
_LATER = ("cancel", "retry", "delete", "subscribe", "unsubscribe")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A new backtest runs."""

    record: BacktestRecord


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same request again: nothing to do."""

    backtest_id: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The message goes to the dead-letter queue."""

    error: InvalidRequest


Decision = Accepted | Repeated | Rejected


def decide(
    body: Mapping[str, Any], offset: int, now: dt.datetime, known: Callable[[str], BacktestRecord | None]
) -> Decision:
    """What becomes of a decoded message at ``offset``; ``known`` finds a backtest that was accepted before."""
    for name in _LATER:
        if name in body and "backtest_id" not in body:
            return Rejected(InvalidRequest.of(name, "is not served by this version"))
    short = "series" not in body
    try:
        backtest = parse_request(expand_short_form(body), now, short_form=short)
    except InvalidRequest as error:
        return Rejected(error)
    before = known(backtest.backtest_id)
    if before is None:
        return Accepted(BacktestRecord(backtest, offset, now))
    if before.backtest.hash == backtest.hash:
        return Repeated(backtest.backtest_id)
    return Rejected(Conflict(backtest.backtest_id))
