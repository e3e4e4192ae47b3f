"""The terminal's WebSocket: one client, its requests answered in turn, the market's events as they come.

What is not documented and read thus: an id that is not greater than the last one is answered ``ERROR``; a removal is
answered ``SUBSCRIBED``, as an addition is; ``STOP`` is not answered; a stream of what does not exist is ``SUBSCRIBED``
and has no events; ids begin anew with each connection, as do the subscriptions.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

from aiohttp import WSMsgType, web

from simulator.clock import MarketClock, Moment
from simulator.options import roots
from simulator.service import Options
from simulator.stream import frames, messages
from simulator.stream.client import Client
from simulator.stream.faults import StreamFault
from simulator.stream.feed import Feed, Library
from simulator.stream.frames import Answer
from simulator.stream.full import full
from simulator.stream.link import Link
from simulator.stream.messages import Ask, Stop, Subscription
from simulator.stream.series import Series, series
from simulator.stream.subscriptions import refused

PATH = "/v1/events"

_TICK = 0.005
_STATUS_EVERY = 1.0
_AT_ONCE = 4_000  # events between two turns of the event loop
_PREPARE_EVERY = 1.0
_AHEAD = 120.0  # real seconds before a session's end, from when on the next one is prepared


class Stream:
    """The stream of a terminal; used on one event loop."""

    def __init__(self, options: Options, host: str, port: int) -> None:
        self.link = Link(options.login_seconds)
        self._options = options
        self._host, self._port = host, port
        self._runner: web.ServerRunner | None = None
        self._library = Library(partial(_made, options.seed, tuple(options.full_stream_roots or roots.symbols())))
        self._feed = Feed(self._library)
        self._client: Client | None = None
        self._replaced = self._sent = self._lost = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address, with the port that was bound."""
        return f"ws://{self._host}:{self._port}{PATH}"

    async def start(self) -> None:
        """Bind; raises ``OSError`` when the port is taken."""
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Hang up and close the port."""
        if self._client is not None:
            self._client.hang_up()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._library.close()

    def moment(self) -> Moment:
        """The time in the stream."""
        present = self._options.clock()
        replay = self._options.replay
        return Moment.of(present) if replay is None else replay.moment(dt.datetime.now(dt.UTC), present)

    def strike(self, fault: StreamFault) -> int:
        """Let something go wrong; how many subscriptions were lost by it."""
        client = self._client
        match fault.kind:
            case "socket_drop":
                if client is not None:
                    client.hang_up()
            case "upstream_down":
                self.link.strike(fault.seconds, fault.silent)
            case "burst":
                after = 0.0
                for _ in range(fault.count):
                    after = self.link.strike(fault.seconds, fault.silent, after) + fault.gap
            case "mute":
                if client is not None:
                    client.mute(fault.seconds)
            case "lose":
                forgotten = [found for found in self._feed.subscriptions if fault.concerns(found)]
                for found in forgotten:
                    self._feed.remove(found)
                return len(forgotten)
        return 0

    def report(self) -> dict[str, Any]:
        """The stream as JSON."""
        client, moment = self._client, self.moment()
        seconds, milliseconds = divmod(moment.ms, 1000)
        midnight = dt.datetime.combine(moment.date, dt.time())
        return {
            "client": client is not None,
            "replaced": self._replaced,
            "subscriptions": [found.name for found in self._feed.subscriptions],
            "frames_sent": self._sent + (client.sent if client else 0),
            "events_lost": self._lost + (client.lost if client else 0),
            "behind": self._feed.behind(moment),
            "unsent_bytes": client.unsent if client else 0,
            "link": self.link.state,
            "status": self.link.word,
            "outages": self.link.outages,
            "skipped_sessions": self._feed.skipped_sessions,
            "clock": (midnight + dt.timedelta(seconds=seconds, milliseconds=milliseconds)).isoformat(),
            "speed": self._speed,
        }

    @property
    def _speed(self) -> float:
        clock, replay = self._options.clock, self._options.replay
        if replay is not None:
            return replay.speed
        return clock.speed if isinstance(clock, MarketClock) else 1.0

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.rel_url.path != PATH:
            return web.Response(status=404, text=f"No such endpoint: {request.rel_url.path}")
        socket = web.WebSocketResponse(compress=False, autoping=False, max_msg_size=2**20)
        if not socket.can_prepare(request):
            return web.Response(status=400, text="Expected a WebSocket")
        await socket.prepare(request)
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        client = Client(socket, transport, self._options.stream_buffer_bytes)
        self._take(client)
        requests: asyncio.Queue[str | bytes] = asyncio.Queue()
        work = (self._answers(client, requests), self._keep_alive(client), self._pump(client))
        client.tasks = [self._task(each) for each in work]
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    requests.put_nowait(message.data)
                elif message.type == WSMsgType.PING and not client.muted:
                    await socket.pong(message.data)
        finally:
            self._leave(client)
        return socket

    def _take(self, client: Client) -> None:
        """The newest connection is the client; the one before is closed in peace."""
        former = self._client
        if former is not None:
            self._leave(former)
            self._replaced += 1
            self._task(_closed(former))
        self._client = client

    def _leave(self, client: Client) -> None:
        for task in client.tasks:
            task.cancel()  # also a subscription that is just being made: it must not become the next client's
        if client is self._client:
            self._client = None
            self._feed.clear()
            self._sent, self._lost = self._sent + client.sent, self._lost + client.lost

    async def _answers(self, client: Client, requests: asyncio.Queue[str | bytes]) -> None:
        while client is self._client:
            message = messages.read(await requests.get())
            if isinstance(message, Stop):
                for subscription in self._feed.subscriptions:
                    self._feed.remove(subscription)
            else:
                await self._answer(client, message)

    async def _answer(self, client: Client, ask: Ask) -> None:
        if ask.number <= client.last_id:
            client.say(frames.response(self.link.word, "ERROR", ask.number))
            return
        client.last_id = ask.number
        down = self.link.down  # before or after the answer is found: both make it one of those
        answer = "ERROR" if ask.subscription is None else await self._answered(client, ask.add, ask.subscription)
        # Seen live: while the terminal logs in again it answers ERROR and says CONNECTED.
        word = "CONNECTED" if down or self.link.down else self.link.word
        if client is self._client:
            client.say(frames.response(word, answer, ask.number))

    async def _answered(self, client: Client, add: bool, subscription: Subscription) -> Answer:
        if refusal := refused(self._options.tier, self._options.stream_caps, self._feed, subscription):
            return refusal
        if not add:
            self._feed.remove(subscription)
            return "SUBSCRIBED"
        if self.link.down:
            return "ERROR"
        await asyncio.sleep(self.link.ask())
        if client is not self._client or self.link.down:
            return "ERROR"
        await self._feed.add(subscription, self.moment)
        return "SUBSCRIBED"

    async def _keep_alive(self, client: Client) -> None:
        while client is self._client:
            client.keep_alive(frames.status(self.link.word))
            await asyncio.sleep(_STATUS_EVERY)

    async def _pump(self, client: Client) -> None:
        prepared_at = -_PREPARE_EVERY
        while client is self._client:
            if not self.link.asked:
                await asyncio.sleep(_TICK)
                continue
            moment = self.moment()
            due = await self._feed.due(moment, _AT_ONCE)
            if client is not self._client:
                return
            if due and self.link.state == "up":
                client.events(due)
            else:
                client.lost += len(due)
            if self._ends_soon(moment) and time.monotonic() - prepared_at > _PREPARE_EVERY:
                prepared_at = time.monotonic()
                self._task(self._feed.prepare())
            await asyncio.sleep(0 if self._feed.behind(moment) else _TICK)

    def _ends_soon(self, moment: Moment) -> bool:
        return moment.end - moment.ms < 1000 * _AHEAD * self._speed

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _closed(client: Client) -> None:
    await client.socket.close(code=1000)


def _made(seed: int, full_stream_roots: tuple[str, ...], subscription: Subscription, date: dt.date) -> Series:
    if subscription.bulk:
        return full(seed, full_stream_roots, date)
    return series(seed, subscription, date)
