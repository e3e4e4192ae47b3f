"""The stream as a client meets it: login, answers, keep-alive, replacement; and its events are those of REST."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import json
from collections.abc import Coroutine
from typing import Any

import httpx
import pytest

from simulator.clock import MarketClock, Replay, read_instant
from simulator.server import Simulator
from tests.unit.simulator.stream_client import AAPL, Frame, StreamClient, connected

KO = {"root": "KO"}
SPXW = {"root": "SPXW", "expiration": 20240702, "strike": 5_600_000, "right": "P"}
TRADE = ["ms_of_day", "sequence", "size", "condition", "price", "exchange", "date"]
SIDE = ["size", "exchange", "", "condition"]
QUOTE = ["ms_of_day", *(f"{side}_{part}".rstrip("_") for side in ("bid", "ask") for part in SIDE), "date"]


def at(time: str, speed: float = 0) -> MarketClock:
    """A clock of 2 July 2024."""
    return MarketClock(read_instant(f"2024-07-02T{time}"), speed)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


async def all_sent(simulator: Simulator, client: StreamClient) -> None:
    """Wait until the feed has given all that the clock says, and the client has it."""
    await client.until(lambda: not simulator.stream_report()["behind"])
    sent = simulator.stream_report()["frames_sent"]
    await client.until(lambda: len(client.frames) >= sent)


def rest(simulator: Simulator, path: str, start: str, end: str, **query: Any) -> list[Frame]:
    """Rows of REST as bodies of frames."""
    asked = {"date": "20240702", "start_time": start, "end_time": end, **query}
    response = httpx.get(f"{simulator.url}/v3/{path}", params=asked, timeout=60)
    assert response.status_code == 200, response.text
    made = []
    for row in csv.DictReader(response.text.splitlines()):
        time = dt.datetime.fromisoformat(row["timestamp"])
        since = time - dt.datetime.combine(time, dt.time())
        body: Frame = {"ms_of_day": since // dt.timedelta(milliseconds=1), "date": int(f"{time:%Y%m%d}")}
        names = TRADE if "price" in row else QUOTE
        for name in names[1:-1]:
            body[name] = float(row[name]) if name in ("price", "bid", "ask") else int(row[name])
        made.append({name: body[name] for name in names})
    return made


def test_a_fresh_terminal_is_disconnected_until_the_first_subscription() -> None:
    async def test() -> None:
        def status() -> str:
            return httpx.get(simulator.url + "/v3/terminal/fpss/status").text

        async with connected(simulator.ws_url) as client:
            await client.until(lambda: client.frames)
            assert client.frames[0] == {"header": {"type": "STATUS", "status": "DISCONNECTED"}}
            assert status() == "DISCONNECTED"
            number = 5
            began = asyncio.get_running_loop().time()
            assert await client.ask("TRADE", AAPL, number=number) == "SUBSCRIBED"
            assert asyncio.get_running_loop().time() - began >= 0.3
            assert client.responses(number) == [
                {"type": "REQ_RESPONSE", "status": "CONNECTED", "response": "SUBSCRIBED", "req_id": 5}
            ]
            assert status() == "CONNECTED"
            await client.until(lambda: client.headers("STATUS")[-1]["status"] == "CONNECTED")
        assert status() == "CONNECTED"

    with Simulator.in_thread(clock=at("09:30:00"), login_seconds=0.3) as simulator:
        run(test())


def test_subscriptions_that_come_during_the_first_login_wait_for_it() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            words = await asyncio.gather(*(client.ask("QUOTE", {"root": root}) for root in ("AAPL", "KO", "F")))
            assert words == ["SUBSCRIBED"] * 3
            assert [header["req_id"] for header in client.headers("REQ_RESPONSE")] == [0, 1, 2]

    with Simulator.in_thread(clock=at("09:30:00"), login_seconds=0.3) as simulator:
        run(test())


def test_status_comes_every_second_whatever_the_market_s_clock_does() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            await client.ask("TRADE", AAPL)
            loop = asyncio.get_running_loop()
            times: list[float] = []
            while len(times) < 3:
                seen = len(client.headers("STATUS"))
                await client.until(lambda seen=seen: len(client.headers("STATUS")) > seen)
                times.append(loop.time())
            assert 0.7 < times[2] - times[1] < 1.5

    with Simulator.in_thread(clock=at("12:00:00")) as simulator:
        run(test())


def test_a_second_client_replaces_the_first_whose_subscriptions_are_gone() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as first:
            await first.ask("TRADE", AAPL)
            async with connected(simulator.ws_url) as second:
                await asyncio.wait_for(first.ended.wait(), 10)
                assert first.socket.close_code == 1000
                await second.until(lambda: second.frames)
                assert second.frames[0]["header"] == {"type": "STATUS", "status": "CONNECTED"}
                report = simulator.stream_report()
                assert (report["client"], report["replaced"], report["subscriptions"]) == (True, 1, [])
                assert await second.ask("TRADE", AAPL, number=0) == "SUBSCRIBED"
            await second.until(lambda: not simulator.stream_report()["client"])

    with Simulator.in_thread(clock=at("09:30:00")) as simulator:
        run(test())


def test_what_a_replaced_client_still_waited_for_is_not_the_next_one_s() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as first:
            asked = {"msg_type": "STREAM", "sec_type": "STOCK", "req_type": "TRADE", "add": True, "id": 0}
            await first.say(asked | {"contract": AAPL})
            await first.until(lambda: simulator.stream_report()["link"] == "logging_in")
            async with connected(simulator.ws_url) as second:
                assert await second.ask("TRADE", KO) == "SUBSCRIBED"
                assert await second.ask("QUOTE", KO) == "SUBSCRIBED"
                assert simulator.stream_report()["subscriptions"] == ["STOCK TRADE KO", "STOCK QUOTE KO"]

    with Simulator.in_thread(clock=at("09:30:00"), login_seconds=0.5) as simulator:
        run(test())


def test_ids_must_rise_and_what_cannot_be_read_is_an_error() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            assert await client.ask("TRADE", AAPL, number=3) == "SUBSCRIBED"
            assert await client.ask("QUOTE", AAPL, number=3) == "ERROR"
            assert await client.ask("QUOTE", AAPL, number=2) == "ERROR"
            assert await client.ask("TRADE", AAPL, number=3, add=False) == "ERROR"
            assert await client.ask("QUOTE", AAPL, number=4) == "SUBSCRIBED"
            assert await client.ask("CANDLE", AAPL, number=5) == "ERROR"
            assert await client.ask("MARKET_VALUE", AAPL, number=6) == "ERROR"
            assert await client.ask("TRADE", SPXW | {"right": "X"}, number=7) == "ERROR"
            assert await client.ask("TRADE", {"root": "spxw"}, number=8) == "ERROR"
            assert await client.ask("TRADE", AAPL, number=9, add="yes") == "ERROR"
            assert await client.ask("TRADE", AAPL, number=10, sec_type="BOND") == "ERROR"
            for text in ("{", "[]", '{"msg_type":"STREAM"}', '{"msg_type":"STREAM","add":true,"id":null}'):
                before = len(client.responses(-1))
                await client.say(text)
                await client.until(lambda before=before: len(client.responses(-1)) == before + 1)
            assert {header["response"] for header in client.responses(-1)} == {"ERROR"}

    with Simulator.in_thread(clock=at("09:30:00")) as simulator:
        run(test())


@pytest.mark.parametrize(
    ("tier", "message", "word"),
    [
        ("free", {}, "INVALID_PERMS"),
        ("value", {}, "INVALID_PERMS"),
        ("standard", {}, "SUBSCRIBED"),
        ("standard", {"msg_type": "STREAM_BULK", "sec_type": "OPTION"}, "INVALID_PERMS"),
        ("pro", {"msg_type": "STREAM_BULK", "sec_type": "OPTION"}, "SUBSCRIBED"),
        ("standard", {"sec_type": "INDEX", "contract": {"root": "SPX"}}, "SUBSCRIBED"),
    ],
)
def test_who_may_stream_what(tier: str, message: Frame, word: str) -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            assert await client.ask("TRADE", message.pop("contract", AAPL), **message) == word

    with Simulator.in_thread(tier=tier, clock=at("09:30:00"), login_seconds=0, full_stream_roots=("KO",)) as simulator:
        run(test())


def test_more_series_than_the_cap_are_refused_until_one_is_removed() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            words = [await client.ask("TRADE", {"root": root}) for root in ("AAPL", "KO", "F", "AAPL")]
            assert words == ["SUBSCRIBED", "SUBSCRIBED", "MAX_STREAMS_REACHED", "SUBSCRIBED"]
            assert await client.ask("QUOTE", AAPL) == "SUBSCRIBED"
            assert await client.ask("TRADE", KO, add=False) == "SUBSCRIBED"
            assert await client.ask("TRADE", {"root": "F"}) == "SUBSCRIBED"
            assert simulator.stream_report()["subscriptions"] == [
                "STOCK TRADE AAPL",
                "STOCK QUOTE AAPL",
                "STOCK TRADE F",
            ]

    with Simulator.in_thread(clock=at("09:30:00"), stream_caps={"STOCK_TRADE": 2}) as simulator:
        run(test())


def test_events_equal_the_rows_of_rest_and_come_in_the_order_of_time() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            for contract in (AAPL, SPXW):
                for kind in ("TRADE", "QUOTE"):
                    assert await client.ask(kind, contract) == "SUBSCRIBED"
            clock.set(speed=200)
            await client.until(lambda: clock() > read_instant("2024-07-02T09:34:00"))
            clock.set(speed=0)
            end = clock()
            await all_sent(simulator, client)
            clock.set(read_instant("2024-07-02T09:40:00"))
            await all_sent(simulator, client)
            assert end < clock()
            window = ("09:29:50.001", "09:40:00")
            stock = {"symbol": "AAPL"}
            option = {"symbol": "SPXW", "expiration": "20240702", "strike": "5600", "right": "put"}
            for security, query in (("stock", stock), ("option", option)):
                for kind, more in (("trade", {}), ("quote", {"interval": "tick"})):
                    got = [
                        frame[kind]
                        for frame in client.frames
                        if frame["header"]["type"] == kind.upper()
                        and frame["contract"]["security_type"] == security.upper()
                    ]
                    rows = rest(simulator, f"{security}/history/{kind}", *window, **query, **more)
                    assert len(rows) > 10
                    assert got == rows
                    assert [list(frame) for frame in got[:1]] == [list(rows[0])]
            times = [
                (frame.get("trade") or frame["quote"])["ms_of_day"] for frame in client.frames if "contract" in frame
            ]
            assert times == sorted(times)
            contracts = [frame["contract"] for frame in client.frames if "contract" in frame]
            assert {"security_type": "STOCK", "root": "AAPL"} in contracts
            assert {"security_type": "OPTION"} | SPXW in contracts
            assert {frame["header"]["status"] for frame in client.frames if "contract" in frame} == {"CONNECTED"}
            assert [header["state"] for header in client.headers("STATE")] == ["START"]

    clock = at("09:29:50")
    with Simulator.in_thread(tier="pro", clock=clock) as simulator:
        run(test())


def test_the_early_and_the_late_hours_are_streamed_too() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            quiet = {"root": "SYM7"}
            await client.ask("TRADE", quiet)
            await client.ask("QUOTE", quiet)
            clock.set(read_instant("2024-07-02T23:00:00"))
            await client.until(lambda: client.headers("STATE")[-1:] and client.headers("STATE")[-1]["state"] == "STOP")
            await all_sent(simulator, client)
            window = {"symbol": "SYM7", "start": "00:00:00", "end": "23:00:00"}
            trades = rest(simulator, "stock/history/trade", **window)
            assert client.events("TRADE") == trades
            assert client.events("QUOTE") == rest(simulator, "stock/history/quote", **window, interval="tick")
            assert trades[0]["ms_of_day"] < 34_200_000
            assert trades[-1]["ms_of_day"] > 57_600_000

    clock = at("00:00:01")
    with Simulator.in_thread(clock=clock) as simulator:
        run(test())


def test_a_subscription_has_what_comes_after_it_and_twice_is_not_double() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            await client.ask("TRADE", KO)
            await client.ask("TRADE", KO)
            option = SPXW | {"expiration": "20240702", "strike": "5600000"}
            await client.ask("TRADE", option)
            clock.set(read_instant("2024-07-02T12:05:00"))
            await all_sent(simulator, client)
            await client.ask("TRADE", KO, add=False)
            clock.set(read_instant("2024-07-02T12:10:00"))
            await all_sent(simulator, client)
            await client.ask("TRADE", KO)
            clock.set(read_instant("2024-07-02T12:15:00"))
            await all_sent(simulator, client)
            got = [frame["trade"] for frame in client.frames if frame.get("contract", {}).get("root") == "KO"]
            rows = rest(simulator, "stock/history/trade", "12:00:00.001", "12:15:00", symbol="KO")
            assert got == [row for row in rows if not 43_500_000 < row["ms_of_day"] <= 43_800_000]
            await client.say({"msg_type": "STOP"})
            await client.until(lambda: not simulator.stream_report()["subscriptions"])
            before = len(client.events("TRADE"))
            clock.set(read_instant("2024-07-02T12:30:00"))
            await all_sent(simulator, client)
            assert len(client.events("TRADE")) == before

    clock = at("12:00:00")
    with Simulator.in_thread(clock=clock) as simulator:
        run(test())


@pytest.mark.parametrize(
    "contract",
    [{"root": "ZZTOP"}, SPXW | {"strike": 5_600_001}, SPXW | {"expiration": 20240706}, SPXW | {"root": "ZZTOP"}],
)
def test_what_does_not_exist_is_subscribed_and_silent(contract: Frame) -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            assert await client.ask("TRADE", contract) == "SUBSCRIBED"
            assert await client.ask("QUOTE", contract) == "SUBSCRIBED"
            clock.set(read_instant("2024-07-02T16:30:00"))
            await client.until(lambda: client.headers("STATE"))
            await all_sent(simulator, client)
            assert client.events("TRADE") == client.events("QUOTE") == []

    clock = at("12:00:00")
    with Simulator.in_thread(clock=clock) as simulator:
        run(test())


def test_session_follows_session_and_each_event_comes_once() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            await client.ask("TRADE", {"root": "SYM7"})
            for time in ("2024-07-02T23:59:00", "2024-07-03T17:00:00", "2024-07-04T12:00:00", "2024-07-05T12:00:00"):
                clock.set(read_instant(time))
                await all_sent(simulator, client)
            got = client.events("TRADE")
            rows = rest(simulator, "stock/history/trade", "12:00:00.001", "23:00:00", symbol="SYM7")
            assert [row for row in got if row["date"] == 20240702] == rows
            whole = rest(simulator, "stock/history/trade", "00:00:00", "23:00:00", symbol="SYM7", date="20240703")
            assert [row for row in got if row["date"] == 20240703] == whole
            until = rest(simulator, "stock/history/trade", "00:00:00", "12:00:00", symbol="SYM7", date="20240705")
            assert [row for row in got if row["date"] == 20240705] == until
            assert simulator.stream_report()["skipped_sessions"] == 0
            clock.set(read_instant("2024-07-15T12:00:00"))
            await client.until(lambda: client.events("TRADE")[-1]["date"] == 20240715)
            assert simulator.stream_report()["skipped_sessions"] == 5

    clock = at("12:00:00")
    with Simulator.in_thread(clock=clock) as simulator:
        run(test())


def test_a_clock_set_back_gives_what_comes_after_it_again() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            await client.ask("TRADE", KO)
            clock.set(read_instant("2024-07-02T12:05:00"))
            await all_sent(simulator, client)
            first = client.events("TRADE")
            clock.set(read_instant("2024-07-02T12:00:00"))
            await asyncio.sleep(0.1)
            clock.set(read_instant("2024-07-02T12:05:00"))
            await client.until(lambda: client.events("TRADE") == first + first)

    clock = at("12:00:00")
    with Simulator.in_thread(clock=clock) as simulator:
        run(test())


def test_a_replay_streams_past_sessions_while_rest_stays_in_its_time() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            await client.ask("TRADE", {"root": "SYM7"})
            await client.until(
                lambda: {row["date"] for row in client.events("TRADE")} >= {20240702, 20240703, 20240705}
            )
            got = [row for row in client.events("TRADE") if row["date"] == 20240703]
            window = {"start": "09:30:00", "end": "16:00:05", "symbol": "SYM7", "date": "20240703"}
            assert got == rest(simulator, "stock/history/trade", **window)
            states = [header["state"] for header in client.headers("STATE")]
            assert states[-4:] == ["STOP", "START", "STOP", "START"] or states[-3:] == ["START", "STOP", "START"]
            assert httpx.get(simulator.url + "/sim/clock").json()["now"].startswith("2024-08-01")

    # Session after session takes a second and a half.
    replay = Replay(dt.date(2024, 7, 2), dt.datetime.now(dt.UTC), 15_000)
    present = dt.datetime(2024, 8, 1, 16, tzinfo=dt.UTC)
    with Simulator.in_thread(clock=lambda: present, replay=replay) as simulator:
        run(test())


def test_a_replay_that_has_caught_up_streams_the_evening_too() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            await client.ask("TRADE", KO)
            await client.until(lambda: simulator.stream_report()["clock"] == "2024-07-02T15:00:00")
            clock.set(read_instant("2024-07-02T18:00:00"))
            await client.until(lambda: simulator.stream_report()["clock"] == "2024-07-02T18:00:00")
            await all_sent(simulator, client)
            rows = rest(simulator, "stock/history/trade", "09:30:00", "18:00:00", symbol="KO")
            assert client.events("TRADE") == rows[-len(client.events("TRADE")) :]
            assert client.events("TRADE")[0]["ms_of_day"] <= 54_000_000

    clock = at("15:00:00")
    replay = Replay(dt.date(2024, 7, 2), dt.datetime.now(dt.UTC), 10_000)
    with Simulator.in_thread(clock=clock, replay=replay) as simulator:
        run(test())


def test_a_slow_client_loses_events_and_the_simulator_keeps_its_memory() -> None:
    async def test() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(simulator.ws_url.split(":")[2].split("/")[0]))
        writer.write(
            b"GET /v1/events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        message = {"msg_type": "STREAM", "sec_type": "STOCK", "req_type": "TRADE", "add": True, "id": 0}
        text = json.dumps(message | {"contract": {"root": "TSLA"}}).encode()
        writer.write(bytes((0x81, 0x80 | 126)) + len(text).to_bytes(2) + b"\0\0\0\0" + text)  # masked by zeros
        while not simulator.stream_report()["subscriptions"]:
            await asyncio.sleep(0.01)
        writer.transport.pause_reading()
        clock.set(read_instant("2024-07-02T16:00:00"))
        while not (report := simulator.stream_report())["events_lost"]:
            await asyncio.sleep(0.01)
        assert report["unsent_bytes"] < 1_000_000 + 4_000 * 300
        writer.close()

    clock = at("09:29:00")
    with Simulator.in_thread(clock=clock, stream_buffer_bytes=1_000_000) as simulator:
        run(test())
