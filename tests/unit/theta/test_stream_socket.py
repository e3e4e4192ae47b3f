"""The socket against a WebSocket server of its own on the loopback."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest
from aiohttp import web

from app.domain.stream import StreamKey
from app.theta import stream
from app.theta.stream import TerminalSocket, ThetaStream

THREAD = "terminal-socket"
Serve = Callable[["Connection"], Awaitable[None]]


class Connection:
    """The server's side of a connection, as a test's script sees it."""

    def __init__(self, socket: web.WebSocketResponse, received: queue.Queue[str]) -> None:
        self.socket = socket
        self._received = received

    async def send(self, *texts: str) -> None:
        for text in texts:
            await self.socket.send_str(text)

    async def listen(self) -> None:
        """Take what comes until the client closes."""
        async for message in self.socket:
            self._received.put(message.data)


class Server:
    """Serves each connection as ``serve`` says; what clients send lies in ``received``."""

    def __init__(self) -> None:
        self.serve: Serve = lambda connection: connection.listen()
        self.received: queue.Queue[str] = queue.Queue()
        self.url = ""
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="test-server", daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self) -> None:
        app = web.Application()
        app.router.add_get("/events", self._connection)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"ws://127.0.0.1:{port}/events"
        self._started.set()
        await self._ended.wait()
        await runner.cleanup()

    async def _connection(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self.serve(Connection(socket, self.received))
        return socket


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name == THREAD]
    assert not left


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., TerminalSocket]]:
    """Connects, and lets go in the end."""
    made: list[TerminalSocket] = []

    def build(**options: float) -> TerminalSocket:
        socket = TerminalSocket(server.url, **options)  # type: ignore[arg-type]
        made.append(socket)
        socket.start()
        return socket

    yield build
    for socket in made:
        socket.close()


def until(socket: TerminalSocket, condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until the socket has brought something about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        socket.wait(0.01)


def frames_of(socket: TerminalSocket, count: int) -> list[str]:
    found: list[str] = []
    deadline = time.monotonic() + 10
    while len(found) < count:
        assert time.monotonic() < deadline
        socket.wait(1)
        found += socket.take()
    return found


def test_frames_are_taken_in_the_order_in_which_they_were_sent(
    server: Server, connect: Callable[..., TerminalSocket]
) -> None:
    texts = [f'{{"n":{i}}}' for i in range(3000)]

    async def serve(connection: Connection) -> None:
        await connection.send(*texts)
        await connection.listen()

    server.serve = serve
    socket = connect()
    assert frames_of(socket, len(texts)) == texts
    assert socket.opened
    assert socket.closed is None
    assert socket.waiting == 0
    assert socket.take() == []


def test_what_waits_is_counted_in_bytes_until_it_is_taken(
    server: Server, connect: Callable[..., TerminalSocket]
) -> None:
    async def serve(connection: Connection) -> None:
        await connection.send("x" * 100, "y" * 50)
        await connection.listen()

    server.serve = serve
    socket = connect()
    until(socket, lambda: socket.waiting == 150)
    socket.take()
    assert socket.waiting == 0


def test_what_is_sent_arrives_in_its_order(server: Server, connect: Callable[..., TerminalSocket]) -> None:
    socket = connect()
    until(socket, lambda: socket.opened)
    socket.send(["a", "b"])
    socket.send(iter(["c"]))
    socket.send([])
    socket.send(f"{i}" for i in range(500))
    found = [server.received.get(timeout=10) for _ in range(503)]
    assert found == ["a", "b", "c", *map(str, range(500))]


def test_nothing_is_compressed_and_a_frame_may_be_of_any_length(
    server: Server, connect: Callable[..., TerminalSocket]
) -> None:
    long = "z" * (6 << 20)

    async def serve(connection: Connection) -> None:
        assert not connection.socket.compress
        await connection.send(long)
        await connection.listen()

    server.serve = serve
    assert frames_of(connect(), 1) == [long]


def test_a_server_that_closes_ends_the_connection_and_what_it_sent_can_still_be_taken(
    server: Server, connect: Callable[..., TerminalSocket]
) -> None:
    async def serve(connection: Connection) -> None:
        await connection.send("one", "two")
        await connection.socket.close(code=4001)

    server.serve = serve
    socket = connect()
    until(socket, lambda: socket.closed is not None)
    assert socket.closed is not None
    assert socket.closed.startswith("socket")
    assert "4001" in socket.closed
    assert socket.take() == ["one", "two"]


def test_a_connection_that_is_cut_ends(server: Server, connect: Callable[..., TerminalSocket]) -> None:
    async def serve(connection: Connection) -> None:
        await connection.send("one")
        transport = connection.socket._req.transport  # type: ignore[union-attr]
        assert transport is not None
        transport.abort()
        # Longer than the test: the handler itself must not close it.
        await asyncio.sleep(0.2)

    server.serve = serve
    socket = connect()
    until(socket, lambda: socket.closed is not None)
    assert str(socket.closed).startswith("socket")


def test_a_server_that_says_nothing_is_given_up(
    server: Server, connect: Callable[..., TerminalSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_TICK", 0.02)

    async def serve(connection: Connection) -> None:
        await connection.send("one")
        await connection.listen()

    server.serve = serve
    socket = connect(silence=0.2)
    until(socket, lambda: socket.closed is not None)
    assert socket.closed == "silent"
    assert socket.take() == ["one"]


def test_a_server_that_only_says_something_now_and_then_is_kept(
    server: Server, connect: Callable[..., TerminalSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_TICK", 0.02)
    silence = 0.5

    async def serve(connection: Connection) -> None:
        for _ in range(15):
            await connection.send("status")
            await asyncio.sleep(silence / 10)
        await connection.send("end")
        await connection.listen()

    server.serve = serve
    assert frames_of(connect(silence=silence), 16)[-1] == "end"


def test_a_process_that_was_frozen_gives_the_connection_up(
    connect: Callable[..., TerminalSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_TICK", 0.02)
    monkeypatch.setattr(stream, "_FROZEN", 0.3)
    socket = connect(silence=60)
    until(socket, lambda: socket.opened)
    assert socket._loop is not None
    socket._loop.call_soon_threadsafe(time.sleep, 0.5)
    until(socket, lambda: socket.closed is not None)
    assert socket.closed == "frozen"


def test_a_reader_that_is_too_slow_loses_the_connection_and_keeps_what_waits(
    server: Server, connect: Callable[..., TerminalSocket]
) -> None:
    async def serve(connection: Connection) -> None:
        for i in range(1000):
            await connection.send(f"{i:0100d}")
        await connection.listen()

    server.serve = serve
    socket = connect(most_waiting=1000)
    until(socket, lambda: socket.closed is not None)
    assert socket.closed == "overflow"
    socket._thread.join(10)
    # The one that was too much is the last, and none of those before is missing.
    assert [int(text) for text in socket.take()] == list(range(11))


def test_frames_that_are_taken_do_not_count_as_waiting(server: Server, connect: Callable[..., TerminalSocket]) -> None:
    async def serve(connection: Connection) -> None:
        async for message in connection.socket:
            await connection.send(message.data)

    server.serve = serve
    socket = connect(most_waiting=1000)
    until(socket, lambda: socket.opened)
    for i in range(30):
        socket.send([f"{i:0100d}"])
        assert frames_of(socket, 1) == [f"{i:0100d}"]
    assert socket.closed is None


def test_a_refused_connection_is_over_and_was_never_open(refusing_url: str) -> None:
    socket = TerminalSocket(refusing_url.replace("http", "ws"))
    socket.start()
    until(socket, lambda: socket.closed is not None)
    assert str(socket.closed).startswith("socket")
    assert not socket.opened
    socket.close()


def test_a_server_without_a_websocket_there_is_refused_too(server: Server) -> None:
    socket = TerminalSocket(server.url.replace("/events", "/elsewhere"))
    socket.start()
    until(socket, lambda: socket.closed is not None)
    assert str(socket.closed).startswith("socket")
    assert not socket.opened
    socket.close()


def test_a_server_that_does_not_answer_the_handshake_is_given_up(
    monkeypatch: pytest.MonkeyPatch, mute_url: str
) -> None:
    monkeypatch.setattr(stream, "_CONNECT", 0.2)
    socket = TerminalSocket(mute_url)
    socket.start()
    until(socket, lambda: socket.closed is not None)
    assert not socket.opened
    assert "no connection within" in str(socket.closed)
    socket.close()


def test_closing_ends_the_thread_at_once(server: Server, connect: Callable[..., TerminalSocket]) -> None:
    socket = connect()
    until(socket, lambda: socket.opened)
    begun = time.monotonic()
    socket.close()
    assert not socket._thread.is_alive()
    assert time.monotonic() - begun < 2
    assert socket.closed == "asked to"


def test_closing_does_not_wait_for_a_server_that_does_not_answer_the_closing_handshake(
    server: Server, connect: Callable[..., TerminalSocket]
) -> None:
    entered, released = threading.Event(), asyncio.Event()

    async def serve(_: Connection) -> None:
        entered.set()
        await released.wait()

    server.serve = serve
    socket = connect()
    assert entered.wait(10)
    until(socket, lambda: socket.opened)
    begun = time.monotonic()
    socket.close()
    assert not socket._thread.is_alive()
    assert time.monotonic() - begun < 2
    server._loop.call_soon_threadsafe(released.set)


def test_closing_while_the_handshake_goes_on_ends_the_thread_too(
    monkeypatch: pytest.MonkeyPatch, mute_url: str
) -> None:
    monkeypatch.setattr(stream, "_CONNECT", 1.0)
    socket = TerminalSocket(mute_url)
    socket.start()
    until(socket, lambda: socket._loop is not None)
    try:
        socket.close(timeout=0.5)
        assert not socket._thread.is_alive()
    finally:
        socket._thread.join(10)


def test_closing_again_and_closing_what_was_never_started_is_allowed(server: Server) -> None:
    never = TerminalSocket(server.url)
    never.close()
    never.send(["into the void"])
    once = TerminalSocket(server.url)
    once.start()
    until(once, lambda: once.opened)
    once.close()
    once.close()
    once.send(["too late"])
    assert once.take() == []


def test_the_reason_for_the_end_is_the_first_one(server: Server, connect: Callable[..., TerminalSocket]) -> None:
    async def serve(connection: Connection) -> None:
        await connection.socket.close()

    server.serve = serve
    socket = connect()
    until(socket, lambda: socket.closed is not None)
    why = socket.closed
    socket.close()
    assert socket.closed == why


def test_somebody_who_waits_is_woken_by_a_frame_and_by_the_end(
    server: Server, connect: Callable[..., TerminalSocket]
) -> None:
    async def serve(connection: Connection) -> None:
        await connection.socket.receive()
        await connection.send("answer")
        await connection.socket.receive()
        await connection.socket.close()

    server.serve = serve
    socket = connect()
    until(socket, lambda: socket.opened)
    socket.take()
    for then in (lambda: socket.take() == ["answer"], lambda: socket.closed is not None):
        begun = time.monotonic()
        socket.send(["go on"])
        socket.wait(20)
        assert time.monotonic() - begun < 10
        assert then()


def test_the_stream_asks_in_the_terminals_words(server: Server) -> None:
    theta = ThetaStream(server.url)
    socket = theta.connect()
    socket.start()
    until(socket, lambda: socket.opened)
    socket.send([theta.request(StreamKey("stock", "quote", "AAPL"), 4, add=True)])
    sent = json.loads(server.received.get(timeout=10))
    socket.close()
    assert (sent["msg_type"], sent["req_type"], sent["add"], sent["id"]) == ("STREAM", "QUOTE", True, 4)
    assert theta.connected == "CONNECTED"
    assert theta.reader().read([]) == theta.reader().read([])


@pytest.fixture
def mute_url() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}/events"
