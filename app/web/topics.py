"""``GET /topics/orphaned``: data topics that nobody answers for."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from pydantic import Field

from app.coordinator.orphans import Look, OrphanWatch
from app.web import examples
from app.web.answers.platform import OrphanedTopics
from app.web.bodies import json_answer
from app.web.operations import Answer, Call, Flag, Operation, Query, json_of
from app.web.problems import problem

#: Seconds that a fresh look may take.
LOOK_WAIT = 30.0


class Looks(Query):
    """Which look is told of."""

    fresh: Annotated[Flag, Field(description="`true` looks anew first, which takes up to 30 seconds.")] = False


def topics(orphans: OrphanWatch) -> tuple[Operation, ...]:
    async def run(call: Call[Looks, None]) -> web.StreamResponse:
        latest = await _fresh(orphans) if call.query.fresh else orphans.latest
        if latest is None:
            detail = "no look at the topics is through yet; try again shortly"
            return problem(503, detail, headers={"Retry-After": "2"})
        return json_answer(latest.as_json())

    return (
        Operation(
            method="get",
            path="/topics/orphaned",
            name="list_orphaned_topics",
            summary="Data topics that nobody answers for",
            run=run,
            answers=(
                Answer(
                    200, "What the latest look found", json_of(OrphanedTopics), examples={"both": examples.ORPHANED}
                ),
            ),
            tag="platform",
            description="The coordinator looks at its start and every ten minutes, and deletes none of them.",
            query=Looks,
        ),
    )


async def _fresh(orphans: OrphanWatch) -> Look | None:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(orphans.fresh()), LOOK_WAIT)
    except TimeoutError:
        return None
