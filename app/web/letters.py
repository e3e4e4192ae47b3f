"""``GET /dlq``: the dead letters of ``requests``, the latest first."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp import web
from pydantic import Field

from app.domain.dead_letters import DeadLetter
from app.domain.receipt import iso
from app.errors import LogError
from app.kafka import dead_letters as queue
from app.settings import Settings
from app.web.answers.parts import Told
from app.web.answers.platform import FieldError
from app.web.bodies import json_answer
from app.web.operations import Answer, Call, Operation, Query, json_of

#: Seconds for which what was read, or why it could not be, is told again: every page that is open asks, and to know
#: what was submitted again, ``requests`` is read from the oldest of the letters on.
_FRESH = 5.0
_MOST = 1_000


class LettersQuery(Query):
    limit: int = Field(50, ge=1, le=_MOST, description="How many, the latest.", examples=[20])


class Letter(Told):
    """A dead letter; of its value only how long it was."""

    offset: int = Field(description="Its offset in `requests.dlq`; `dlq show OFFSET` shows all of it.")
    time: str = Field(description="When it was put away, ISO 8601, UTC.")
    source: str = Field(description="Where the message lies: topic@offset.", examples=["requests@17"])
    source_time: str = Field(description="When the message was published, ISO 8601, UTC.")
    reason: str = Field(description="Why it was not taken.")
    errors: list[FieldError] = Field(description="The fields at fault, as in a 422.")
    bytes: int | None = Field(description="Length of the message's value; null for none.")
    truncated: bool = Field(description="Whether a part of it is only at its source.")
    resubmitted: bool = Field(description="Whether it has been submitted again.")


class Letters(Told):
    """Dead letters, the newest first."""

    letters: list[Letter]


class LetterBox:
    """Reads the dead letters, one reader at a time however many ask."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self._limit = 0
        self._told: list[dict[str, Any]] = []
        self._failed: str | None = None

    async def latest(self, limit: int) -> list[dict[str, Any]]:
        """The latest ``limit``, the newest first; as of some seconds ago at the most. Raises ``LogError``."""
        async with self._lock:
            if limit > self._limit or time.monotonic() - self._read_at > _FRESH:
                await self._look(limit)
            if self._failed is not None:
                raise LogError(self._failed)
            return self._told[:limit]

    async def _look(self, limit: int) -> None:
        try:
            self._told, self._failed = await asyncio.to_thread(self._read, limit), None
        except LogError as error:
            self._failed = str(error)
        self._limit, self._read_at = limit, time.monotonic()

    def _read(self, limit: int) -> list[dict[str, Any]]:
        found = queue.latest_letters(self._settings, limit)
        again = queue.submitted_again(self._settings, min(one.source_offset for one in found)) if found else set()
        return [_told(one, one.place in again) for one in reversed(found)]


def _told(one: DeadLetter, resubmitted: bool) -> dict[str, Any]:
    summary = one.summary()
    return {
        "offset": one.offset,
        "time": iso(one.timestamp * 1000),
        "source": f"{one.source_topic}@{one.source_offset}",
        "source_time": iso(one.source_timestamp * 1000),
        "reason": one.reason,
        "errors": summary["errors"],
        "bytes": summary["bytes"],
        "truncated": summary["truncated"],
        "resubmitted": resubmitted,
    }


def letter_operations(settings: Settings) -> tuple[Operation, ...]:
    box = LetterBox(settings)

    async def told(call: Call[LettersQuery, None]) -> web.Response:
        return json_answer({"letters": await box.latest(call.query.limit)})

    return (
        Operation(
            method="get",
            path="/dlq",
            name="list_dead_letters",
            tag="platform",
            summary="Messages on `requests` that were not taken, the latest first",
            description="`python -m app dlq` shows one wholly, and submits letters again.",
            query=LettersQuery,
            run=told,
            answers=(Answer(200, "The letters.", json_of(Letters)),),
        ),
    )
