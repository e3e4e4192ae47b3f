"""The terminal's WebSocket: one connection, read in a thread of its own so that nothing else ever holds it up.

The terminal admits one client and puts a new one in the place of the old. It sends a STATUS each second; when nothing
comes for five, socket or terminal are dead (THETA API 5.6).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

import aiohttp

from app.domain.stream import StreamKey
from app.security.addresses import taken_apart
from app.theta.frames import CONNECTED, FrameReader, request_frame

logger = logging.getLogger(__name__)

#: Seconds without any frame after which a connection is given up.
SILENCE = 5.0
#: Bytes of frames that wait for a reader; with more, the connection is closed, and history fills what is missed.
MOST_WAITING = 64 << 20
#: Seconds by which a tick of the loop may be late before the process counts as having been frozen.
_FROZEN = 3.0
_TICK = 0.5
_CONNECT = 5.0
#: Frames are about as long in the terminal's JSON as here; what a slow reader may leave in the kernel is little beside.
_READ_BUFFER = 1 << 20
#: First bytes of frames: a whole text; and close, ping and pong.
_TEXT = 0x81
_PLAIN = frozenset({_TEXT, 0x88, 0x89, 0x8A})


class TerminalSocket:
    """A connection to ``url`` from ``start`` to ``close`` or to its own end. Threads may share it.

    ``take`` gives what has arrived; ``closed`` says why nothing more will: ``socket …``, ``silent``, ``frozen``,
    ``overflow``. What had arrived before can still be taken.
    """

    def __init__(self, url: str, *, silence: float = SILENCE, most_waiting: int = MOST_WAITING) -> None:
        self.url, self._credentials = taken_apart(url)
        self._silence = silence
        self._most_waiting = most_waiting
        self._frames: deque[str] = deque()
        self._received = 0
        self._taken = 0
        self._heard = time.monotonic()
        self._opened = False
        self._closed: str | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._outbox: asyncio.Queue[str | None] | None = None
        self._thread = threading.Thread(target=self._run, name="terminal-socket", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def opened(self) -> bool:
        """Whether the connection was made."""
        return self._opened

    @property
    def closed(self) -> str | None:
        """Why the connection is over; None while it is not."""
        return self._closed

    @property
    def waiting(self) -> int:
        """Bytes that have arrived and were not taken."""
        return self._received - self._taken

    def wait(self, timeout: float) -> None:
        """Wait until something has arrived, the connection is over, or ``timeout`` seconds are."""
        self._ready.wait(timeout)

    def take(self) -> list[str]:
        """The frames that have arrived, in their order."""
        self._ready.clear()
        frames = self._frames
        # Only this side takes away, so that many are surely there.
        found = [frames.popleft() for _ in range(len(frames))]
        self._taken += sum(map(len, found))
        return found

    def send(self, texts: Iterable[str]) -> None:
        """Send in this order; what the connection does not take any more is dropped with it."""
        loop, outbox = self._loop, self._outbox
        if loop is None or outbox is None:
            return
        items = list(texts)

        def put() -> None:
            for text in items:
                outbox.put_nowait(text)

        # Its loop may have ended with the connection.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(put)

    def close(self, timeout: float = 3.0) -> None:
        """End the connection and wait for its thread."""
        self._end("asked to")
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            # Whatever it waits for, a handshake too.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    # --- the thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            pass
        except Exception as error:
            logger.exception("the terminal's socket failed")
            self._end(f"socket ({error!r})")
        self._end("socket (ended)")

    async def _main(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._outbox = asyncio.Queue()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT)
        auth = aiohttp.BasicAuth(*self._credentials) if self._credentials else None
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=timeout, read_bufsize=_READ_BUFFER, ws_response_class=_taking(self._arrived)
                ) as session,
                asyncio.timeout(_CONNECT) as limit,
                session.ws_connect(self.url, auth=auth, max_msg_size=0, compress=0, autoclose=True) as socket,
            ):
                limit.reschedule(None)
                self._heard = time.monotonic()
                self._opened = True
                self._ready.set()
                tasks = [asyncio.create_task(work) for work in (self._read(socket), self._write(socket), self._watch())]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    # A terminal that is gone does not answer a closing handshake.
                    if socket._response.connection is not None:
                        socket._response.close()
        except TimeoutError:
            self._end(f"socket (no connection within {_CONNECT:.0f} s)")
        except (aiohttp.ClientError, OSError) as error:
            self._end(f"socket ({str(error) or type(error).__name__})")

    def _arrived(self, texts: list[str]) -> None:
        if self._closed is not None:
            return
        sizes = list(accumulate(map(len, texts)))
        room = self._most_waiting - self.waiting
        # The first one that is too much still counts.
        texts = texts if sizes[-1] <= room else texts[: bisect_right(sizes, room) + 1]
        self._frames.extend(texts)
        self._received += sizes[len(texts) - 1]
        self._heard = time.monotonic()
        if not self._ready.is_set():
            self._ready.set()
        if sizes[-1] > room:
            self._end("overflow")
            assert self._outbox is not None
            self._outbox.put_nowait(None)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """What is no plain text, and everything once there has been a text in several parts."""
        while self._closed is None:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                self._arrived([message.data])
            elif message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
                self._end(f"socket (closed by the terminal, code {socket.close_code})")
            elif message.type is aiohttp.WSMsgType.ERROR:
                self._end(f"socket ({socket.exception()!r})")

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        assert self._outbox is not None
        while (text := await self._outbox.get()) is not None:
            try:
                await socket.send_str(text)
            except (aiohttp.ClientError, OSError) as error:
                self._end(f"socket ({error!r})")
                return

    async def _watch(self) -> None:
        """End a connection that says nothing, and one that a frozen process may have missed a part of."""
        expected = time.monotonic() + _TICK
        while self._closed is None:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            if now - expected > _FROZEN:
                self._end("frozen")
            elif now - self._heard > self._silence:
                self._end("silent")
            expected = now + _TICK

    def _end(self, why: str) -> None:
        if self._closed is None:
            self._closed = why
        self._ready.set()


def _taking(take: Callable[[list[str]], None]) -> type[aiohttp.ClientWebSocketResponse]:
    """aiohttp's client with ``_Texts`` before its reader, from the first byte on."""

    class Taking(aiohttp.ClientWebSocketResponse):
        _texts: _Texts | None = None

        @property
        def _parser(self) -> Any:
            return self._texts

        @_parser.setter
        def _parser(self, reader: Any) -> None:
            self._texts = None if reader is None else _Texts(reader, take)

    return Taking


