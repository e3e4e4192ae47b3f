"""What a conversation with the coordinator consists of. Conversations are generators that yield steps and are given
what came of them, so each is written once; ``wire.py`` takes the steps, blocking or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from app.client.calls import Call
from app.client.errors import ApiError, Unauthorized, Unreachable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """Make a call and read its answer whole; gives a ``Reply``."""

    call: Call


@dataclass(frozen=True, slots=True)
class Open:
    """Make a call and read only the head of its answer; gives a ``Reply`` whose body is there only when it was refused.
    What follows is had by ``Read``."""

    call: Call


@dataclass(frozen=True, slots=True)
class Read:
    """More bytes of the answer that is open; gives none when it has properly ended."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand an item to whoever iterates."""

    item: Any


Step = Send | Open | Read | Pause | Emit
#: A conversation and what it comes to.
Flow = Generator[Step, Any, T]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; the names of its headers are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Broken(Exception):
    """There was no answer, or it broke off. Thrown into a conversation, which goes on or gives up."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(why)
        self.url = url
        self.why = why

    def unreachable(self) -> Unreachable:
        return Unreachable(
            f"no coordinator answers at {self.url} ({self.why}); start one, or name the address of one that runs"
        )


def gathered(flow: Flow[T], take: Callable[[Any], object]) -> Flow[T]:
    """The same conversation with what it emits given to ``take``."""
    reply: Any = None
    broken: Broken | None = None
    while True:
        try:
            step = flow.send(reply) if broken is None else flow.throw(broken)
        except StopIteration as done:
            return cast(T, done.value)
        reply = broken = None
        if isinstance(step, Emit):
            take(step.item)
            continue
        try:
            reply = yield step
        except Broken as error:
            broken = error


def error_of(reply: Reply) -> ApiError | None:
    """What an answer refuses, None when it does not. Raises ``Unreachable`` for what no coordinator answers."""
    if 200 <= reply.status < 300:
        return None
    told: Any = None
    try:
        told = json.loads(reply.body)
    except ValueError:
        if reply.status < 500:
            raise not_a_coordinator(reply) from None
    told = told if isinstance(told, dict) else {}
    title = str(told.get("title") or f"status {reply.status}")
    detail = str(told.get("detail") or told.get("title") or "and says no more")
    errors = [one for one in told.get("errors") or () if isinstance(one, dict) and "message" in one]
    error = ApiError.of(reply.status, title, detail, errors, _seconds(reply.headers.get("retry-after")))
    if isinstance(error, Unauthorized):
        error.args = ("the coordinator asks for an API token, or another one; give it as token=, or in FDP_TOKEN",)
    return error


def answer_of(reply: Reply) -> Any:
    """The JSON of an answer. Raises the error that it stands for."""
    error = error_of(reply)
    if error is not None:
        raise error
    try:
        return json.loads(reply.body)
    except ValueError:
        raise not_a_coordinator(reply) from None


def not_a_coordinator(reply: Reply) -> Unreachable:
    return Unreachable(
        f"{reply.url} answered {reply.status} and no JSON: it is not a coordinator; name the address of one"
    )


def _seconds(text: str | None) -> float | None:
    """``Retry-After`` in seconds; the coordinator never sends a date, so what is no number counts as not there."""
    try:
        return max(0.0, float(text)) if text is not None else None
    except ValueError:
        return None
