"""Callers with other addresses reach a terminal that is pinned to the loopback, and its stream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import httpx
import pytest

from simulator.server import Simulator
from terminal import health
from terminal.proxy import Proxy
from tests.unit.simulator.stream_client import AAPL, connected
from tests.unit.terminal.loopback import proxied, run

STATUS = "/v3/terminal/mdds/status"
EVERY_SECOND = {"symbol": "AAPL", "date": "20240102", "interval": "1s"}


@pytest.fixture
def pinned() -> Iterator[Simulator]:
    with Simulator.in_thread(tier="pro", pin_caller=True) as simulator:
        yield simulator


def port_of(url: str) -> int:
    return httpx.URL(url).port or 0


@contextmanager
def caller(address: str, port: int) -> Iterator[httpx.Client]:
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=60) as client:
        yield client


def test_callers_of_several_addresses_are_answered_and_one_past_the_proxy_is_not(pinned: Simulator) -> None:
    def statuses(port: int) -> list[int]:
        with caller("127.0.0.2", port) as first, caller("127.0.0.3", port) as second:
            return [client.get(STATUS).status_code for client in (first, second, first)]

    async def test() -> None:
        direct = port_of(pinned.url)
        async with proxied(direct) as proxy:
            assert await asyncio.to_thread(statuses, proxy.port) == [200, 200, 200]
        assert await asyncio.to_thread(statuses, direct) == [476, 476, 476]

    run(test())


def test_without_the_proxy_the_second_caller_is_refused(pinned: Simulator) -> None:
    with caller("127.0.0.2", port_of(pinned.url)) as first, caller("127.0.0.3", port_of(pinned.url)) as second:
        assert (first.get(STATUS).status_code, second.get(STATUS).status_code) == (200, 476)


def test_a_long_answer_is_the_same_through_the_proxy(pinned: Simulator) -> None:
    def bodies(*ports: int) -> list[bytes]:
        found = []
        for port in ports:
            with caller("127.0.0.1", port) as client:
                found.append(client.get("/v3/stock/history/ohlc", params=EVERY_SECOND).content)
        return found

    async def test() -> None:
        async with proxied(port_of(pinned.url)) as proxy:
            through, direct = await asyncio.to_thread(bodies, proxy.port, port_of(pinned.url))
            assert len(direct) > 1_000_000
            assert through == direct

    run(test())


def test_the_stream_goes_through_and_a_new_client_replaces_the_old_one(pinned: Simulator) -> None:
    async def test() -> None:
        async with proxied(port_of(pinned.ws_url)) as proxy:
            url = f"ws://127.0.0.1:{proxy.port}/v1/events"
            async with connected(url) as first:
                assert await first.ask("TRADE", AAPL) == "SUBSCRIBED"
                async with connected(url) as second:
                    await first.until(first.ended.is_set)
                    assert first.socket.close_code == 1000
                    assert await second.ask("TRADE", AAPL) == "SUBSCRIBED"
                    assert pinned.stream_report()["replaced"] == 1
            await second.until(lambda: not pinned.stream_report()["client"])

    run(test())


def test_the_health_check_pins_what_the_proxy_s_callers_need_and_leaves_the_stream_to_its_client(
    pinned: Simulator,
) -> None:
    async def test() -> None:
        async with (
            proxied(port_of(pinned.ws_url)) as streaming,
            proxied(port_of(pinned.url)) as proxy,
            connected(f"ws://127.0.0.1:{streaming.port}/v1/events") as client,
        ):
            assert await asyncio.to_thread(health.ask, port_of(pinned.url)) == (True, "CONNECTED")
            assert await asyncio.to_thread(_first_word, proxy) == "CONNECTED"
            assert await client.ask("TRADE", AAPL) == "SUBSCRIBED"
            assert pinned.stream_report()["replaced"] == 0

    run(test())


def _first_word(proxy: Proxy) -> str:
    with caller("127.0.0.9", proxy.port) as client:
        return client.get(STATUS).text


def test_a_stream_whose_terminal_goes_away_ends_for_its_client() -> None:
    async def test() -> None:
        with Simulator.in_thread() as simulator:
            async with (
                proxied(port_of(simulator.ws_url)) as proxy,
                connected(f"ws://127.0.0.1:{proxy.port}/v1/events") as client,
            ):
                simulator.stream_fault("socket_drop")
                await client.until(client.ended.is_set)
                with pytest.raises(aiohttp.ClientError):
                    await client.say("more")

    run(test())
