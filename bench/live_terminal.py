"""The sender of the live measurements, in a process of its own: as much of a terminal as the live role asks for.

Arguments: the port of its REST side and that of its stream. REST knows no history ("no data" to everything) and says
CONNECTED. The stream says STATUS each second and SUBSCRIBED to every request. ``POST /run`` has it send frames that
are encoded before the first one is due, millisecond by millisecond; an event's time is the moment at which it is to
be sent, so the timestamp of its record in Kafka is that moment. ``GET /run`` tells how that went.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import sys
import time
from typing import Any

import numpy as np
import orjson
from aiohttp import WSMsgType, web

from bench.live_frames import NEW_YORK, Stream, Writer, ms_of_day
from simulator.stream import frames

_NO_DATA = 472
#: Seconds from the end of the encoding to the first event.
_LEAD = 1.0
#: Stands in a frame for the time of the day; JSON lets a shorter number have blanks before it.
_PLACE = 88_888_888


class Terminal:
    """One client, the newest; one run at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._run: asyncio.Task[None] | None = None
        self._report: dict[str, Any] = {}

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        self._transport = transport = request.transport
        transport.set_write_buffer_limits(high=1 << 30)
        status = asyncio.create_task(self._status(transport))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and "id" in (asked := orjson.loads(message.data)):
                    self._say(transport, frames.response("CONNECTED", "SUBSCRIBED", asked["id"]))
        finally:
            status.cancel()
            if self._transport is transport:
                self._transport = None
        return socket

    async def run(self, request: web.Request) -> web.Response:
        """``streams``: symbol and kind of each; ``rate`` events a second for ``seconds``. The first event's time."""
        asked = await request.json()
        of = [Stream(symbol, what) for symbol, what in asked["streams"]]
        slices, begin = await asyncio.to_thread(_encoded, of, asked["rate"], asked["seconds"])
        self._report = {}
        self._run = asyncio.create_task(self._send(slices, begin))
        return web.json_response({"begin": begin})

    async def report(self, _: web.Request) -> web.Response:
        return web.json_response(self._report)

    async def _send(self, slices: list[bytes], begin: int) -> None:
        gc.collect()
        gc.freeze()
        await asyncio.sleep(begin / 1000 - time.time())
        late, at, cpu = [], 0, time.process_time()
        while at < len(slices):
            now = time.time() * 1000
            due = min(len(slices), int(now - begin) + 1)
            if due > at:
                if self._transport is None or self._transport.is_closing():
                    break
                self._transport.write(b"".join(slices[at:due]))
                late += [now - begin - i for i in range(at, due)]
                at = due
            await asyncio.sleep(0.0008)
        cpu = time.process_time() - cpu
        p50, p99 = np.percentile(late, [50, 99]).tolist() if late else (0.0, 0.0)
        unsent = 0 if self._transport is None else self._transport.get_write_buffer_size()
        self._report = {"slices": at, "of": len(slices), "p50": p50, "p99": p99, "cpu": cpu, "unsent": unsent}
        gc.unfreeze()

    async def _status(self, transport: asyncio.Transport) -> None:
        while not transport.is_closing():
            self._say(transport, frames.status("CONNECTED"))
            await asyncio.sleep(1.0)

    @staticmethod
    def _say(transport: asyncio.Transport, frame: bytes) -> None:
        if not transport.is_closing():
            transport.write(frames.wire(frame))


def _encoded(of: list[Stream], rate: int, seconds: float) -> tuple[list[bytes], int]:
    """The bytes to be sent in each millisecond, and the first one (milliseconds since 1970)."""
    writer = Writer(of, dt.datetime.now(NEW_YORK).date())
    # When the first one is sent is known only after all are encoded; the number keeps its place till then.
    slices = [
        b"".join(frames.wire(writer.next(_PLACE)) for _ in range(rate * (i + 1) // 1000 - rate * i // 1000))
        for i in range(round(seconds * 1000))
    ]
    begin = int((time.time() + _LEAD + seconds * 0.02) * 1000)
    first, place = ms_of_day(dt.datetime.fromtimestamp(begin / 1000, NEW_YORK)), b"%d" % _PLACE
    return [one.replace(place, b"%8d" % (first + i)) for i, one in enumerate(slices)], begin


async def _nothing(_: web.Request) -> web.Response:
    return web.Response(status=_NO_DATA, text="No data found for your request")


async def _connected(_: web.Request) -> web.Response:
    return web.Response(text="CONNECTED")


async def serve(rest_port: int, stream_port: int) -> None:
    terminal = Terminal()
    rest, stream = web.Application(), web.Application()
    rest.add_routes(
        [
            web.post("/run", terminal.run),
            web.get("/run", terminal.report),
            web.get("/v3/terminal/mdds/status", _connected),
            web.get("/v3/{rest:.*}", _nothing),
        ]
    )
    stream.add_routes([web.get("/v1/events", terminal.stream)])
    for application, port in ((stream, stream_port), (rest, rest_port)):
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def main() -> None:
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
