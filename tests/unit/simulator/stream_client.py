"""A client of the stream for tests: what it received, and waiting for what it shall receive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

Frame = dict[str, Any]

PATIENCE = 20.0
AAPL = {"root": "AAPL"}


class StreamClient:
    """Frames in the order they came; ``socket`` is the WebSocket itself."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.frames: list[Frame] = []
        self.ended = asyncio.Event()
        self._next = 0

    async def listen(self) -> None:
        async for message in self.socket:
            self.frames.append(json.loads(message.data))
        self.ended.set()

    async def say(self, message: Any) -> None:
        await self.socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def ask(self, kind: str, contract: Frame, *, add: bool = True, number: int | None = None, **more: Any) -> str:
        """Send a request; the word of the answer."""
        if number is None:
            number, self._next = self._next, self._next + 1
        security = "OPTION" if "strike" in contract else "STOCK"
        message = {"msg_type": "STREAM", "sec_type": security, "req_type": kind, "add": add, "id": number}
        before = len(self.responses(number))
        await self.say(message | {"contract": contract} | more)
        await self.until(lambda: len(self.responses(number)) > before)
        return str(self.responses(number)[-1]["response"])

    def responses(self, number: int) -> list[Frame]:
        """The headers of the answers to an id."""
        return [header for header in self.headers("REQ_RESPONSE") if header["req_id"] == number]

    def headers(self, kind: str) -> list[Frame]:
        return [frame["header"] for frame in self.frames if frame["header"]["type"] == kind]

    def events(self, kind: str) -> list[Frame]:
        """The bodies of a type of event, of whatever contract."""
        return [frame[kind.lower()] for frame in self.frames if frame["header"]["type"] == kind]

    async def until(self, holds: Callable[[], Any], seconds: float = PATIENCE) -> None:
        """Wait for a condition; fails when it does not come true in time."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not holds():
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(
                    f"still not so after {seconds} s; {len(self.frames)} frames, the last: {self.frames[-3:]}"
                )
            await asyncio.sleep(0.002)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[StreamClient]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        client = StreamClient(socket)
        listening = asyncio.create_task(client.listen())
        try:
            yield client
        finally:
            listening.cancel()
