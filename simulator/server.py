"""The simulator as a server: sockets, the vendor's headers, broken connections, and what a test does to it.

``Simulator.in_thread()`` runs one inside a test; ``python -m simulator`` one of its own. Beside the vendor's paths
stand the simulator's own, all under ``/sim/``, see ``simulator.control``. The stream has a port of its own.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from aiohttp import web

from simulator import control
from simulator.faults import Fault, Rule, rules_from
from simulator.refusals import Refusal, reason
from simulator.service import Options, Reply, Service
from simulator.stream import Stream
from simulator.stream.faults import read_fault
from simulator.tiers import Tier

T = TypeVar("T")

SERVER = "Jetty(12.0.14)"
"""As recorded from a live terminal."""

_CHUNKED_FROM = 32_768  # Jetty's buffer: smaller bodies have a length, larger ones were recorded as chunked
_WRITE = 262_144


class Simulator:
    """A simulated terminal on a port; ``start`` and ``stop`` belong to one event loop."""

    def __init__(
        self, options: Options | None = None, host: str = "127.0.0.1", http_port: int = 0, ws_port: int = 0
    ) -> None:
        self.options = options or Options()
        self._host, self._port = host, http_port
        self._asked_to_stop = asyncio.Event()
        self._stream = Stream(self.options, host, ws_port)
        self._service = Service(self.options, self._asked_to_stop.set, lambda: self._stream.link.word)
        self._runner: web.ServerRunner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """The base address, with the port that was bound."""
        return f"http://{self._host}:{self._port}"

    @property
    def ws_url(self) -> str:
        """The address of the stream, with the port that was bound."""
        return self._stream.url

    async def start(self) -> None:
        """Bind both ports; raises ``OSError`` when one is taken."""
        self._loop = asyncio.get_running_loop()
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, backlog=1024).start()
        self._port = self._runner.addresses[0][1]
        try:
            await self._stream.start()
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close the ports; requests that still run are dropped."""
        await self._stream.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._service.close()

    async def until_stopped(self) -> None:
        """Wait for ``/v3/terminal/shutdown`` or :meth:`ask_to_stop`."""
        await self._asked_to_stop.wait()

    def ask_to_stop(self) -> None:
        """End :meth:`until_stopped`; to be called on the loop."""
        self._asked_to_stop.set()

    def stats(self) -> dict[str, Any]:
        """What ``GET /sim/stats`` tells; from any thread."""
        return self._on_loop(self._service.report)

    def reset(self) -> None:
        """Begin the statistics anew; from any thread."""
        self._on_loop(self._service.forget)

    def set_faults(self, rules: Sequence[Rule | Mapping[str, Any]]) -> None:
        """Replace the fault rules; from any thread."""
        read = rules_from(rules)
        self._on_loop(lambda: self._service.set_rules(read))

    def stream_report(self) -> dict[str, Any]:
        """What ``GET /sim/stream`` tells; from any thread."""
        return self._on_loop(self._stream.report)

    def stream_fault(self, kind: str, **fields: Any) -> int:
        """Let something go wrong with the stream, see ``simulator.stream.faults``; how many subscriptions the terminal
        lost by it. From any thread."""
        fault = read_fault({"kind": kind, **fields})
        return self._on_loop(lambda: self._stream.strike(fault))

    @classmethod
    @contextmanager
    def in_thread(
        cls,
        *,
        tier: Tier | str = Tier.STANDARD,
        faults: Sequence[Rule | Mapping[str, Any]] = (),
        http_port: int = 0,
        ws_port: int = 0,
        **options: Any,
    ) -> Iterator[Self]:
        """A simulator on a thread of its own for the length of a ``with``; ``options`` as in :class:`Options`."""
        held = tier if isinstance(tier, Tier) else Tier.named(tier)
        simulator = cls(Options(tier=held, rules=rules_from(faults), **options), http_port=http_port, ws_port=ws_port)
        started: concurrent.futures.Future[None] = concurrent.futures.Future()

        async def serve() -> None:
            try:
                await simulator.start()
            except BaseException as problem:
                started.set_exception(problem)
                raise
            started.set_result(None)
            try:
                await simulator.until_stopped()
            finally:
                await simulator.stop()

        def run() -> None:
            try:
                asyncio.run(serve())
            except OSError:
                if started.exception() is None:
                    raise

        thread = threading.Thread(target=run, name="simulator", daemon=True)
        thread.start()
        started.result()
        try:
            yield simulator
        finally:
            if thread.is_alive() and simulator._loop is not None and not simulator._loop.is_closed():
                simulator._loop.call_soon_threadsafe(simulator.ask_to_stop)
            thread.join()

    def _on_loop(self, work: Callable[[], T]) -> T:
        loop = self._loop
        if loop is None or loop.is_closed():
            return work()
        try:
            if asyncio.get_running_loop() is loop:
                return work()
        except RuntimeError:
            pass  # another thread, the usual case

        async def call() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(call(), loop).result(timeout=10)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.rel_url.path
        if path.startswith("/sim/"):
            return await control.answer(request, self._service, self._stream)
        entry = self._service.ledger.begin(path, request.rel_url.raw_query_string)
        try:
            try:
                self._service.admit(request.remote or "")
                if request.method != "GET":
                    raise Refusal(405, "Only GET is supported")
                reply = await self._service.reply(entry, list(request.rel_url.query.items()))
            except Refusal as refused:
                reply = Reply.text(refused.text, refused.status)
            response = await _written(request, reply)
            entry.status, entry.bytes = reply.status, sum(map(len, reply.chunks))
            return response
        finally:
            self._service.ledger.end(entry)


