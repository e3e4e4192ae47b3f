"""What a history worker counts: rows and bytes of commits, and how long running series have not got ahead."""

from __future__ import annotations

from app.domain.receipt import BLOCK, BodyDigest
from app.domain.series import SeriesName
from app.history.counts import Counts
from app.history.write import FRAME_BYTES, State

ONE, TWO = (SeriesName("stock", symbol, "eod", None, "1") for symbol in ("A", "B"))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_age_is_that_of_the_series_longest_without_a_checkpoint() -> None:
    clock = Clock()
    counts = Counts(clock)
    assert counts.age([]) == 0
    counts.begun(ONE.topic)
    clock.now += 5
    counts.begun(TWO.topic)
    clock.now += 5
    assert counts.age([ONE.topic, TWO.topic]) == 10
    counts.committed(ONE, 1, 20)
    assert counts.age([ONE.topic, TWO.topic]) == 5


def test_a_series_that_ended_counts_no_longer_and_begins_anew() -> None:
    clock = Clock()
    counts = Counts(clock)
    counts.begun(ONE.topic)
    clock.now += 50
    assert counts.age([]) == 0
    counts.begun(ONE.topic)
    clock.now += 1
    assert counts.age([ONE.topic]) == 1


def test_rows_and_bytes_are_counted_by_asset_and_schema() -> None:
    counts = Counts()
    counts.committed(ONE, 3, 60)
    counts.committed(TWO, 1, 20)
    assert counts.rows.read()["stock", "eod"] == 4
    assert counts.bytes.read()["stock", "eod"] == 80
    assert counts.bytes.total == 80


def test_a_drafts_bytes_are_those_of_its_messages() -> None:
    # Beyond a block, and into a second copy of the state.
    state = State(digest=BodyDigest())
    first = state.copy()
    bodies = [b"x" * (i % 7) for i in range(BLOCK + 10)]
    first.digest.update(bodies)
    first.rows = len(bodies)
    assert first.bytes_since(state) == sum(map(len, bodies)) + FRAME_BYTES * len(bodies)
    second = first.copy()
    second.digest.update([b"abc"])
    second.rows += 1
    assert second.bytes_since(first) == 3 + FRAME_BYTES
