"""The terminal's concurrency: so many requests run, so many wait in order, the next is refused with 429."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from simulator.refusals import DEFAULT_TEXTS, Refusal


@dataclass
class Occupancy:
    """What the slots have seen; ``busy_seconds`` adds up the time each slot was held."""

    running: int = 0
    queued: int = 0
    max_running: int = 0
    max_queued: int = 0
    overflowed: int = 0
    busy_seconds: float = 0.0


class Slots:
    """``limit`` running requests and a first-in-first-out queue of ``queue_length``; used on one event loop."""

    def __init__(self, limit: int, queue_length: int) -> None:
        self.limit = limit
        self.queue_length = queue_length
        self.occupancy = Occupancy()
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Run inside a slot, waiting for one if need be; raises :class:`Refusal` 429 when the queue is full."""
        await self._take()
        began = time.monotonic()
        try:
            yield
        finally:
            self.occupancy.busy_seconds += time.monotonic() - began
            self._give()

    def forget(self) -> None:
        """Count anew, keeping what is running and queued now."""
        now = self.occupancy
        self.occupancy = Occupancy(now.running, now.queued, now.running, now.queued)

    async def _take(self) -> None:
        seen = self.occupancy
        if seen.running < self.limit and not self._waiting:
            seen.running += 1
            seen.max_running = max(seen.max_running, seen.running)
            return
        if len(self._waiting) >= self.queue_length:
            seen.overflowed += 1
            raise Refusal(429, DEFAULT_TEXTS[429])
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        seen.queued = len(self._waiting)
        seen.max_queued = max(seen.max_queued, seen.queued)
        try:
            await turn  # whoever leaves hands its slot over: ``running`` stays as it is
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()  # the slot was handed over in the same tick in which the client went away
            else:
                self._waiting.remove(turn)
                self.occupancy.queued = len(self._waiting)
            raise

    def _give(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            self.occupancy.queued = len(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self.occupancy.running -= 1
