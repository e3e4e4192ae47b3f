"""How much may be asked: calls a second for each client, and backtests that are not finished."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from aiohttp import web
from cachetools import LRUCache

from app.web.auth import CLIENT
from app.web.problems import Handler, Middleware, problem

#: Calls that may come at once after a silence, in seconds' worth of the rate.
BURST = 10
#: Clients that are remembered. Who is forgotten has not asked for longer than all the others.
MOST_CLIENTS = 10_000
#: Methods that make work.
WORK = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: Seconds after which a POST of a new backtest may be tried again; how long one takes nobody knows.
BACKTEST_RETRY = 10


class Rate:
    """A token bucket for each client. Memory is bounded; nothing here knows what a client is."""

    def __init__(
        self, per_second: float, clock: Callable[[], float] = time.monotonic, most_clients: int = MOST_CLIENTS
    ) -> None:
        """``per_second`` is more than 0; ``clock`` gives seconds."""
        self._rate = per_second
        self._burst = max(1.0, per_second * BURST)
        self._clock = clock
        #: What each client has left, and when that was so.
        self._left: LRUCache[object, tuple[float, float]] = LRUCache(most_clients)

    def take(self, client: object) -> float:
        """Count a call: 0 when it may be made, else seconds until one may."""
        now = self._clock()
        left, since = self._left.get(client, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= 1
        self._left[client] = (left - 1 if allowed else left, now)
        return 0.0 if allowed else (1 - left) / self._rate


def limited(per_second: float) -> Middleware:
    """A middleware that lets each client make so many calls that make work; 0: as many as it likes. To be put after
    the one that asks for tokens: a client is a token, or else an address."""
    rate = Rate(per_second) if per_second else None

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if rate is not None and request.method in WORK:
            wait = rate.take(request.get(CLIENT) or request.remote)
            if wait > 0:
                return problem(
                    429,
                    f"more than {per_second:g} calls a second came from you (RATE_LIMIT); wait, or ask for more series "
                    "in one call",
                    headers={"Retry-After": str(math.ceil(wait))},
                )
        return await handler(request)

    return limit


class Unfinished(Protocol):
    """What is known of backtests."""

    @property
    def unfinished_backtests(self) -> int:
        """How many are accepted or running."""

    @property
    def position(self) -> int:
        """The offset in ``requests`` up to which decisions are known."""


class Places:
    """How many backtests may be accepted or running at once, as far as they are asked for here. What others publish
    on ``requests`` takes places too, and is never refused one."""

    def __init__(self, index: Unfinished, most: int) -> None:
        self.most = most
        self._index = index
        #: Asked for here and not known to be decided, with the offset of the request once nobody waits for it any
        #: more: else all who ask at once, or while decisions are slow, would find the same place free.
        self._asked: dict[str, int | None] = {}

    @contextmanager
    def one(self, backtest_id: str) -> Iterator[bool]:
        """A place for a new backtest while it is being decided on; False when all are taken."""
        position = self._index.position
        for asked, offset in list(self._asked.items()):
            if offset is not None and offset <= position:
                del self._asked[asked]
        others = self._asked.keys() - {backtest_id}
        free = self._index.unfinished_backtests + len(others) < self.most
        if free:
            self._asked.setdefault(backtest_id, None)
        try:
            yield free
        finally:
            if self._asked.get(backtest_id) is None:
                self._asked.pop(backtest_id, None)

    def keep(self, backtest_id: str, offset: int) -> None:
        """Hold the place of a request that lies on ``requests`` at ``offset``, undecided, until it is decided."""
        self._asked[backtest_id] = offset

    def refusal(self) -> web.Response:
        """The answer to who gets none."""
        return problem(
            429,
            f"{self.most} backtests are accepted or running, which is the most there may be (MAX_BACKTESTS); wait "
            "until some have ended, cancel some, or raise the setting",
            headers={"Retry-After": str(BACKTEST_RETRY)},
        )