class _Texts:
    """Takes the texts out of a WebSocket's bytes, all that a read from the socket has brought at once; everything
    else is left to the library's own reader, which hands over a message at a time at four times the cost."""

    def __init__(self, library: Any, take: Callable[[list[str]], None]) -> None:
        self._library = library
        self._take = take
        self._begun = b""
        #: Everything goes to the library from the first frame on that is of no kind that the terminal sends.
        self._aside = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Called by the connection. The frames: RFC 6455, 5.2; a server's are not masked."""
        if self._aside:
            return self._others(data)
        if self._begun:
            data = self._begun + data
        at, size, texts, result = 0, len(data), [], (False, b"")
        while size - at >= 2 and not result[0]:
            head, length, begin = data[at], data[at + 1], at + 2
            if length > 126 or head not in _PLAIN:
                self._aside = True
                break
            if length == 126:
                if size - at < 4:
                    break
                length, begin = data[at + 2] << 8 | data[at + 3], at + 4
            end = begin + length
            if end > size:
                break
            if head == _TEXT:
                try:
                    texts.append(data[begin:end].decode())
                except UnicodeDecodeError:
                    result = self._others(data[at:end])
            else:
                result = self._others(data[at:end])
            at = end
        if texts:
            self._take(texts)
        self._begun = data[at:]
        if self._aside:
            self._begun, result = b"", self._others(data[at:])
        return result

    def feed_eof(self) -> None:
        self._others(self._begun)
        self._library.feed_eof()

    def _others(self, data: bytes) -> tuple[bool, bytes]:
        result: tuple[bool, bytes] = self._library.feed_data(data)
        return result


class ThetaStream:
    """A ``Stream`` on Theta Terminal's WebSocket."""

    connected = CONNECTED

    def __init__(self, url: str) -> None:
        self._url = url

    def connect(self) -> TerminalSocket:
        """See ``Stream.connect``."""
        return TerminalSocket(self._url)

    def reader(self) -> FrameReader:
        """See ``Stream.reader``."""
        return FrameReader()

    def request(self, key: StreamKey, number: int, *, add: bool) -> str:
        """See ``Stream.request``."""
        return request_frame(key, number, add=add)
