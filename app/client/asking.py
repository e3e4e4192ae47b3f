"""Calls that are made again when nobody answered, a bounded number of times and for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.client import calls
from app.client.calls import Call
from app.client.errors import NotFound, Unavailable, Unreachable
from app.client.models import BacktestStatus, LiveSeries, Plan
from app.client.steps import Broken, Flow, Open, Pause, Reply, Send, answer_of, error_of

#: Seconds that a coordinator may be away from whoever was talking to it: one that restarts reads its logs first.
OUTAGE = 60.0
#: Longest pause that is made because the coordinator says so; beyond it the caller decides.
_LONGEST = 30.0
_FIRST, _MOST = 0.2, 2.0


def backoff(attempt: int) -> float:
    """Seconds to pause after the n-th failure in a row, from 1 on."""
    return min(_FIRST * 2.0 ** (attempt - 1), _MOST)


def ask(call: Call, retries: int) -> Flow[Any]:
    """The JSON of an answer. Raises ``ApiError`` or ``Unreachable``."""
    return answer_of((yield from _made(Send(call), retries)))


def opened(call: Call, retries: int) -> Flow[Reply]:
    """The head of an answer that is then to be read. Raises as ``ask`` does."""
    return (yield from _made(Open(call), retries))


def _made(step: Send | Open, retries: int) -> Flow[Reply]:
    attempt = 0
    while True:
        attempt += 1
        pause = backoff(attempt)
        try:
            reply: Reply = yield step
        except Broken as broken:
            if attempt > retries:
                raise broken.unreachable() from None
        else:
            error = error_of(reply)
            if error is None:
                return reply
            error.attempts = attempt
            wait = error.retry_after
            if not isinstance(error, Unavailable) or attempt > retries or (wait or 0) > _LONGEST:
                raise error
            pause = pause if wait is None else wait
        yield Pause(pause)


@dataclass
class Outage:
    """How long something that was there has been away."""

    clock: Callable[[], float] = time.monotonic
    since: float | None = None
    times: int = 0

    def over(self) -> None:
        self.since, self.times = None, 0

    def pause(self, error: Exception) -> float:
        """Seconds until the next attempt; raises the error when it has lasted too long."""
        now = self.clock()
        self.since = now if self.since is None else self.since
        if now - self.since > OUTAGE:
            raise error
        self.times += 1
        return backoff(self.times)


def submitted(body: Mapping[str, Any], retries: int) -> Flow[BacktestStatus]:
    return BacktestStatus.of((yield from ask(calls.submit(body), retries)))


def told(call: Call, retries: int) -> Flow[BacktestStatus]:
    """The status that answers a call about a backtest."""
    return BacktestStatus.of((yield from ask(call, retries)))


def listed(retries: int) -> Flow[list[BacktestStatus]]:
    return [BacktestStatus.of(one) for one in (yield from ask(calls.backtests(), retries))]


def planned(body: Mapping[str, Any], retries: int) -> Flow[Plan]:
    return Plan.of((yield from ask(calls.plan(body), retries)))


def deleted(backtest_id: str, retries: int) -> Flow[None]:
    try:
        yield from ask(calls.delete(backtest_id), retries)
    except NotFound as error:
        # The first call may have done it, though its answer did not arrive.
        if error.attempts == 1:
            raise


def subscribed(body: tuple[Any, Mapping[str, Any]], retries: int) -> Flow[list[LiveSeries]]:
    answer = yield from ask(calls.subscribe(*body), retries)
    return [LiveSeries.of(one) for one in answer["series"]]


def live_series(topic: str, retries: int) -> Flow[LiveSeries]:
    return LiveSeries.of((yield from ask(calls.live(topic), retries)))


def all_live(retries: int) -> Flow[list[LiveSeries]]:
    return [LiveSeries.of(one) for one in (yield from ask(calls.live(), retries))]


def unsubscribed(topic: str, retries: int) -> Flow[str]:
    """``ended``, or ``ending`` when it is not decided yet."""
    try:
        return str((yield from ask(calls.unsubscribe(topic), retries))["state"])
    except NotFound as error:
        if error.attempts == 1:
            raise
        return "ended"


#: What may pass by itself: a coordinator that restarts or waits for its brokers.
PASSING: tuple[type[Exception], ...] = (Unreachable, Unavailable)


def passes(error: Exception, undecided: bool) -> bool:
    """Whether an error may pass by itself. A request that is not decided yet is as good as unknown."""
    return isinstance(error, PASSING) or (undecided and isinstance(error, NotFound))
