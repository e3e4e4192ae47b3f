"""The proxy as a pipe: order, half-closed connections, slow readers, ends of all kinds."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from terminal.proxy import Proxy
from tests.unit.terminal.conftest import free_ports
from tests.unit.terminal.loopback import connect, cut, hung_up, proxied, run, server, settled, until

MEGABYTE = 1 << 20
OFFERED = 300
BLOCK = os.urandom(MEGABYTE)


async def echo(reader: StreamReader, writer: StreamWriter) -> None:
    """Answer once all was said."""
    writer.write(b"heard: " + await reader.read())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def silent(reader: StreamReader, _: StreamWriter) -> None:
    """Listen for ever."""
    while await reader.read(MEGABYTE):
        pass
    await asyncio.Event().wait()


class Flood:
    """Offers hundreds of megabytes; ``sent`` are those that the network took."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, _: StreamReader, writer: StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=0)
        for _number in range(OFFERED):
            writer.write(BLOCK)
            await writer.drain()
            self.sent += 1
        writer.close()
        await writer.wait_closed()


def test_a_caller_that_has_said_all_is_still_answered() -> None:
    async def test() -> None:
        async with server(echo) as port, proxied(port) as proxy:
            reader, writer = await connect(proxy)
            writer.write(b"question")
            writer.write_eof()
            assert await reader.read() == b"heard: question"
            writer.close()
            await until(lambda: proxy.connections == 0)

    run(test())


def test_a_terminal_that_has_said_all_still_listens() -> None:
    async def test() -> None:
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def serve(reader: StreamReader, writer: StreamWriter) -> None:
            writer.write(b"all")
            writer.write_eof()
            heard.set_result(await reader.read())

        async with server(serve) as port, proxied(port) as proxy:
            reader, writer = await connect(proxy)
            assert await reader.read() == b"all"
            writer.write(b"a late word")
            writer.write_eof()
            assert await asyncio.wait_for(heard, 30) == b"a late word"
            writer.close()
            await until(lambda: proxy.connections == 0)

    run(test())


def test_a_caller_that_stalls_is_offered_hundreds_of_megabytes_and_gets_them_later_in_flat_memory() -> None:
    async def test() -> None:
        flood, process = Flood(), psutil.Process()
        async with server(flood) as port, proxied(port) as proxy:
            gc.collect()
            before = process.memory_info().rss
            reader, writer = await connect(proxy)
            # What the system's own buffers hold is sent; the rest waits at the server.
            stalled = await settled(lambda: flood.sent)
            assert 0 < stalled < 40
            assert process.memory_info().rss - before < 16 * MEGABYTE

            found, size, peak = hashlib.sha256(), 0, 0
            while block := await reader.read(MEGABYTE):
                found.update(block)
                size += len(block)
                peak = max(peak, process.memory_info().rss)
            assert size == OFFERED * MEGABYTE
            assert peak - before < 32 * MEGABYTE
            expected = hashlib.sha256()
            for _ in range(OFFERED):
                expected.update(BLOCK)
            assert found.digest() == expected.digest()
            writer.close()
            await until(lambda: proxy.connections == 0)

    run(test())


