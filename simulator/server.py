"""The simulator as an HTTP server: sockets, the vendor's headers, broken connections, and the control endpoints.

``Simulator.in_thread()`` runs one inside a test; ``python -m simulator`` one of its own. Beside the vendor's paths
stand three of the simulator's, all under ``/sim/``: ``GET /sim/stats``, ``POST /sim/reset`` (the statistics begin
anew) and ``GET``/``POST /sim/faults`` (read the fault rules with their counts; replace them by a JSON list).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from aiohttp import web

from simulator.faults import Fault, Rule, rules_from, rules_from_json
from simulator.refusals import Refusal, reason
from simulator.service import Options, Reply, Service
from simulator.tiers import Tier

T = TypeVar("T")

SERVER = "Jetty(12.0.14)"
"""As recorded from a live terminal."""

_CHUNKED_FROM = 32_768  # Jetty's buffer: smaller bodies have a length, larger ones were recorded as chunked
_WRITE = 262_144


class Simulator:
    """A simulated terminal on a port; ``start`` and ``stop`` belong to one event loop."""

    def __init__(self, options: Options | None = None, host: str = "127.0.0.1", http_port: int = 0) -> None:
        self.options = options or Options()
        self._host, self._port = host, http_port
        self._asked_to_stop = asyncio.Event()
        self._service = Service(self.options, self._asked_to_stop.set)
        self._runner: web.ServerRunner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """The base address, with the port that was bound."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Bind; raises ``OSError`` when the port is taken."""
        self._loop = asyncio.get_running_loop()
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, backlog=1024).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port; requests that still run are dropped."""
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

    @classmethod
    @contextmanager
    def in_thread(
        cls,
        *,
        tier: Tier | str = Tier.STANDARD,
        faults: Sequence[Rule | Mapping[str, Any]] = (),
        http_port: int = 0,
        **options: Any,
    ) -> Iterator[Self]:
        """A simulator on a thread of its own for the length of a ``with``; ``options`` as in :class:`Options`."""
        held = tier if isinstance(tier, Tier) else Tier.named(tier)
        simulator = cls(Options(tier=held, rules=rules_from(faults), **options), http_port=http_port)
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
            return await self._control(request, path)
        entry = self._service.ledger.begin(path, request.rel_url.raw_query_string)
        try:
            try:
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

    async def _control(self, request: web.BaseRequest, path: str) -> web.Response:
        match (request.method, path):
            case ("GET", "/sim/stats"):
                return web.json_response(self._service.report())
            case ("POST", "/sim/reset"):
                self._service.forget()
            case ("GET", "/sim/faults"):
                pass
            case ("POST", "/sim/faults"):
                try:
                    self._service.set_rules(rules_from_json(await request.read()))
                except ValueError as problem:
                    return web.json_response({"error": str(problem)}, status=400)
            case _:
                return web.json_response({"error": f"{request.method} {path} is not a control endpoint"}, status=404)
        return web.json_response({"faults": self._service.faults.report()})


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
