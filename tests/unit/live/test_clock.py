"""The feed's clock: the market's time as the events tell it, and what it is while they say nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.live.clock import QUIET, FeedClock

SECOND = 1_000_000


def test_nothing_is_known_before_the_first_event() -> None:
    clock = FeedClock()
    clock.restart()
    assert clock.now(10.0) is None
    assert clock.now(1e6) is None


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=20))
def test_it_is_the_highest_event_time_of_the_connection(times: list[int]) -> None:
    clock = FeedClock()
    for i, micros in enumerate(times):
        clock.advance(micros, 1, i * 0.1)
        assert clock.latest == max(times[: i + 1])
        assert clock.now(i * 0.1) == clock.latest
    assert clock.events == len(times)


def test_it_stands_while_the_feed_is_quiet_for_a_moment_and_then_goes_on_by_itself() -> None:
    clock = FeedClock()
    clock.advance(7 * SECOND, 3, 100.0)
    assert clock.now(100.0 + QUIET - 0.001) == 7 * SECOND
    assert clock.now(100.0 + QUIET) == (7 + 5) * SECOND
    assert clock.now(160.0) == (7 + 60) * SECOND
    # What was only guessed is not remembered.
    assert clock.latest == 7 * SECOND


def test_an_event_that_is_not_younger_does_not_move_it_and_does_not_end_the_quiet() -> None:
    clock = FeedClock()
    clock.advance(7 * SECOND, 1, 100.0)
    clock.advance(6 * SECOND, 1, 104.0)
    clock.advance(7 * SECOND, 1, 104.0)
    assert clock.now(105.0) == 12 * SECOND
    clock.advance(8 * SECOND, 1, 106.0)
    assert clock.now(106.0) == 8 * SECOND


def test_a_new_connection_changes_nothing_but_what_is_counted() -> None:
    clock = FeedClock()
    clock.advance(7 * SECOND, 3, 100.0)
    clock.restart()
    assert clock.events == 0
    assert clock.now(102.0) == 7 * SECOND
    assert clock.now(110.0) == 17 * SECOND
    # What was seen was no guess: a late event does not turn it back.
    clock.advance(6 * SECOND, 1, 111.0)
    assert (clock.latest, clock.events) == (7 * SECOND, 1)


def test_a_former_owners_clock_goes_on_with_the_time_that_has_passed() -> None:
    clock = FeedClock()
    clock.recall(7 * SECOND, 30.0, 100.0)
    assert clock.now(100.0) == 37 * SECOND
    assert clock.now(110.0) == 47 * SECOND


def test_a_former_owner_whose_clock_was_ahead_of_this_machines_does_not_turn_it_back() -> None:
    clock = FeedClock()
    clock.recall(7 * SECOND, -30.0, 100.0)
    assert clock.latest == 7 * SECOND


def test_the_first_event_puts_a_guess_right_but_does_not_go_behind_what_was_recorded() -> None:
    for actual, known in ((20, 20), (60, 60), (5, 7)):
        clock = FeedClock()
        clock.recall(7 * SECOND, 30.0, 100.0)
        clock.advance(actual * SECOND, 1, 101.0)
        assert clock.now(101.0) == known * SECOND
        clock.advance((actual - 1) * SECOND, 1, 101.0)
        assert clock.latest == known * SECOND


def test_events_that_all_lie_far_back_for_some_seconds_set_it_back() -> None:
    clock = FeedClock()
    clock.advance(1000 * SECOND, 1, 100.0)
    clock.advance(100 * SECOND, 1, 101.0)
    clock.advance(102 * SECOND, 1, 101.0 + QUIET)
    assert (clock.latest, clock.set_back) == (1000 * SECOND, 0)
    clock.advance(103 * SECOND, 1, 101.1 + QUIET)
    assert (clock.latest, clock.set_back) == (103 * SECOND, 1)
    assert clock.now(101.2 + QUIET) == 103 * SECOND


def test_a_late_event_among_others_never_sets_it_back() -> None:
    clock = FeedClock()
    for i in range(20):
        clock.advance((1000 + i) * SECOND, 1, 100.0 + i)
        clock.advance(100 * SECOND, 1, 100.5 + i)
    assert (clock.latest, clock.set_back) == (1019 * SECOND, 0)
