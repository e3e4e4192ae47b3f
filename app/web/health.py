"""Probes: whether the process lives, and whether it does its work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
from aiohttp import web
from faust.web import View


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


def probes(health: Health) -> dict[str, type[View]]:
    """Path to view."""

    class Live(View):
        """The process answers."""

        async def get(self, request: web.Request) -> web.Response:
            return web.json_response({"status": "live", "role": health.role})

    class Ready(View):
        """The process owns what it should and has read its logs: 200, else 503 saying what is missing."""

        async def get(self, request: web.Request) -> web.Response:
            ready, body = health.report()
            return web.Response(status=200 if ready else 503, body=orjson.dumps(body), content_type="application/json")

    return {"/health/live": Live, "/health/ready": Ready}
