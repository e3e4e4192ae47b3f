"""Counting the requests that a role answers, by the template of their route: a path may hold ids."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from app.logs import about
from app.tally import Spread, Tally

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Traffic:
    """``measure`` is a middleware, to be the outermost."""

    def __init__(self) -> None:
        self.requests = Tally()
        self.seconds = Spread((0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0), known=())

    @property
    def measure(self) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
        @web.middleware
        async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
            begun, status = time.monotonic(), 0
            given = request.match_info.get
            with about(given("topic"), backtest=given("backtest_id")):
                try:
                    response = await handler(request)
                    status = response.status
                    return response
                except web.HTTPException as error:
                    status = error.status
                    raise
                finally:
                    # A request without a status was given up by who asked.
                    self._answered(request, status, time.monotonic() - begun)

        return measured

    def _answered(self, request: web.Request, status: int, seconds: float) -> None:
        method = request.method if request.method in _METHODS else "other"
        route = template(request)
        self.requests.add(method, route, f"{status // 100}xx" if status else "gone")
        self.seconds.take(seconds, method, route)
        # Neither the query nor a header: they may hold what is nobody else's business.
        logger.debug("%s %s: %d in %.1f ms", method, request.rel_url.raw_path, status, seconds * 1000)


def template(request: web.Request) -> str:
    """The route as it was declared, ``/backtests/{backtest_id}``; ``none`` for a path that nothing serves."""
    resource = request.match_info.route.resource
    return "none" if resource is None else resource.canonical
