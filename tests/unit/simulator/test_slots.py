"""Concurrency: so many run, so many wait in order, the next is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from simulator.refusals import Refusal
from simulator.server import Simulator
from simulator.slots import Slots
from simulator.tiers import Tier

EOD = "/v3/stock/history/eod"
KO = {"symbol": "KO", "start_date": "20240102", "end_date": "20240105"}
STALL = {"match": {"symbol": "AAPL"}, "fault": {"kind": "stall", "seconds": 600}}


async def settled(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def test_slots_are_given_in_the_order_of_arrival() -> None:
    async def scenario() -> list[int]:
        slots, order, release = Slots(1, 3), [], asyncio.Event()

        async def request(number: int) -> None:
            async with slots.hold():
                order.append(number)
                await release.wait()

        tasks = []
        for number in range(4):
            tasks.append(asyncio.create_task(request(number)))
            await asyncio.sleep(0)
        assert (slots.occupancy.running, slots.occupancy.queued) == (1, 3)
        release.set()
        await asyncio.gather(*tasks)
        assert (slots.occupancy.running, slots.occupancy.queued, slots.occupancy.max_running) == (0, 0, 1)
        return order

    assert asyncio.run(scenario()) == [0, 1, 2, 3]


def test_a_full_queue_refuses_with_429() -> None:
    async def scenario() -> None:
        slots = Slots(1, 0)
        async with slots.hold():
            with pytest.raises(Refusal) as refused:
                async with slots.hold():
                    pass
        assert refused.value.status == 429
        assert slots.occupancy.overflowed == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("handed_over", [False, True])
def test_who_gives_up_waiting_loses_no_slot(handed_over: bool) -> None:
    async def scenario() -> None:
        slots = Slots(1, 2)

        async def waiter() -> None:
            async with slots.hold():
                pass

        async with slots.hold():
            second = asyncio.create_task(waiter())
            await asyncio.sleep(0)
            if not handed_over:
                second.cancel()
                await asyncio.gather(second, return_exceptions=True)
        second.cancel()  # when handed over: in the same tick, before it could run
        await asyncio.gather(second, return_exceptions=True)
        assert second.cancelled()
        assert (slots.occupancy.running, slots.occupancy.queued) == (0, 0)
        await asyncio.wait_for(waiter(), 1)

    asyncio.run(scenario())


def test_tiers_run_1_2_4_and_8_requests() -> None:
    assert [tier.concurrency for tier in Tier] == [1, 2, 4, 8]
    with pytest.raises(ValueError, match="'gold' is none of free, value, standard, pro"):
        Tier.named("gold")


@pytest.mark.parametrize(("tier", "limit"), [("free", 1), ("value", 2), ("standard", 4)])
def test_the_terminal_runs_its_tier_s_requests_queues_16_and_refuses_the_next(tier: str, limit: int) -> None:
    async def scenario(terminal: Simulator) -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=terminal.url, timeout=60, limits=limits) as client:
            stalled = [asyncio.create_task(client.get(EOD, params=KO | {"symbol": "AAPL"})) for _ in range(limit)]
            await settled(lambda: terminal.stats()["running"] == limit)
            waiting = [asyncio.create_task(client.get(EOD, params=KO)) for _ in range(16)]
            await settled(lambda: terminal.stats()["queued"] == 16)

            assert (await client.get(EOD, params=KO)).status_code == 429
            assert (await client.get("/v3/terminal/mdds/status")).text == "CONNECTED"

            for task in stalled:  # the clients go away: their slots become free
                task.cancel()
            done = await asyncio.gather(*waiting)
            assert {response.status_code for response in done} == {200}
        stats = terminal.stats()
        assert (stats["max_running"], stats["max_queued"], stats["overflowed"]) == (limit, 16, 1)
        assert stats["by_status"]["429"] == 1

    with Simulator.in_thread(tier=tier, faults=[STALL]) as terminal:
        asyncio.run(scenario(terminal))


def test_the_queue_s_length_is_an_option() -> None:
    async def scenario(terminal: Simulator) -> None:
        async with httpx.AsyncClient(base_url=terminal.url, timeout=60) as client:
            stalled = asyncio.create_task(client.get(EOD, params=KO | {"symbol": "AAPL"}))
            await settled(lambda: terminal.stats()["running"] == 1)
            assert (await client.get(EOD, params=KO)).status_code == 429
            stalled.cancel()

    with Simulator.in_thread(tier="free", queue_length=0, faults=[STALL]) as terminal:
        asyncio.run(scenario(terminal))


def test_latency_is_spent_holding_the_slot() -> None:
    with Simulator.in_thread(tier="free", latency_ms=40, jitter_ms=20) as terminal:
        assert httpx.get(terminal.url + EOD, params=KO).status_code == 200
        assert 0.040 <= terminal.stats()["busy_slot_seconds"] < 5
        terminal.reset()
        assert terminal.stats()["busy_slot_seconds"] == 0