def test_a_terminal_that_reads_nothing_holds_its_caller_back() -> None:
    async def test() -> None:
        async def deaf(_: StreamReader, writer: StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.Event().wait()

        sent = 0
        async with server(deaf) as port, proxied(port) as proxy:
            _, writer = await connect(proxy)

            async def say() -> None:
                nonlocal sent
                for _number in range(OFFERED):
                    writer.write(BLOCK)
                    await writer.drain()
                    sent += 1

            saying = asyncio.create_task(say())
            assert await settled(lambda: sent) < 40
            saying.cancel()
            writer.transport.abort()

    run(test())


def test_a_caller_that_is_cut_off_in_the_middle_ends_the_terminal_s_connection() -> None:
    async def test() -> None:
        flood = Flood()
        async with server(flood) as port, proxied(port) as proxy:
            _, writer = await connect(proxy)
            await settled(lambda: flood.sent, 20)
            cut(writer)
            await until(lambda: proxy.connections == 0)

    run(test())


def test_a_terminal_that_is_cut_off_ends_its_caller_s_connection() -> None:
    async def test() -> None:
        async def serve(reader: StreamReader, writer: StreamWriter) -> None:
            await reader.readexactly(1)
            cut(writer)

        async with server(serve) as port, proxied(port) as proxy:
            reader, writer = await connect(proxy)
            writer.write(b"x")
            assert await hung_up(reader)
            await until(lambda: proxy.connections == 0)
            writer.close()

    run(test())


def test_a_connection_that_the_terminal_does_not_take_is_closed_at_once() -> None:
    async def test() -> None:
        async with proxied(free_ports(1)[0]) as proxy:
            reader, writer = await connect(proxy)
            started = asyncio.get_running_loop().time()
            assert await hung_up(reader)
            assert asyncio.get_running_loop().time() - started < 5
            writer.close()
            await until(lambda: proxy.connections == 0)

    run(test())


def test_nothing_is_left_of_many_connections_however_they_end() -> None:
    async def test() -> None:
        async with server(echo) as port, proxied(port) as proxy:
            before, tasks = psutil.Process().num_fds(), len(asyncio.all_tasks())

            async def call(number: int) -> None:
                reader, writer = await connect(proxy)
                writer.write(b"x" * number)
                match number % 4:
                    case 0:
                        writer.write_eof()
                        assert await reader.read() == b"heard: " + b"x" * number
                        writer.close()
                    case 1:
                        cut(writer)
                    case 2:
                        writer.close()
                    case _:
                        await writer.drain()
                        writer.transport.abort()

            for _ in range(4):
                await asyncio.gather(*(call(number) for number in range(100)))
            await until(lambda: proxy.connections == 0)
            await until(lambda: psutil.Process().num_fds() == before)
            await until(lambda: len(asyncio.all_tasks()) == tasks)

    run(test())


def test_a_stop_ends_every_connection_and_task_and_frees_the_port() -> None:
    async def test() -> None:
        lost = 0

        async def serve(reader: StreamReader, _: StreamWriter) -> None:
            nonlocal lost
            assert await hung_up(reader)
            lost += 1

        flood = Flood()
        async with server(serve) as port, server(flood) as flooding:
            tasks = len(asyncio.all_tasks())
            idle, busy = Proxy("127.0.0.1", 0, port), Proxy("127.0.0.1", 0, flooding)
            for proxy in (idle, busy):
                await proxy.start()
            callers = [await connect(idle) for _ in range(20)]
            stalled = [await connect(busy) for _ in range(2)]
            await until(lambda: len(asyncio.all_tasks()) >= tasks + 3 * len(callers))
            await settled(lambda: flood.sent, 50)
            for proxy in (idle, busy):
                await asyncio.wait_for(proxy.stop(), 5)
                assert proxy.connections == 0
                with socket.socket() as tried:
                    tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    tried.bind(("127.0.0.1", proxy.port))
            for reader, _writer in callers:
                assert await hung_up(reader)
            await until(lambda: lost == len(callers))
            await until(lambda: len(asyncio.all_tasks()) == tasks)
            for _reader, writer in callers + stalled:
                writer.transport.abort()

    run(test())


def test_a_stop_right_after_connections_came_in_leaves_none() -> None:
    async def test() -> None:
        async with server(silent) as port:
            for rounds in range(8):
                proxy = Proxy("127.0.0.1", 0, port)
                await proxy.start()
                callers = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(10)]
                for _ in range(rounds):
                    await asyncio.sleep(0)
                await asyncio.wait_for(proxy.stop(), 5)
                assert proxy.connections == 0
                for caller in callers:
                    reader, writer = await asyncio.open_connection(sock=caller)
                    assert await hung_up(reader)
                    writer.close()

    run(test())


def _sockets_of_this_process() -> Iterator[socket.socket]:
    for entry in Path("/proc/self/fd").iterdir():
        try:
            yield socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:
            continue  # no socket, or gone


def test_dead_peers_are_found_on_both_sides_and_small_words_go_at_once() -> None:
    async def test() -> None:
        async with server(silent) as port, proxied(port) as proxy:
            _, writer = await connect(proxy)
            writer.write(b"x")
            await until(lambda: len(asyncio.all_tasks()) >= 4)
            tuned = []
            for found in _sockets_of_this_process():
                with found:
                    try:
                        mine, peer = found.getsockname()[1], found.getpeername()[1]
                    except (OSError, IndexError):
                        continue  # it listens, or is of another family
                    if proxy.port == mine or port == peer:
                        tcp = [
                            found.getsockopt(socket.IPPROTO_TCP, option)
                            for option in (socket.TCP_NODELAY, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL)
                        ]
                        tuned.append([found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *tcp])
            assert tuned == [[1, 1, 30, 10]] * 2
            writer.close()

    run(test())


@pytest.mark.parametrize("size", [1, 65_536, 5 * MEGABYTE + 3])
def test_bytes_arrive_in_order_both_ways_at_once(size: int) -> None:
    async def test() -> None:
        async def mirror(reader: StreamReader, writer: StreamWriter) -> None:
            while block := await reader.read(10_000):
                writer.write(block)
                await writer.drain()
            writer.write_eof()
            await asyncio.Event().wait()

        async with server(mirror) as port, proxied(port) as proxy:
            reader, writer = await connect(proxy)
            said = os.urandom(size)

            async def say() -> None:
                writer.write(said)
                await writer.drain()
                writer.write_eof()

            _, heard = await asyncio.gather(say(), reader.read())
            assert heard == said
            writer.close()

    run(test())
