"""How many requests a worker may have outstanding: its share, and what a 429 does to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.history.slots import Slots


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("slots", [1, 2, 4, 8])
def test_a_worker_alone_keeps_two_more_than_the_account_runs(slots: int) -> None:
    assert Slots(slots).limit == slots + 2


@pytest.mark.parametrize(
    ("slots", "owned", "total", "limit"),
    [
        (4, 128, 128, 6),
        (4, 64, 128, 6),
        (4, 32, 128, 4),
        (4, 43, 128, 6),
        (4, 42, 128, 5),
        (4, 1, 128, 1),
        (4, 0, 128, 1),
        (8, 16, 128, 2),
        (8, 64, 128, 10),
        (1, 128, 128, 3),
        (1, 17, 128, 1),
        (4, 0, 0, 1),
    ],
)
def test_a_share_follows_the_partitions_owned(slots: int, owned: int, total: int, limit: int) -> None:
    found = Slots(slots)
    found.set_share(owned, total)

    assert found.limit == limit


@given(st.sampled_from([1, 2, 4, 8]), st.integers(1, 1_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_is_the_formula(slots: int, part: tuple[int, int]) -> None:
    owned, total = part
    found = Slots(slots)
    found.set_share(owned, total)

    assert found.limit == min(slots + 2, max(1, (slots + 14) * owned // total))


@given(st.sampled_from([1, 2, 4, 8]), st.lists(st.integers(0, 60), min_size=1, max_size=10))
def test_all_workers_together_stay_below_what_the_terminal_queues(slots: int, owned: list[int]) -> None:
    # Workers that own nothing, or too little for one, still may ask for one.
    total = max(1, sum(owned))
    limits = []
    for part in owned:
        found = Slots(slots)
        found.set_share(part, total)
        limits.append(found.limit)

    assert sum(limit for limit in limits if limit > 1) + sum(limit == 1 for limit in limits) <= slots + 14 + len(owned)
    assert sum(limit for limit in limits if limit > 1) <= slots + 14


def test_a_429_halves_the_limit_at_least_to_one(clock: Clock) -> None:
    found = Slots(4, clock)

    limits = []
    for _ in range(4):
        clock.now += 6
        found.busy()
        limits.append(found.limit)

    assert limits == [3, 1, 1, 1]


def test_the_429s_of_one_overflow_count_once(clock: Clock) -> None:
    found = Slots(4, clock)
    for _ in range(4):
        clock.now += 0.1
        found.busy()
    assert found.limit == 3


def test_the_limit_grows_by_one_a_minute_up_to_the_share(clock: Clock) -> None:
    found = Slots(4, clock)
    found.busy()

    limits = []
    for seconds in (59.9, 0.1, 59.9, 0.1, 60, 60, 60):
        clock.now += seconds
        limits.append(found.limit)

    assert limits == [3, 4, 4, 5, 6, 6, 6]


def test_another_429_halves_what_has_grown_and_starts_anew(clock: Clock) -> None:
    found = Slots(8, clock)
    found.busy()
    clock.now += 3 * 60 + 59
    assert found.limit == 8

    found.busy()
    assert found.limit == 4
    clock.now += 59
    assert found.limit == 4
    clock.now += 1
    assert found.limit == 5


def test_a_recovered_limit_does_not_fall_back(clock: Clock) -> None:
    found = Slots(1, clock)
    found.busy()
    clock.now += 3_600
    assert found.limit == 3
    clock.now -= 3_600  # a clock that is read twice may not bring the past back
    assert found.limit == 3


def test_a_share_that_shrinks_while_the_limit_is_lowered_holds(clock: Clock) -> None:
    found = Slots(8, clock)
    found.busy()
    assert found.limit == 5
    found.set_share(1, 20)

    assert found.limit == 1


def test_a_share_that_grows_does_not_forgive_a_429(clock: Clock) -> None:
    found = Slots(8, clock)
    found.set_share(4, 44)
    assert found.limit == 2
    found.busy()
    found.set_share(44, 44)

    assert found.limit == 1
    clock.now += 9 * 60
    assert found.limit == 10
