"""Conversations that last until a backtest has ended, across a coordinator that restarts meanwhile."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable

from app.client import calls
from app.client.asking import Outage, ask, opened, passes
from app.client.errors import ApiError, CutOff, Unreachable, WaitTimeout
from app.client.models import BacktestStatus
from app.client.sse import EventStream
from app.client.steps import Broken, Emit, Flow, Pause, Read

#: Seconds that one long poll asks for.
_POLL = 30.0
#: Between two polls that were answered at once.
_BREATH = 0.25


def wait(
    backtest_id: str,
    timeout: float | None,
    undecided: bool,
    retries: int,
    clock: Callable[[], float] = time.monotonic,
) -> Flow[BacktestStatus]:
    """The final state of a backtest. Raises ``WaitTimeout`` after ``timeout`` seconds (None: never)."""
    deadline = math.inf if timeout is None else clock() + timeout
    last: BacktestStatus | None = None
    outage = Outage(clock)
    while True:
        begun = clock()
        left = deadline - begun
        # The coordinator counts in whole seconds.
        poll = min(_POLL, float(math.floor(max(left, 0.0)))) if left != math.inf else _POLL
        try:
            last = BacktestStatus.of((yield from ask(calls.status(backtest_id, poll or None), retries)))
        except (ApiError, Unreachable) as error:
            if not passes(error, undecided) or (last is None and not undecided):
                raise
            pause = outage.pause(error)
        else:
            if last.is_final:
                return last
            outage.over()
            pause = _BREATH if clock() - begun < _BREATH else 0.0
        left = deadline - clock()
        if left <= 0:
            state = last.state if last is not None else "not decided"
            raise WaitTimeout(f"backtest {backtest_id!r} is {state} after {timeout:g} s; it goes on, wait again", last)
        yield Pause(min(pause, left))


def events(backtest_id: str, undecided: bool, retries: int, clock: Callable[[], float] = time.monotonic) -> Flow[None]:
    """Emits the state of a backtest now and whenever it changes; the final one is the last. A connection that breaks is
    made again, from the last event on."""
    last_id: str | None = None
    heard = False
    outage = Outage(clock)
    while True:
        trouble: Exception
        try:
            yield from opened(calls.events(backtest_id, last_id), retries)
            stream = EventStream()
            while chunk := (yield Read()):
                # Heartbeats too: it is there.
                outage.over()
                for event in stream.feed(chunk):
                    last_id = event.last_id
                    status = _status(event.data)
                    if status is None:
                        continue
                    heard = True
                    yield Emit(status)
                    if status.is_final:
                        return
            trouble = Unreachable(f"the events of {backtest_id!r} ended before it did; ask again, or use wait()")
        except Broken as broken:
            trouble = broken.unreachable()
        except (ApiError, Unreachable) as error:
            if not passes(error, undecided and not heard) or not (heard or undecided):
                raise
            trouble = error
        yield Pause(outage.pause(trouble))


def _status(data: str) -> BacktestStatus | None:
    """The state that an event tells, None when it tells something else."""
    try:
        told = json.loads(data)
    except ValueError:
        raise CutOff(f"an event is no JSON: {data[:80]!r}; is a coordinator at this address?") from None
    return BacktestStatus.of(told) if isinstance(told, dict) and "state" in told else None
