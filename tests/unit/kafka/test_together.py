"""What is asked by several threads at once, and done in few calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.errors import LogError
from app.kafka.together import Together


class Brokers:
    """Answers each name with its question, unless that is ``fine``; each call waits until it is let go."""

    def __init__(self) -> None:
        self.calls: list[set[str]] = []
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.failure: BaseException | None = None

    def __call__(self, asked: Mapping[str, str]) -> dict[str, str]:
        self.calls.append(set(asked))
        self.begun.set()
        assert self.let_go.wait(10)
        if self.failure is not None:
            raise self.failure
        return {name: question for name, question in asked.items() if question != "fine"}


@pytest.fixture
def brokers() -> Brokers:
    return Brokers()


def wait_for(together: Together[str, str], count: int) -> None:
    """Wait until the next call is to be about so many names."""
    deadline = time.monotonic() + 10
    while (call := together._next) is None or len(call.asked) < count:
        assert time.monotonic() < deadline, "the others did not come"
        time.sleep(0.001)


def test_those_who_come_while_a_call_is_under_way_share_the_next_one(brokers: Brokers) -> None:
    together = Together(brokers)
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(together, {"a": "fine"})
        assert brokers.begun.wait(10)
        others = [pool.submit(together, {f"n{i}": f"why {i}"}) for i in range(8)]
        wait_for(together, 8)
        brokers.let_go.set()
        assert first.result(10) == {}
        assert [one.result(10) for one in others] == [{f"n{i}": f"why {i}"} for i in range(8)]
    assert brokers.calls == [{"a"}, {f"n{i}" for i in range(8)}]


def test_one_after_the_other_each_has_a_call_of_its_own(brokers: Brokers) -> None:
    brokers.let_go.set()
    together = Together(brokers)
    assert together({"a": "no"}) == {"a": "no"}
    assert together({"b": "fine"}) == {}
    assert brokers.calls == [{"a"}, {"b"}]


@pytest.mark.parametrize("failure", [LogError("nobody answers"), RuntimeError("nobody answers")])
def test_a_call_that_fails_fails_for_all_who_asked_and_not_for_the_next(brokers: Brokers, failure: Exception) -> None:
    together = Together(brokers)
    brokers.failure = failure
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(together, {"a": "fine"})
        assert brokers.begun.wait(10)
        others = [pool.submit(together, {name: "fine"}) for name in "bc"]
        wait_for(together, 2)
        brokers.let_go.set()
        errors = [one.exception(10) for one in (first, *others)]
    assert all("nobody answers" in str(error) for error in errors)
    # Who carried it out is told what it was, the others that it failed.
    assert sum(isinstance(error, LogError) for error in errors) == (3 if isinstance(failure, LogError) else 1)
    brokers.failure = None
    assert together({"d": "fine"}) == {}
