"""A TCP proxy in front of the terminal, whose caller then always has the address 127.0.0.1.

Bytes are passed on as they are, HTTP and WebSocket alike: one connection here is one connection there, and what the
terminal does with a connection (answer, refuse, replace it by a newer one) its caller sees. Who reads slowly is sent
slowly: little is held here, however large an answer is.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio import StreamReader, StreamWriter

from terminal.settings import LOOPBACK

_BLOCK = 1 << 18
_BUFFER = 1 << 17
"""Reading pauses at twice as much. Beside it a block is on its way, in each direction."""
_TAKE_SECONDS = 10.0
"""On the loopback a listener takes a connection at once, unless its queue is full."""
_BACKLOG = 1024

_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A peer that vanished without a word is given up after a minute. TCP_USER_TIMEOUT would also end those that live and
just read nothing for a while (tcp(7))."""


class Proxy:
    """Listens on ``host:port`` and connects each connection to ``to_port`` on the loopback; used on one event loop."""

    def __init__(self, host: str, port: int, to_port: int) -> None:
        self._host, self._port, self._to_port = host, port, to_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def port(self) -> int:
        """The port that was bound."""
        return self._port

    @property
    def connections(self) -> int:
        """How many callers there are."""
        return len(self._tasks)

    async def start(self) -> None:
        """Bind; raises ``OSError`` when the port cannot be had."""
        self._server = await asyncio.start_server(self._accept, self._host, self._port, limit=_BUFFER, backlog=_BACKLOG)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection; what is on its way is dropped."""
        self._stopping = True
        if self._server is None:
            return
        for listening in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        # What was accepted a moment ago becomes a connection now, and is hung up by _accept: of a server that is closed
        # already Python (3.11) neither makes one nor closes the socket. And every task takes its first step, without
        # which it would close nothing when it is cancelled.
        await asyncio.sleep(0)
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: StreamReader, client: StreamWriter) -> None:
        if self._stopping:  # it was accepted just before the port was closed
            client.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, asked: StreamReader, client: StreamWriter) -> None:
        ends = [client]
        try:
            _tune(client)
            async with asyncio.timeout(_TAKE_SECONDS):
                answered, terminal = await asyncio.open_connection(LOOPBACK, self._to_port, limit=_BUFFER)
            ends.append(terminal)
            _tune(terminal)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(asked, terminal))
                both.create_task(_pass_on(answered, client))
            for end in ends:
                end.close()
            for end in ends:
                await end.wait_closed()
        except* OSError:
            pass  # one of them hung up, or the terminal did not take it: so the other is hung up on
        finally:
            for end in ends:
                end.transport.abort()


async def _pass_on(source: StreamReader, sink: StreamWriter) -> None:
    """One direction, to its end. The other may go on: a caller that has said all may still be answered."""
    while block := await source.read(_BLOCK):
        sink.write(block)
        await sink.drain()
    sink.write_eof()


def _tune(end: StreamWriter) -> None:
    found = end.get_extra_info("socket")
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):  # not every system has all three
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
