"""Waiting, on the event loop, for what a follower's thread reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.kafka.index import Index
from app.kafka.live_index import LiveIndex


class Changes:
    """Lets any number of views wait for what is in the indexes without holding a thread each."""

    def __init__(self, *indexes: Index | LiveIndex) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()
        for index in indexes:
            index.on_change(self._from_thread)

    async def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until ``condition`` holds, looking again after every change; False after ``timeout`` seconds."""
        self._loop = asyncio.get_running_loop()
        deadline = self._loop.time() + timeout
        while not condition():
            event = self._event
            left = deadline - self._loop.time()
            if left <= 0:
                return False
            try:
                # What changes after the look fires the event that is already in hand; a second at the most all the
                # same, for the condition may hang on something else too.
                await asyncio.wait_for(event.wait(), min(left, 1.0))
            except TimeoutError:
                continue
        return True

    def _from_thread(self) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._fire)

    def _fire(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()
