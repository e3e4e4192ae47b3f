"""What goes wrong with a stream: lost sockets, lost links, silence; and what a client can see of each."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from simulator.clock import read_instant
from simulator.server import Simulator
from tests.unit.simulator.stream_client import AAPL, StreamClient, connected
from tests.unit.simulator.test_stream import KO, all_sent, at, rest, run

TRADES = "stock/history/trade"


def states(simulator: Simulator) -> str:
    return str(simulator.stream_report()["link"])


def test_a_dropped_socket_is_gone_without_a_word_and_its_subscriptions_with_it() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            await client.ask("TRADE", KO)
            simulator.stream_fault("socket_drop")
            await asyncio.wait_for(client.ended.wait(), 10)
            assert client.socket.close_code == 1006
            await client.until(lambda: not simulator.stream_report()["client"])
            assert simulator.stream_report()["subscriptions"] == []
        async with connected(simulator.ws_url) as client:
            assert await client.ask("TRADE", KO) == "SUBSCRIBED"

    with Simulator.in_thread(clock=at("12:00:00")) as simulator:
        run(test())


@pytest.mark.parametrize("silent", [False, True])
def test_what_comes_while_the_link_is_down_is_lost_and_then_it_goes_on(silent: bool) -> None:
    async def test() -> None:
        def word() -> str:
            return str(client.headers("STATUS")[-1]["status"])

        async with connected(simulator.ws_url) as client:
            await client.ask("TRADE", KO)
            clock.set(read_instant("2024-07-02T12:01:00"))
            await all_sent(simulator, client)
            simulator.stream_fault("upstream_down", seconds=1.2, silent=silent)
            assert states(simulator) == ("silently_down" if silent else "down")
            clock.set(read_instant("2024-07-02T12:02:00"))
            await all_sent(simulator, client)
            before = len(client.headers("STATUS"))
            await client.until(lambda: len(client.headers("STATUS")) > before)
            assert word() == ("CONNECTED" if silent else "DISCONNECTED")
            status = httpx.get(simulator.url + "/v3/terminal/fpss/status").text
            assert status == word()
            await client.until(lambda: states(simulator) == "up")
            clock.set(read_instant("2024-07-02T12:03:00"))
            await all_sent(simulator, client)
            await client.until(lambda: word() == "CONNECTED")
            rows = rest(simulator, TRADES, "12:00:00.001", "12:03:00", symbol="KO")
            lost = [row for row in rows if 43_260_000 < row["ms_of_day"] <= 43_320_000]
            assert client.events("TRADE") == [row for row in rows if row not in lost]
            assert simulator.stream_report()["events_lost"] == len(lost) > 0
            assert simulator.stream_report()["subscriptions"] == ["STOCK TRADE KO"]

    clock = at("12:00:00")
    with Simulator.in_thread(clock=clock) as simulator:
        run(test())


def test_an_add_during_a_relogin_is_an_error_that_says_connected() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            await client.ask("TRADE", KO)
            simulator.stream_fault("upstream_down", seconds=0.5)
            assert await client.ask("QUOTE", KO, number=7) == "ERROR"
            assert client.responses(7)[0]["status"] == "CONNECTED"
            assert states(simulator) == "down"
            await client.until(lambda: states(simulator) == "up")
            assert await client.ask("QUOTE", KO, number=7) == "ERROR"  # the id is used up
            assert await client.ask("QUOTE", KO, number=8) == "SUBSCRIBED"
            simulator.stream_fault("upstream_down", seconds=0.5, silent=True)
            assert await client.ask("QUOTE", AAPL, number=9) == "SUBSCRIBED"

    with Simulator.in_thread(clock=at("12:00:00")) as simulator:
        run(test())


def test_a_burst_is_several_outages_in_a_row() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            await client.ask("TRADE", KO)
            response = httpx.post(
                simulator.url + "/sim/stream", json={"kind": "burst", "count": 3, "seconds": 0.1, "gap": 0.3}
            )
            assert response.json()["outages"] == 3
            seen = [states(simulator)]
            while len(seen) < 6:
                await client.until(lambda: states(simulator) != seen[-1])
                seen.append(states(simulator))
            assert seen == ["down", "up"] * 3

    with Simulator.in_thread(clock=at("12:00:00"), login_seconds=0.1) as simulator:
        run(test())


def test_a_mute_socket_says_nothing_at_all_and_stays_open() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            await client.ask("TRADE", KO)
            await client.until(lambda: client.headers("STATUS")[-1]["status"] == "CONNECTED")
            simulator.stream_fault("mute", seconds=2)
            loop = asyncio.get_running_loop()
            began, before = loop.time(), len(client.frames)
            clock.set(read_instant("2024-07-02T12:05:00"))
            await client.until(lambda: simulator.stream_report()["events_lost"])
            await client.until(lambda: len(client.frames) > before)
            assert loop.time() - began > 1.9
            assert not client.ended.is_set()
            clock.set(read_instant("2024-07-02T12:10:00"))
            await all_sent(simulator, client)
            rows = rest(simulator, TRADES, "12:05:00.001", "12:10:00", symbol="KO")
            assert client.events("TRADE") == rows

    clock = at("12:00:00")
    with Simulator.in_thread(clock=clock) as simulator:
        run(test())


def test_a_forgotten_subscription_is_silent_until_it_is_asked_for_again() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            for contract in (KO, AAPL):
                await client.ask("TRADE", contract)
            await client.ask("QUOTE", KO)
            assert simulator.stream_fault("lose", root="KO", req_type="TRADE") == 1
            assert simulator.stream_report()["subscriptions"] == ["STOCK TRADE AAPL", "STOCK QUOTE KO"]
            clock.set(read_instant("2024-07-02T12:05:00"))
            await all_sent(simulator, client)
            assert trades_of(client, "KO") == []
            assert trades_of(client, "AAPL")
            assert await client.ask("TRADE", KO) == "SUBSCRIBED"
            clock.set(read_instant("2024-07-02T12:10:00"))
            await all_sent(simulator, client)
            assert trades_of(client, "KO") == rest(simulator, TRADES, "12:05:00.001", "12:10:00", symbol="KO")

    def trades_of(client: StreamClient, root: str) -> list[object]:
        return [frame["trade"] for frame in client.frames if "trade" in frame and frame["contract"]["root"] == root]

    clock = at("12:00:00")
    with Simulator.in_thread(clock=clock) as simulator:
        run(test())


@pytest.mark.parametrize(
    "body", ["{", "[]", '{"kind": "flood"}', '{"kind": "mute", "seconds": -1}', '{"kind": "mute", "n": 1}']
)
def test_a_fault_that_is_none_is_refused(body: str) -> None:
    with Simulator.in_thread(clock=at("12:00:00")) as simulator:
        response = httpx.post(simulator.url + "/sim/stream", content=body)
        assert response.status_code == 400
        assert response.json()["error"]
