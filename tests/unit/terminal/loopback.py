"""Servers and clients that do with a connection whatever a test wants, and a proxy between them."""

from __future__ import annotations

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from terminal.proxy import Proxy

Serve = Callable[[StreamReader, StreamWriter], Awaitable[None]]
PATIENCE = 30.0


def run(test: Any) -> None:
    asyncio.run(asyncio.wait_for(test, 120))


async def until(holds: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait for a condition with a deadline."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.002)


async def settled(value: Callable[[], int], rounds: int = 200) -> int:
    """Wait until a count has not changed for so many rounds; the count."""
    seen, same = value(), 0
    async with asyncio.timeout(PATIENCE):
        while same < rounds:
            await asyncio.sleep(0.002)
            same = same + 1 if value() == seen else 0
            seen = value()
    return seen


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[int]:
    """The port of a server that lives for the length of a ``with``; its connections end with it."""
    tasks: set[asyncio.Task[None]] = set()

    async def served(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass  # a client that is cut off
        finally:
            writer.transport.abort()

    def accept(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(served(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=512)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def proxied(to_port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy("127.0.0.1", 0, to_port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


async def connect(proxy: Proxy) -> tuple[StreamReader, StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def hung_up(reader: StreamReader) -> bool:
    """Wait for the end of a connection."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await reader.read() == b""
    except ConnectionError:
        return True


def cut(writer: StreamWriter) -> None:
    """End a connection as a process that is killed does, with a reset."""
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()
