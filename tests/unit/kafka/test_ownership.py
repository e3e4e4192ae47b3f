"""Owning a partition, with a writer that does as it is told: who is assigned works, who is not does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.errors import Fenced, LogError
from app.kafka import ownership
from app.kafka.ownership import Ownership


class Writer:
    """Takes over as quickly as the script says, or raises what it says."""

    def __init__(self, took: float | Exception, before: Callable[[], None]) -> None:
        self._took = took
        self._before = before
        self.opened = self.closed = False

    def open(self) -> float:
        self._before()
        if isinstance(self._took, Exception):
            raise self._took
        self.opened = True
        return self._took

    def close(self) -> None:
        assert not self.closed
        self.closed = True


class Owner:
    """An ``Ownership`` and what it does: each tenure works until it is not its own, or does as the script says."""

    def __init__(self) -> None:
        #: What each tenure raises, or None: it works until the partition is lost.
        self.script: list[Exception | None] = []
        #: What each take-over lasts or raises, and what happens meanwhile.
        self.opens: list[float | Exception] = []
        self.while_opening: list[Callable[[], None]] = []
        self.writers: list[Writer] = []
        self.tenures: list[Writer] = []
        self.ended: list[Writer] = []
        self.begun = threading.Semaphore(0)
        self.finished = threading.Semaphore(0)
        self.ownership = Ownership("test-owner", self._writer, self._work)  # type: ignore[arg-type]

    def _writer(self) -> Any:
        took = self.opens.pop(0) if self.opens else 0.0
        before = self.while_opening.pop(0) if self.while_opening else lambda: None
        self.writers.append(Writer(took, before))
        return self.writers[-1]

    def _work(self, writer: Any, mine: Callable[[], bool]) -> None:
        assert writer.opened
        assert not writer.closed
        self.tenures.append(writer)
        self.begun.release()
        try:
            error = self.script.pop(0) if self.script else None
            if error is not None:
                raise error
            while mine():
                time.sleep(0.001)
        finally:
            self.ended.append(writer)
            self.finished.release()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Owner]:
    monkeypatch.setattr(ownership, "COOL_DOWN", 0.02)
    made = Owner()
    made.ownership.start()
    yield made
    made.ownership.stop()
    assert not made.ownership.alive
    assert all(writer.closed for writer in made.writers)


def took(semaphore: threading.Semaphore) -> bool:
    return semaphore.acquire(timeout=10)


def test_nothing_is_taken_over_before_the_partition_is_assigned(owner: Owner) -> None:
    assert not owner.ownership.owned
    owner.ownership.assign(False)
    owner.ownership.assign(True)
    assert took(owner.begun)
    assert len(owner.writers) == 1
    assert owner.ownership.owned


def test_who_loses_the_partition_ends_and_closes_the_writer(owner: Owner) -> None:
    owner.ownership.assign(True)
    assert took(owner.begun)
    owner.ownership.assign(False)
    assert took(owner.finished)
    assert not owner.ownership.owned
    until(lambda: owner.writers[0].closed)
    assert len(owner.writers) == 1


def test_being_told_again_of_what_is_owned_changes_nothing(owner: Owner) -> None:
    owner.ownership.assign(True)
    assert took(owner.begun)
    for _ in range(3):
        owner.ownership.assign(True)
    assert not owner.finished.acquire(timeout=0.05)
    assert len(owner.tenures) == 1


def test_who_gets_it_back_begins_a_new_tenure_with_a_new_writer(owner: Owner) -> None:
    owner.ownership.assign(True)
    assert took(owner.begun)
    # Before it could notice that the partition was gone.
    owner.ownership.assign(False)
    owner.ownership.assign(True)
    assert took(owner.finished)
    assert took(owner.begun)
    first, second = owner.writers
    assert first is not second
    assert first.closed
    assert not second.closed


def test_an_assignment_that_went_and_came_during_the_take_over_begins_anew(owner: Owner) -> None:
    def away_and_back() -> None:
        owner.ownership.assign(False)
        owner.ownership.assign(True)

    owner.while_opening = [away_and_back]
    owner.ownership.assign(True)
    assert took(owner.begun)
    assert took(owner.finished)
    assert took(owner.begun)
    assert len(owner.writers) == 2
    assert owner.writers[0].closed


def test_a_partition_that_is_lost_during_the_take_over_is_let_go(owner: Owner) -> None:
    owner.while_opening = [lambda: owner.ownership.assign(False)]
    owner.ownership.assign(True)
    until(lambda: bool(owner.writers) and owner.writers[0].closed)
    assert len(owner.writers) == 1
    assert owner.tenures == owner.ended


@pytest.mark.parametrize("error", [Fenced("another one"), LogError("no broker"), ZeroDivisionError("a fault")])
def test_after_a_fence_or_a_fault_some_time_passes_and_it_begins_anew(
    owner: Owner, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "COOL_DOWN", 0.15)
    owner.script = [error]
    owner.ownership.assign(True)
    assert took(owner.finished)
    begun = time.monotonic()
    assert took(owner.begun)
    assert took(owner.begun)
    # Clocks are read a little apart from what they measure.
    assert time.monotonic() - begun > 0.14
    assert owner.writers[0].closed
    assert len(owner.writers) == 2


def test_who_was_fenced_and_does_not_own_it_any_more_stays_away(owner: Owner) -> None:
    def lose() -> None:
        owner.ownership.assign(False)

    owner.while_opening = [lose]
    owner.opens = [Fenced("another one")]
    owner.ownership.assign(True)
    until(lambda: bool(owner.writers) and owner.writers[0].closed)
    owner.ownership.assign(True)
    assert took(owner.begun)
    assert len(owner.writers) == 2


def test_who_loses_it_while_cooling_down_does_not_begin_anew(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.script = [Fenced("another one")]
    monkeypatch.setattr(ownership, "COOL_DOWN", 0.1)
    owner.ownership.assign(True)
    assert took(owner.finished)
    owner.ownership.assign(False)
    assert took(owner.begun)
    assert not owner.begun.acquire(timeout=0.2)
    assert len(owner.writers) == 1


def test_a_take_over_that_fails_is_tried_again(owner: Owner) -> None:
    owner.opens = [Fenced("another one"), LogError("no broker")]
    owner.ownership.assign(True)
    assert took(owner.begun)
    assert len(owner.writers) == 3
    assert [writer.closed for writer in owner.writers] == [True, True, False]


def test_a_slow_take_over_does_not_count_and_more_time_is_allowed_the_next_time(owner: Owner) -> None:
    owner.opens = [6.0, 11.0, 15.0]
    owner.ownership.assign(True)
    assert took(owner.begun)
    # 5 s are allowed at first, then 10, then 20.
    assert len(owner.writers) == 3
    assert owner.tenures == [owner.writers[2]]


def test_no_take_over_may_last_longer_than_the_longest(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "COOL_DOWN", 0.002)
    owner.opens = [31.0] * 8
    owner.ownership.assign(True)
    assert took(owner.begun)
    assert len(owner.writers) == 9


def test_stopping_ends_the_tenure_and_the_thread(owner: Owner) -> None:
    owner.ownership.assign(True)
    assert took(owner.begun)
    owner.ownership.stop()
    assert not owner.ownership.alive
    assert not owner.ownership.owned
    assert owner.writers[0].closed


def test_stopping_does_not_wait_for_the_end_of_a_cool_down(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "COOL_DOWN", 60.0)
    owner.script = [Fenced("another one")]
    owner.ownership.assign(True)
    assert took(owner.finished)
    begun = time.monotonic()
    owner.ownership.stop()
    assert not owner.ownership.alive
    assert time.monotonic() - begun < 5


def test_who_never_owned_anything_stops_at_once() -> None:
    idle = Owner()
    idle.ownership.stop()
    idle.ownership.start()
    idle.ownership.stop()
    assert not idle.ownership.alive
    assert not idle.writers
