"""Threads that do what takes time: what goes first, what fails, and what becomes of it all in the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.domain import retry
from app.errors import BadTable, PlatformError, ProviderGlitch, ProviderRefused, ProviderUnavailable
from app.live.healer import Failed, Healer, Stopped


@pytest.fixture
def make() -> Iterator[Callable[[int], Healer]]:
    made: list[Healer] = []

    def build(workers: int = 1) -> Healer:
        made.append(Healer(workers))
        return made[-1]

    yield build
    for healer in made:
        healer.stop()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("healer-")]


def results(healer: Healer, count: int) -> list[Any]:
    found: list[Any] = []
    deadline = time.monotonic() + 10
    while len(found) < count:
        assert time.monotonic() < deadline, found
        found += healer.results()
        time.sleep(0.001)
    return found


def gives(*values: Any) -> Callable[[], Iterator[Any]]:
    return lambda: iter(values)


def raises(error: BaseException, *before: Any) -> Callable[[], Iterator[Any]]:
    def job() -> Iterator[Any]:
        yield from before
        raise error

    return job


def test_jobs_of_a_lower_number_go_first_and_else_in_the_order_in_which_they_were_given(
    make: Callable[..., Healer],
) -> None:
    healer = make()
    for priority, name in ((2, "c"), (1, "b1"), (0, "a"), (1, "b2")):
        healer.submit(priority, name, gives(name))
    healer.start()
    assert results(healer, 4) == ["a", "b1", "b2", "c"]


def test_jobs_whose_labels_cannot_be_compared_do_not_disturb_one_another(make: Callable[..., Healer]) -> None:
    healer = make()
    healer.submit(0, {"a": 1}, gives(1))
    healer.submit(0, object(), gives(2))
    healer.start()
    assert results(healer, 2) == [1, 2]


def test_what_a_job_yields_is_handed_over_one_by_one_as_fast_as_it_is_taken(make: Callable[..., Healer]) -> None:
    healer = make()
    made: list[int] = []
    fifth = threading.Event()

    def job() -> Iterator[int]:
        for i in range(20):
            made.append(i)
            if i == 4:
                fifth.set()
            yield i

    healer.submit(0, "job", job)
    healer.start()
    assert fifth.wait(10)
    # Four wait, and one is in its hands.
    assert not threading.Event().wait(0.05)
    assert made == [0, 1, 2, 3, 4]
    assert results(healer, 20) == list(range(20))


def test_no_more_than_a_few_results_are_taken_at_once(make: Callable[..., Healer]) -> None:
    healer = make()
    healer.submit(0, "job", gives(*range(9)))
    healer.start()
    found: list[int] = []
    deadline = time.monotonic() + 10
    while len(found) < 9:
        assert time.monotonic() < deadline
        part = healer.results()
        assert len(part) <= 4
        found += part
    assert found == list(range(9))


@pytest.mark.parametrize("error", [ProviderRefused("not permitted"), PlatformError("something")])
def test_a_job_that_fails_says_so_after_what_it_had_found(make: Callable[..., Healer], error: PlatformError) -> None:
    healer = make()
    healer.submit(0, ("mend", "topic"), raises(error, "part"))
    healer.submit(1, "next", gives("next"))
    healer.start()
    assert results(healer, 3) == ["part", Failed(("mend", "topic"), error), "next"]


def test_a_fault_that_nobody_foresaw_is_a_failure_of_the_job_and_not_of_the_thread(
    make: Callable[..., Healer],
) -> None:
    healer = make()

    def at_once() -> Iterator[Any]:
        raise ZeroDivisionError("oh")

    healer.submit(0, "one", raises(ZeroDivisionError("oh")))
    healer.submit(1, "two", at_once)
    healer.submit(2, "three", gives("fine"))
    healer.start()
    one, two, fine = results(healer, 3)
    assert (one.label, two.label, fine) == ("one", "two", "fine")
    assert "ZeroDivisionError" in str(one.error)


def test_several_work_side_by_side(make: Callable[..., Healer]) -> None:
    healer = make(3)
    together = threading.Barrier(3)

    def job() -> Iterator[int]:
        yield together.wait(10)

    for i in range(3):
        healer.submit(0, i, job)
    healer.start()
    assert sorted(results(healer, 3)) == [0, 1, 2]


def test_stopping_begins_nothing_more_and_does_not_wait_for_results_to_be_taken(make: Callable[..., Healer]) -> None:
    healer = make()
    begun: list[str] = []
    entered = threading.Event()

    def long() -> Iterator[int]:
        begun.append("long")
        while True:
            healer.check()
            entered.set()
            yield 1

    def never() -> Iterator[int]:
        begun.append("never")
        yield 1

    healer.submit(0, "long", long)
    healer.submit(1, "never", never)
    healer.start()
    assert entered.wait(10)
    healer.stop()
    assert begun == ["long"]


def test_who_checks_is_told_to_stop(make: Callable[..., Healer]) -> None:
    healer = make()
    healer.check()
    healer.stop()
    with pytest.raises(Stopped):
        healer.check()
    with pytest.raises(Stopped):
        healer.patiently(lambda: pytest.fail("nobody waits for it"), 60)


# --- patience ----------------------------------------------------------------------------------------------------


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_DELAY", 0.001)
    monkeypatch.setattr(retry, "_LONGEST_DELAY", 0.002)


def asked(errors: list[Exception]) -> tuple[Callable[[], str], list[int]]:
    calls: list[int] = []

    def ask() -> str:
        calls.append(1)
        if errors:
            raise errors.pop(0)
        return "rows"

    return ask, calls


@pytest.mark.usefixtures("_hurried")
def test_it_asks_again_as_the_errors_advise(make: Callable[..., Healer]) -> None:
    ask, calls = asked([ProviderUnavailable("away")] * 5 + [ProviderGlitch("oops"), BadTable("cut off")])
    assert make().patiently(ask, 60) == "rows"
    assert len(calls) == 8


@pytest.mark.usefixtures("_hurried")
@pytest.mark.parametrize(
    ("error", "tries"), [(ProviderRefused("no"), 1), (ProviderGlitch("oops"), retry.FEW + 1)], ids=["refused", "glitch"]
)
def test_it_gives_up_when_asking_again_is_of_no_use(make: Callable[..., Healer], error: Exception, tries: int) -> None:
    ask, calls = asked([error] * 99)
    with pytest.raises(type(error)):
        make().patiently(ask, 60)
    assert len(calls) == tries


@pytest.mark.usefixtures("_hurried")
def test_a_provider_that_stays_away_is_not_waited_for_for_ever(make: Callable[..., Healer]) -> None:
    ask, _ = asked([ProviderUnavailable("away")] * 10_000)
    with pytest.raises(ProviderUnavailable):
        make().patiently(ask, 0.05)


def test_stopping_ends_the_waiting_for_a_provider(make: Callable[..., Healer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_DELAY", 60.0)
    monkeypatch.setattr(retry, "_LONGEST_DELAY", 60.0)
    healer = make()
    waiting = threading.Event()

    def ask() -> str:
        waiting.set()
        raise ProviderUnavailable("away")

    healer.submit(0, "job", lambda: iter([healer.patiently(ask, 600)]))
    healer.start()
    assert waiting.wait(10)
    begun = time.monotonic()
    healer.stop()
    assert time.monotonic() - begun < 4
    assert healer.results() == []
