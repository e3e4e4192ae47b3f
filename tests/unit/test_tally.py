"""Counts that threads share."""

from __future__ import annotations

import threading

from app.tally import Spread, Tally


def test_what_is_known_is_shown_as_nothing_before_it_happens() -> None:
    tally = Tally([("a",), ("b",)])
    tally.add("b", by=2)
    tally.add("c")
    assert tally.read() == {("a",): 0, ("b",): 2, ("c",): 1}
    assert tally.total == 3


def test_no_count_is_lost_between_threads() -> None:
    tally, spread = Tally(), Spread((1.0,))

    def work() -> None:
        for _ in range(2_000):
            tally.add("x")
            spread.take(0.5)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.read() == {("x",): 8_000}
    assert spread.read() == {(): ([8_000, 8_000], 4_000.0)}


def test_a_spread_counts_up_to_each_bound_and_includes_it() -> None:
    spread = Spread((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        spread.take(value)
    assert spread.read() == {(): ([2, 4, 5], 14.0)}


def test_a_spread_is_kept_by_kinds() -> None:
    spread = Spread((1.0,), known=())
    spread.take(3.0, "GET", "/plan")
    assert spread.read() == {("GET", "/plan"): ([0, 1], 3.0)}
