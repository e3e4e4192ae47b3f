"""Waiting for a backtest, and following it, across a coordinator that goes and comes back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator
from typing import Any

import pytest
from speaking import TOPIC, Said, Speaking

from app.client import (
    BacktestCancelled,
    BacktestFailed,
    NotFound,
    PartialBacktest,
    Unavailable,
    Unreachable,
    WaitTimeout,
    asking,
    watching,
)
from app.client.sse import Event, EventStream
from app.client.steps import Broken, Emit, Open, Pause, Read, Reply, Send


def spring(client: Any) -> Any:
    return client.open("spring")


def told(server: Speaking, state: str, **more: Any) -> dict[str, Any]:
    return {**server.status(), "state": state, **more}


def event(number: int, body: Any) -> bytes:
    return f"id: {number}\ndata: {json.dumps(body)}\n\n".encode()


def stream(*pieces: bytes, cut: bool = False) -> Said:
    return Said(headers={"Content-Type": "text/event-stream"}, pieces=list(pieces), cut=cut)


# -- waiting ----------------------------------------------------------------------------------------------------------


def test_waiting_asks_the_coordinator_to_wait(server: Speaking, use: Any) -> None:
    server.say("GET", "/backtests/spring", Said(body=told(server, "running")), Said(body=told(server, "running")))
    status = use(spring, lambda bt: bt.wait())
    assert status.state == "complete"
    assert [one.query.get("wait") for one in server.asked] == [None, "30", "30"]


def test_a_coordinator_that_restarts_is_waited_for(server: Speaking, use: Any) -> None:
    away = Said(503, {"title": "x", "detail": "starting"}, {"Retry-After": "0"})
    running = Said(body=told(server, "running"))
    server.say("GET", "/backtests/spring", running, running, *[away] * 9, Said(status=0), running)
    assert use(spring, lambda bt: bt.wait(60)).state == "complete"


def test_a_coordinator_that_was_never_there_is_not(server: Speaking, use: Any) -> None:
    server.say("GET", "/backtests/spring", Said(body=told(server, "running")))
    server.say("GET", "/backtests/spring", *[Said(503, {"title": "x", "detail": "starting"})] * 99)
    with pytest.raises(Unavailable):
        use(spring, lambda bt: bt.wait(60))


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("failed", BacktestFailed, f"ended failed: {TOPIC}: the terminal said 478; retry"),
        ("partial", PartialBacktest, "ended in part"),
        ("cancelled", BacktestCancelled, "ended cancelled"),
    ],
)
def test_a_backtest_that_ends_badly_raises_why(
    server: Speaking, use: Any, state: str, kind: type[BacktestFailed], words: str
) -> None:
    series = [{"topic": TOPIC, "state": "failed", "rows": 0, "reason": "the terminal said 478"}]
    server.say("GET", "/backtests/spring", *[Said(body=told(server, state, series=series))] * 2)
    with pytest.raises(kind, match=words) as caught:
        use(spring, lambda bt: bt.wait())
    assert type(caught.value) is kind
    assert caught.value.reasons == {TOPIC: "the terminal said 478"}
    server.say("GET", "/backtests/spring", *[Said(body=told(server, state))] * 2)
    assert use(spring, lambda bt: bt.wait(check=False)).state == state


def test_waiting_ends_after_its_time_with_what_is_known(server: Speaking, use: Any) -> None:
    server.state = "running"
    with pytest.raises(WaitTimeout, match=r"'spring' is running after 0\.05 s") as caught:
        use(spring, lambda bt: bt.wait(0.05))
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.status is not None
    assert caught.value.status.state == "running"


def test_a_request_that_is_not_decided_yet_is_waited_for(server: Speaking, use: Any) -> None:
    undecided = {"backtest_id": "spring", "state": "accepted", "series": [{"topic": TOPIC, "state": "accepted"}]}
    server.say("POST", "/backtests", Said(202, undecided))
    unknown = Said(404, {"title": "Not Found", "status": 404, "detail": "there is no backtest 'spring'"})
    server.say("GET", "/backtests/spring", unknown, unknown)
    assert use(lambda p: p.submit({"backtest_id": "spring"}), lambda bt: bt.wait()).state == "complete"
    server.say("POST", "/backtests", Said(202, undecided))
    server.say("GET", "/backtests/spring/data", unknown)
    assert use(lambda p: p.submit({"backtest_id": "spring"}), lambda bt: bt.to_arrow()).num_rows == 20


def test_a_backtest_that_is_gone_is_not_waited_for(server: Speaking, use: Any) -> None:
    def gone(backtest: Any) -> Any:
        server.say("GET", "/backtests/spring", Said(404, {"title": "Not Found", "detail": "there is none"}))
        return backtest.wait()

    with pytest.raises(NotFound, match="there is none"):
        use(spring, gone)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drive(flow: Generator[Any, Any, Any], clock: Clock, answer: Any) -> Any:
    """Take the steps of a conversation against a clock that only pauses move; every call is answered the same."""
    reply: Any = None
    try:
        step = flow.send(None)
        while True:
            if isinstance(step, Pause):
                clock.now += step.seconds
                step = flow.send(None)
                continue
            assert isinstance(step, Send | Open | Read), step
            reply = answer(step)
            step = flow.throw(reply) if isinstance(reply, Broken) else flow.send(reply)
    except StopIteration as done:
        return done.value


def test_an_outage_is_outwaited_for_a_minute_and_no_longer() -> None:
    clock = Clock()
    with pytest.raises(Unreachable):
        drive(watching.wait("spring", None, True, 0, clock), clock, lambda _: Broken("http://x", "refused"))
    assert asking.OUTAGE <= clock.now < asking.OUTAGE + 5


def test_a_coordinator_that_answers_at_once_is_not_asked_without_a_pause() -> None:
    clock, asked = Clock(), []
    body = json.dumps({"backtest_id": "spring", "state": "running"}).encode()

    def answer(step: Any) -> Reply:
        asked.append(step)
        return Reply("http://x", 200, {}, body)

    with pytest.raises(WaitTimeout):
        drive(watching.wait("spring", 10, False, 0, clock), clock, answer)
    assert len(asked) <= 50


# -- following --------------------------------------------------------------------------------------------------------


def test_events_end_with_the_final_state(server: Speaking, use: Any) -> None:
    bodies = [told(server, state) for state in ("accepted", "running", "complete")]
    server.say("GET", "/backtests/spring/events", stream(*[event(n, body) for n, body in enumerate(bodies)]))
    found = use(spring, lambda bt: bt.events())
    assert [one.state for one in found] == ["accepted", "running", "complete"]


def test_a_stream_that_breaks_off_is_gone_on_with(server: Speaking, use: Any) -> None:
    running, done = told(server, "running"), told(server, "complete")
    server.say(
        "GET",
        "/backtests/spring/events",
        stream(event(1, running), event(2, running)[:20], cut=True),
        Said(status=0),
        stream(b": still here\n\n"),
        stream(event(3, done)),
    )
    assert [one.state for one in use(spring, lambda bt: bt.events())] == ["running", "complete"]
    asked = [one.headers.get("last-event-id") for one in server.asked if one.path.endswith("/events")]
    assert asked[0] is None
    assert set(asked[1:]) == {"1"}
    assert len(asked) == 4


def test_an_outage_is_over_as_soon_as_a_heartbeat_comes() -> None:
    """Hours may pass without a change, and a connection may break again after them."""
    clock = Clock()
    head, beat = Reply("http://x", 200), b": still here\n\n"
    states = [event(n, {"backtest_id": "spring", "state": state}) for n, state in enumerate(("running", "complete"))]
    broken = Broken("http://x", "cut off")
    script = iter([head, states[0], broken, head, *[beat] * 20, broken, head, states[1]])
    flow = watching.events("spring", False, 0, clock)
    found, step = [], flow.send(None)
    with contextlib.suppress(StopIteration):
        while True:
            if isinstance(step, Pause):
                clock.now += step.seconds
                step = flow.send(None)
            elif isinstance(step, Emit):
                found.append(step.item.state)
                step = flow.send(None)
            else:
                clock.now += 15
                came = next(script)
                step = flow.throw(came) if isinstance(came, Broken) else flow.send(came)
    assert found == ["running", "complete"]


def test_events_of_what_is_deleted_end(server: Speaking, use: Any) -> None:
    gone = {"backtest_id": "spring", "state": "deleted"}
    server.say("GET", "/backtests/spring/events", stream(event(1, told(server, "running")), event(2, gone)))
    assert [one.state for one in use(spring, lambda bt: bt.events())] == ["running", "deleted"]


def test_events_of_what_is_unknown_are_not_found(server: Speaking, use: Any) -> None:
    with pytest.raises(NotFound):
        use(spring, lambda bt: bt.events())


# -- the format -------------------------------------------------------------------------------------------------------

_STREAM = (
    "\ufeff: hello\nretry: 1000\n\nid: 1\nevent: state\ndata: grüße\ndata:  zwei\n\n"
    "data\n\nid: 2\r\ndata: x\r\n\r\nid\rdata: y\r\rid: a\0b\ndata: z\n\nunknown: 1\ndata: never ended"
).encode()
_EVENTS = [
    Event("grüße\n zwei", "state", "1"),
    Event("", "message", "1"),
    Event("x", "message", "2"),
    Event("y", "message", ""),
    Event("z", "message", ""),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
def test_events_are_the_same_however_the_stream_is_cut_into_pieces(size: int) -> None:
    found = EventStream()
    events = [one for at in range(0, len(_STREAM), size) for one in found.feed(_STREAM[at : at + size])]
    assert events == _EVENTS
