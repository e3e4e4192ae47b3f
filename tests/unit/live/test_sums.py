"""Sums over windows: equal rows, equal sums, whatever their order and however they came."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.live.sums import WINDOW, WindowSums, hashes_of, window_of

Row = tuple[int, bytes]
#: Few times and few messages, so that rows are often the same; around the edges of windows.
times = st.builds(lambda window, by: window * WINDOW + by, st.integers(0, 12), st.sampled_from([-1000, 0, 1, 1000]))
rows = st.lists(st.tuples(times, st.sampled_from([b"a", b"b", b"c"])), max_size=25)
FOR_EVER = 100 * WINDOW


def ints(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def add(sums: WindowSums, part: list[Row]) -> None:
    sums.add(ints([at for at, _ in part]), hashes_of([message for _, message in part]))


def sums_of(batches: list[list[Row]], begin: int = -WINDOW) -> WindowSums:
    sums = WindowSums(begin)
    for batch in batches:
        add(sums, batch)
    return sums


@given(first=rows, cuts=st.lists(st.integers(0, 25), max_size=4), random=st.randoms(use_true_random=False))
def test_the_same_rows_in_any_order_and_any_batches_have_the_same_sums(
    first: list[Row], cuts: list[int], random: object
) -> None:
    second = list(first)
    random.shuffle(second)  # type: ignore[attr-defined]
    edges = [0, *sorted(cuts), len(second)]
    batches = [second[a:b] for a, b in pairwise(edges)]
    one, other = sums_of([first]), sums_of(batches)
    assert one.found == other.found
    assert one.differing(other.found, -WINDOW, FOR_EVER) == []


@given(first=rows, second=rows)
def test_sums_differ_in_those_windows_in_which_the_rows_do(first: list[Row], second: list[Row]) -> None:
    def by_window(part: list[Row]) -> dict[int, Counter[bytes]]:
        found: dict[int, Counter[bytes]] = {}
        for at, message in part:
            found.setdefault(-(-at // WINDOW) - 1, Counter())[message] += 1
        return found

    one, other = by_window(first), by_window(second)
    expected = sorted(window for window in one.keys() | other.keys() if one.get(window) != other.get(window))
    assert sums_of([first]).differing(sums_of([second]).found, -2 * WINDOW, FOR_EVER) == expected
    assert sums_of([second]).differing(sums_of([first]).found, -2 * WINDOW, FOR_EVER) == expected


def test_a_window_holds_its_end_and_not_its_begin() -> None:
    assert window_of(ints([0, 1, WINDOW, WINDOW + 1, 2 * WINDOW])).tolist() == [-1, 0, 0, 1, 1]


def test_one_row_more_or_less_or_other_is_a_difference() -> None:
    row = (10, b"a")
    both, one = sums_of([[row, row]]), sums_of([[row]])
    assert both.differing(one.found, 0, WINDOW) == [0]
    assert one.differing({}, 0, WINDOW) == [0]
    assert sums_of([]).differing(one.found, 0, WINDOW) == [0]
    assert one.differing(sums_of([[(10, b"b")]]).found, 0, WINDOW) == [0]
    assert one.differing(sums_of([[(11, b"a")]]).found, 0, WINDOW) == []


def test_only_the_windows_that_are_asked_for_are_compared() -> None:
    missing = sums_of([[(at * WINDOW, b"a") for at in (1, 2, 3)]])
    empty = sums_of([])
    assert missing.differing(empty.found, WINDOW, 2 * WINDOW) == [1]
    assert missing.differing(empty.found, WINDOW, 2 * WINDOW + 1) == [1, 2]
    assert missing.differing(empty.found, WINDOW - 1, 2 * WINDOW) == [0, 1]
    assert empty.differing(missing.found, 0, 3 * WINDOW) == [0, 1, 2]


@given(part=rows, begin=times)
def test_rows_up_to_the_begin_do_not_count(part: list[Row], begin: int) -> None:
    after = [row for row in part if row[0] > begin]
    assert sums_of([part], begin).found == sums_of([after], begin).found
    assert sum(count for count, _ in sums_of([part], begin).found.values()) == len(after)


@given(part=rows, end=times)
def test_what_ended_is_forgotten_and_nothing_else(part: list[Row], end: int) -> None:
    sums = sums_of([part])
    before = dict(sums.found)
    sums.forget(end)
    assert sums.found == {window: one for window, one in before.items() if (window + 1) * WINDOW > end}


def test_sums_do_not_grow_beyond_64_bits() -> None:
    sums = WindowSums(-1)
    for _ in range(5):
        sums.add(ints([5, 5]), ints([2**63 - 1, -(2**63)]))
        sums.add(ints([5]), ints([2**63 - 1]))
    assert sums.found == {0: (15, (5 * (2**63 - 2)) % 2**64)}
    assert sums_of([[]]).found == {}
