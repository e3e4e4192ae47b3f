"""The one client of a terminal: its socket, what is sent to it, and what never reaches it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from aiohttp import web

from simulator.stream.frames import wire


class Client:
    """A WebSocket and what waits to be sent on it: beyond ``limit`` bytes events are lost, as a real terminal's queue
    is bounded too."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport, limit: int) -> None:
        self.socket = socket
        self.sent = 0
        self.lost = 0
        self.last_id = -1
        self.tasks: list[asyncio.Task[None]] = []
        self._transport = transport
        self._limit = limit
        self._mute_until = 0.0

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken yet."""
        return self._transport.get_write_buffer_size()

    @property
    def muted(self) -> bool:
        """Whether nothing may be sent, not even the answer to a ping."""
        return time.monotonic() < self._mute_until

    def mute(self, seconds: float) -> None:
        """Send nothing for so long."""
        self._mute_until = time.monotonic() + seconds

    def events(self, frames: Sequence[bytes]) -> None:
        """Send events, or lose them."""
        if self._sendable():
            self._write(frames)
        else:
            self.lost += len(frames)

    def say(self, frame: bytes) -> None:
        """Send what is no event, unless the socket is mute."""
        if not self.muted and not self._transport.is_closing():
            self._write([frame])

    def keep_alive(self, frame: bytes) -> None:
        """Send the word of every second; to a client that takes nothing it is no use."""
        if self._sendable():
            self._write([frame])

    def hang_up(self) -> None:
        """Close the socket hard; what waits is dropped."""
        self._transport.abort()

    def _sendable(self) -> bool:
        return not self.muted and not self._transport.is_closing() and self.unsent < self._limit

    def _write(self, frames: Sequence[bytes]) -> None:
        # Past the library's writer, which awaits once a frame. Both write whole frames at once and none is
        # compressed, so they may take turns.
        self._transport.write(b"".join([wire(frame) for frame in frames]))
        self.sent += len(frames)
