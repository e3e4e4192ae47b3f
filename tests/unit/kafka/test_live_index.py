"""The live index: whichever of its logs is read first, only what is of a subscription's own run counts."""

from __future__ import annotations

import pytest

from app.domain.live import FEED_KEY, Coverage, FeedState, Gap, Subscription
from app.kafka.live_index import GAPS_KEPT, LiveIndex
from app.settings import load
from tests.unit.kafka.followed import FollowedLog, following

TOPIC = "stock-a-trade-live"


class Log(FollowedLog):
    def subscribe(self, run: int) -> None:
        self.put("live", TOPIC, Subscription(TOPIC, run).encode())

    def gap(self, run: int, number: int, state: str = "open") -> None:
        one = Gap(TOPIC, run, str(number), number, number + 1, "socket", state)  # type: ignore[arg-type]
        self.put("gaps", TOPIC, one.encode())


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> tuple[LiveIndex, Log]:
    return following(monkeypatch, Log, lambda: LiveIndex(load()))


def test_a_subscription_stands_until_its_tombstone(made: tuple[LiveIndex, Log]) -> None:
    index, log = made
    log.subscribe(3)

    assert index.subscription(TOPIC) == Subscription(TOPIC, 3)
    assert list(index.subscriptions()) == [TOPIC]
    log.put("live", TOPIC, None)
    assert index.subscription(TOPIC) is None
    assert index.subscriptions() == {}


def test_the_position_is_no_subscription(made: tuple[LiveIndex, Log]) -> None:
    index, log = made
    assert index.position == -1
    log.put("live", "@position", b"41")
    log.put("live", "@position", b"40")

    assert index.position == 41
    assert index.subscriptions() == {}


def test_only_coverage_of_the_own_run_counts(made: tuple[LiveIndex, Log]) -> None:
    index, log = made
    log.put("coverage", TOPIC, Coverage(3, "live").encode())
    assert index.coverage(TOPIC) is None, "nobody is subscribed"
    log.subscribe(3)
    assert index.coverage(TOPIC) == Coverage(3, "live")
    log.subscribe(5)
    assert index.coverage(TOPIC) is None
    log.put("coverage", TOPIC, Coverage(5, "waiting").encode())
    assert index.coverage(TOPIC) == Coverage(5, "waiting")


def test_the_feed_is_known_apart_from_topics(made: tuple[LiveIndex, Log]) -> None:
    index, log = made
    assert index.feed is None
    log.put("coverage", FEED_KEY, FeedState("CONNECTED", "2025-06-03T12:00:00Z").encode())

    assert index.feed == FeedState("CONNECTED", "2025-06-03T12:00:00Z")
    assert index.coverage(FEED_KEY) is None


@pytest.mark.parametrize("first", ["live", "gaps"])
def test_only_gaps_of_the_own_run_count_whichever_log_comes_first(made: tuple[LiveIndex, Log], first: str) -> None:
    index, log = made
    if first == "live":
        log.subscribe(2)
        log.subscribe(5)
    log.gap(2, 1)
    log.gap(5, 7)
    log.gap(5, 6)
    log.gap(2, 1, "closed")
    if first == "gaps":
        log.subscribe(2)
        assert index.gaps(TOPIC) == []
        log.subscribe(5)

    assert [gap.id for gap in index.gaps(TOPIC)] == ["6", "7"]
    assert [gap.id for gap in index.open_gaps()] == ["6", "7"]
    assert index.gap_count(TOPIC) == 2
    log.put("live", TOPIC, None)
    assert (index.gaps(TOPIC), index.open_gaps(), index.gap_count(TOPIC)) == ([], [], 0)


def test_the_last_record_of_a_gap_counts(made: tuple[LiveIndex, Log]) -> None:
    index, log = made
    log.subscribe(2)
    log.gap(2, 1)
    log.gap(2, 2)
    log.gap(2, 1, "closed")

    assert [(gap.id, gap.state) for gap in index.gaps(TOPIC)] == [("1", "closed"), ("2", "open")]
    assert [gap.id for gap in index.open_gaps()] == ["2"]
    assert index.gap_count(TOPIC) == 2


def test_of_ended_gaps_the_latest_are_kept_and_all_are_counted(made: tuple[LiveIndex, Log]) -> None:
    index, log = made
    log.subscribe(2)
    log.gap(2, 0)
    for number in range(1, 2 * GAPS_KEPT + 1):
        log.gap(2, number)
        log.gap(2, number, "closed")

    kept = [int(gap.id) for gap in index.gaps(TOPIC)]
    assert kept == [0, *range(GAPS_KEPT + 1, 2 * GAPS_KEPT + 1)]
    assert index.gap_count(TOPIC) == 2 * GAPS_KEPT + 1
