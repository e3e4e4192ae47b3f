"""Rate: a bucket for each client; places: backtests that may be unfinished."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from app.settings import load
from app.web.auth import Tokens, bearer
from app.web.limits import Places, Rate, limited
from app.web.problems import problems


class Clock:
    """Seconds that a test lets pass."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_ten_seconds_worth_may_come_at_once_and_then_one_when_its_time_has_come() -> None:
    clock = Clock()
    rate = Rate(2, clock)
    assert [rate.take("a") for _ in range(20)] == [0] * 20
    assert rate.take("a") == pytest.approx(0.5)
    clock.now += 0.25
    assert rate.take("a") == pytest.approx(0.25)
    clock.now += 0.25
    assert rate.take("a") == 0
    assert rate.take("a") > 0


def test_silence_fills_the_bucket_and_not_more() -> None:
    clock = Clock()
    rate = Rate(1, clock)
    for _ in range(10):
        rate.take("a")
    clock.now += 1_000
    assert [rate.take("a") > 0 for _ in range(11)] == [False] * 10 + [True]


def test_clients_have_buckets_of_their_own() -> None:
    rate = Rate(0.1, Clock())
    assert (rate.take("a"), rate.take("b")) == (0, 0)
    assert rate.take("a") == pytest.approx(10)


def test_only_so_many_clients_are_remembered() -> None:
    rate = Rate(1, Clock(), most_clients=3)
    for client in range(100):
        rate.take(client)
    assert len(rate._left) == 3


@given(
    st.floats(0.5, 50),
    st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_no_more_pass_than_the_burst_and_the_rate_allow(per_second: float, waits: list[float]) -> None:
    clock = Clock()
    rate = Rate(per_second, clock)
    passed = 0
    for wait in waits:
        clock.now += wait
        passed += rate.take("a") == 0
    assert passed <= max(1, per_second * 10) + per_second * sum(waits) + 1e-6


@given(st.floats(0.5, 50), st.integers(0, 30))
def test_who_waits_as_long_as_told_is_let_in(per_second: float, more: int) -> None:
    clock = Clock()
    rate = Rate(per_second, clock)
    while (wait := rate.take("a")) == 0:
        pass
    for _ in range(more):
        rate.take("a")
    clock.now += wait + 1e-6
    assert rate.take("a") == 0


# --- over HTTP ---------------------------------------------------------------------------------------------


def over_http(rate: float, calls: Callable[[TestClient[web.Request, web.Application]], Awaitable[None]]) -> None:
    async def view(_: web.Request) -> web.Response:
        return web.Response()

    async def run() -> None:
        tokens = Tokens.of(load(api_tokens="uno,due"))
        app = web.Application(middlewares=[problems, bearer(tokens), limited(rate)])
        app.router.add_route("*", "/thing", view)
        async with TestClient(TestServer(app)) as client:
            await calls(client)

    asyncio.run(run())


def test_who_makes_too_much_work_is_told_when_to_come_again_and_others_are_not() -> None:
    uno, due = ({"Authorization": f"Bearer {token}"} for token in ("uno", "due"))

    async def calls(client: TestClient[web.Request, web.Application]) -> None:
        assert (await client.post("/thing", headers=uno)).status == 200
        response = await client.post("/thing", headers=uno)
        assert response.status == 429
        assert response.content_type == "application/problem+json"
        assert int(response.headers["Retry-After"]) >= 100
        assert "RATE_LIMIT" in orjson.loads(await response.read())["detail"]
        assert (await client.delete("/thing", headers=uno)).status == 429
        assert (await client.get("/thing", headers=uno)).status == 200
        assert (await client.post("/thing", headers=due)).status == 200

    over_http(0.001, calls)


def test_zero_is_no_limit() -> None:
    async def calls(client: TestClient[web.Request, web.Application]) -> None:
        for _ in range(50):
            assert (await client.post("/thing", headers={"Authorization": "Bearer uno"})).status == 200

    over_http(0, calls)


# --- places ------------------------------------------------------------------------------------------------


class Known:
    """As many unfinished backtests as a test says."""

    unfinished_backtests = 0
    position = -1


def test_a_place_is_free_below_the_limit() -> None:
    known = Known()
    places = Places(known, 2)
    for count, free in ((0, True), (1, True), (2, False), (3, False)):
        known.unfinished_backtests = count
        with places.one("a") as found:
            assert found is free


def test_who_asks_at_the_same_time_takes_a_place_until_it_is_decided() -> None:
    places = Places(Known(), 2)
    with places.one("a") as first, places.one("b") as second, places.one("c") as third, places.one("a") as again:
        assert (first, second, third, again) == (True, True, False, True)
    with places.one("c") as free:
        assert free


def test_a_place_is_held_as_long_as_its_request_is_undecided() -> None:
    known = Known()
    places = Places(known, 1)
    with places.one("a") as free:
        assert free
        places.keep("a", 7)
    with places.one("b") as free:
        assert not free
    with places.one("a") as free:
        assert free, "the same again takes no other place"
    known.position = 6
    with places.one("b") as free:
        assert not free
    known.position, known.unfinished_backtests = 7, 1
    with places.one("b") as free:
        assert not free, "it runs"
    known.unfinished_backtests = 0
    with places.one("b") as free:
        assert free


def test_a_place_is_given_back_when_asking_fails() -> None:
    places = Places(Known(), 1)
    with pytest.raises(ValueError, match="x"), places.one("a"):
        raise ValueError("x")
    with places.one("b") as free:
        assert free


def test_the_refusal_says_the_limit_its_setting_and_when_to_come_again() -> None:
    response = Places(Known(), 7).refusal()
    assert response.status == 429
    assert int(response.headers["Retry-After"]) > 0
    assert response.body is not None
    detail = orjson.loads(bytes(response.body))["detail"]  # type: ignore[arg-type]
    assert "7 backtests" in detail
    assert "MAX_BACKTESTS" in detail
