"""The dashboard on answers that a test chooses: its real files and the real check of tokens, nothing behind them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from aiohttp import web
from harness import free_port

from app.settings import load
from app.web.auth import Tokens, bearer
from app.web.dashboard import dashboard_operations
from app.web.headers import add_headers
from app.web.operations import Call, NoQuery, Operation
from app.web.problems import problem, problems

READY = {"status": "ready", "role": "coordinator", "checks": {"index": "ok"}, "terminal": "CONNECTED"}


class PageServer:
    """``answers`` maps paths to what is told there as JSON; ``asked`` are the paths that were asked for, in order."""

    def __init__(self, tokens: str = "") -> None:
        self.answers: dict[str, Any] = {"/backtests": [], "/live": [], "/schemas": {}, "/health/ready": READY}
        self.asked: list[str] = []
        self._tokens = Tokens.of(load(api_tokens=tokens))
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="page-server", daemon=True)
        self._up = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    @contextmanager
    def started(cls, tokens: str = "") -> Iterator[Self]:
        server = cls(tokens)
        server._thread.start()
        assert server._up.wait(10)
        try:
            yield server
        finally:
            server._loop.call_soon_threadsafe(server._loop.stop)
            server._thread.join(10)

    def _run(self) -> None:
        application = web.Application(middlewares=[self._count, problems, bearer(self._tokens)])
        for operation in dashboard_operations():
            application.router.add_get(operation.path, _answering(operation))
        application.router.add_route("*", "/{path:.*}", self._told)
        add_headers(application)
        runner = web.AppRunner(application)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", self.port).start())
        self._up.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    @web.middleware
    async def _count(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.path)
        return await handler(request)

    async def _told(self, request: web.Request) -> web.StreamResponse:
        if request.path not in self.answers:
            return problem(404, f"there is nothing at {request.path}")
        return web.json_response(self.answers[request.path])


def _answering(operation: Operation) -> Any:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await operation.run(Call(request, NoQuery(), None, request.match_info))

    return answer
