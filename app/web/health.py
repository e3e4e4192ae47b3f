"""Probes: whether the process lives, and whether it does its work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from app.web import examples
from app.web.answers.platform import Alive, Readiness
from app.web.bodies import json_answer
from app.web.operations import Answer, AnyQuery, Call, Operation, json_of

TAG = "platform"


@dataclass
class Health:
    """What a role knows of itself. A check gives None when all is well, else what is missing.

    ``terminal`` is told but does not make a role unready: a data provider that is away is a state in which
    requests are still taken and decided.
    """

    role: str
    instance: str = ""
    checks: dict[str, Callable[[], str | None]] = field(default_factory=dict)
    terminal: Callable[[], str] = lambda: "unknown"

    def missing(self) -> dict[str, str]:
        """What the checks find missing now, by check."""
        return {name: found for name, check in list(self.checks.items()) if (found := check()) is not None}

    def report(self) -> tuple[bool, dict[str, object]]:
        missing = self.missing()
        body: dict[str, object] = {
            "status": "unready" if missing else "ready",
            "role": self.role,
            "instance": self.instance,
            "checks": {name: missing.get(name, "ok") for name in self.checks},
            "terminal": self.terminal(),
        }
        return not missing, body


def probes(health: Health) -> tuple[Operation, ...]:
    async def live(call: Call[AnyQuery, None]) -> web.StreamResponse:
        return json_answer({"status": "live", "role": health.role})

    async def ready(call: Call[AnyQuery, None]) -> web.StreamResponse:
        is_ready, body = health.report()
        return json_answer(body, 200 if is_ready else 503)

    return (
        Operation(
            method="get",
            query=AnyQuery,
            path="/health/live",
            name="get_live_probe",
            summary="Whether the process answers",
            run=live,
            answers=(Answer(200, "It does", json_of(Alive)),),
            tag=TAG,
            open=True,
        ),
        Operation(
            method="get",
            query=AnyQuery,
            path="/health/ready",
            name="get_ready_probe",
            summary="Whether the process does its work",
            run=ready,
            answers=(
                Answer(
                    200,
                    "It owns what it should and has read its logs",
                    json_of(Readiness),
                    examples={"ready": examples.READY},
                ),
                Answer(503, "It does not yet; `checks` tells what is missing", json_of(Readiness)),
            ),
            tag=TAG,
            open=True,
        ),
    )
