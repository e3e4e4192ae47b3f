"""``GET /topics/orphaned``: data topics that nobody answers for."""

from __future__ import annotations

import asyncio

from aiohttp import web
from faust.web import View

from app.coordinator.orphans import Look, OrphanWatch
from app.errors import InvalidRequest
from app.web.bodies import json_answer
from app.web.problems import problem

#: Seconds that a fresh look may take.
LOOK_WAIT = 30.0


def topic_routes(orphans: OrphanWatch) -> dict[str, type[View]]:
    """Path to view."""

    class Orphaned(View):
        """What the latest look found; `?fresh=true` takes another one first."""

        async def get(self, request: web.Request) -> web.Response:
            match request.query.get("fresh", "false"):
                case "true":
                    latest = await _fresh(orphans)
                case "false":
                    latest = orphans.latest
                case other:
                    raise InvalidRequest.of("fresh", f"{other!r} is neither true nor false", ("true", "false"))
            if latest is None:
                detail = "no look at the topics is through yet; try again shortly"
                return problem(503, detail, headers={"Retry-After": "2"})
            return json_answer(latest.as_json())

    return {"/topics/orphaned": Orphaned}


async def _fresh(orphans: OrphanWatch) -> Look | None:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(orphans.fresh()), LOOK_WAIT)
    except TimeoutError:
        return None