async def _written(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Put a reply on the wire, or the part of it that its fault lets through."""
    headers = {"Server": SERVER, "Content-Type": reply.content_type}
    phrase = reason(reply.status)
    length = sum(map(len, reply.chunks))
    fault = reply.fault
    broken = fault is not None and (fault.kind in ("cut", "drop") or (fault.kind == "stall" and fault.after_bytes))
    if fault is not None and fault.kind == "drop":
        _hang_up(request)
        return web.Response()
    if length < _CHUNKED_FROM and not broken:
        return web.Response(status=reply.status, reason=phrase, body=b"".join(reply.chunks), headers=headers)
    response = web.StreamResponse(status=reply.status, reason=phrase, headers=headers)
    if length < _CHUNKED_FROM:
        response.content_length = length
    else:
        response.enable_chunked_encoding()
    await response.prepare(request)
    if broken and fault is not None:
        await _broken(request, response, b"".join(reply.chunks), fault)
        return response
    for piece in _pieces(reply.chunks):
        await response.write(piece)
    await response.write_eof()
    return response


def _pieces(chunks: Sequence[bytes]) -> Iterator[bytes | memoryview]:
    """A body in writes of a good size, without ever having a second copy of all of it."""
    small: list[bytes] = []
    waiting = 0
    for chunk in chunks:
        if len(chunk) < _WRITE:
            small.append(chunk)
            waiting += len(chunk)
        if waiting and (len(chunk) >= _WRITE or waiting >= _WRITE):
            yield b"".join(small)
            small, waiting = [], 0
        if len(chunk) >= _WRITE:
            whole = memoryview(chunk)
            for start in range(0, len(chunk), _WRITE):
                yield whole[start : start + _WRITE]
    if waiting:
        yield b"".join(small)


async def _broken(request: web.BaseRequest, response: web.StreamResponse, body: bytes, fault: Fault) -> None:
    after = min(fault.after_bytes or 0, len(body) - 1)  # a whole body would be no fault
    if after:
        await response.write(body[:after])
    if fault.kind == "stall":
        await asyncio.sleep(fault.seconds)
        await response.write(body[after:])
        await response.write_eof()
    else:
        _hang_up(request)


def _hang_up(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.close()
