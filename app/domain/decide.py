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
from app.domain.instructions import Instruction, instructed, instruction_of, parse_instruction
from app.domain.live import Subscription
from app.domain.live_request import SUBSCRIBE, UNSUBSCRIBE, Standing, parse_subscribe, parse_unsubscribe, to_write
from app.domain.records import BacktestRecord, live_subscriptions
from app.domain.short_form import expand_short_form
from app.errors import Conflict, FieldProblem, InvalidRequest, Leaving


@dataclass(frozen=True, slots=True)
class Accepted:
    """A new backtest runs. ``live``: the subscriptions that it makes or widens."""

    record: BacktestRecord
    live: tuple[Subscription, ...] = ()


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same request again: nothing to do."""

    backtest_id: str


@dataclass(frozen=True, slots=True)
class Instructed:
    """A backtest is to be cancelled, run again or deleted. ``record`` is the backtest after that, None when nothing is
    left to do."""

    what: Instruction
    backtest_id: str
    record: BacktestRecord | None


@dataclass(frozen=True, slots=True)
class Subscribed:
    """These live topics stand. ``live``: the subscriptions that are made or widened, none when all stood before."""

    topics: tuple[str, ...]
    live: tuple[Subscription, ...]


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """A live topic ends; its rows stay."""

    topic: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The message goes to the dead-letter queue."""

    error: InvalidRequest


Decision = Accepted | Repeated | Instructed | Subscribed | Unsubscribed | Rejected
Known = Callable[[str], BacktestRecord | None]


def decide(
    body: Mapping[str, Any], offset: int, now: dt.datetime, known: Known, standing: Standing = lambda _: None
) -> Decision:
    """What becomes of a decoded message at ``offset``.

    ``known`` finds a backtest that was accepted before, ``standing`` the subscription of a live topic.
    """
    try:
        if "backtest_id" not in body:
            if (what := instruction_of(body)) is not None:
                return _instruct(body, what, offset, known)
            if SUBSCRIBE in body:
                return _subscribe(body, offset, standing)
            if UNSUBSCRIBE in body:
                return _unsubscribe(body, standing)
        return _backtest(body, offset, now, known, standing)
    except InvalidRequest as error:
        return Rejected(error)


def _backtest(body: Mapping[str, Any], offset: int, now: dt.datetime, known: Known, standing: Standing) -> Decision:
    backtest = parse_request(expand_short_form(body), now, short_form="series" not in body)
    before = known(backtest.backtest_id)
    if before is None:
        record = BacktestRecord(backtest, offset, now)
        return Accepted(record, to_write(live_subscriptions(record), standing))
    if before.delete is not None:
        raise Leaving(backtest.backtest_id)
    if before.backtest.hash != backtest.hash:
        raise Conflict(backtest.backtest_id)
    return Repeated(backtest.backtest_id)


def _instruct(body: Mapping[str, Any], what: Instruction, offset: int, known: Known) -> Instructed:
    backtest_id, run = parse_instruction(body, what)
    before = known(backtest_id)
    if run is not None and (before is None or before.run != run):
        # What had expired was deleted by somebody else meanwhile; its id may be another one's by now.
        return Instructed(what, backtest_id, None)
    if before is None:
        raise InvalidRequest.of(what, f"there is no backtest {backtest_id!r}")
    return Instructed(what, backtest_id, instructed(what, before, offset))


def _subscribe(body: Mapping[str, Any], offset: int, standing: Standing) -> Subscribed:
    _alone(body, SUBSCRIBE)
    asked = parse_subscribe(body[SUBSCRIBE], f"{SUBSCRIBE}.").subscriptions(offset)
    return Subscribed(tuple(one.topic for one in asked), to_write(asked, standing))


def _unsubscribe(body: Mapping[str, Any], standing: Standing) -> Unsubscribed:
    _alone(body, UNSUBSCRIBE)
    topic = parse_unsubscribe(body[UNSUBSCRIBE])
    if standing(topic) is None:
        raise InvalidRequest.of(UNSUBSCRIBE, f"{topic} is not subscribed to")
    return Unsubscribed(topic)


def _alone(body: Mapping[str, Any], name: str) -> None:
    """What stands beside the one field of such a message would do nothing, so it is refused."""
    others = [FieldProblem(one, f"does not belong beside {name}") for one in body if one != name]
    if others:
        raise InvalidRequest(others)
