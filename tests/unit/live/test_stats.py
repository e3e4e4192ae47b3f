"""What a commit of the feed adds to its counts."""

from __future__ import annotations

from dataclasses import replace

from app.domain.live import Gap
from app.live.deps import Stats
from app.live.draft import Block, Draft
from app.live.healer import Healer
from app.provider import Observer
from tests.unit.live.owner import TOPIC

GAP = Gap(TOPIC, 7, "g", 0, 1, "socket")


def test_rows_bytes_and_gaps_count_with_the_commit() -> None:
    stats, draft = Stats(), Draft()
    draft.add(TOPIC, Block(b"A", [b"12345", b"123"], [0, 0]), lambda _: None)
    draft.add(TOPIC, Block(b"A", [b"1"], [0]), lambda _: None)
    draft.add("option-spy-quote-live", Block(b"A", [b"12"], [0]), lambda _: None)
    draft.gaps += [("opened", GAP), ("closed", replace(GAP, state="closed", rows=4))]
    assert stats.rows.total == 0
    stats.committed(draft, {})
    assert (stats.rows.read()["stock", "trade"], stats.bytes.read()["stock", "trade"]) == (3, 9)
    assert (stats.rows.read()["option", "quote"], stats.bytes.read()["option", "quote"]) == (1, 2)
    assert (stats.gaps.read()["opened", "socket"], stats.gaps.read()["closed", "socket"]) == (1, 1)
    assert stats.repaired.read()[("socket",)] == 4


def test_a_feed_that_is_let_go_shows_nothing_of_its_state() -> None:
    stats = Stats(series=3, jobs=2, connected=True, waiting_bytes=9, subscriptions={"on": 4}, clock=5)
    stats.let_go()
    assert (stats.series, stats.jobs, stats.connected, stats.waiting_bytes) == (0, 0, False, 0)
    assert (stats.subscriptions, stats.clock) == ({}, None)


def test_what_repairs_ask_of_the_provider_is_told() -> None:
    seen: list[object] = []

    class Listener(Observer):
        def fetched(self, seconds: float, rows: int, error: object) -> None:
            seen.append((rows, error))

    assert Healer(1, Listener()).patiently(lambda: "found", 1) == "found"
    assert seen == [(0, None)]
