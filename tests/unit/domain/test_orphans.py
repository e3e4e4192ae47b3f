"""Which data topics nobody answers for."""

from __future__ import annotations

from app.domain.orphans import Orphan, leftovers

KNOWN = "stock-aapl-ohlcv1m-historical-1"
LIVE = "stock-aapl-trade-live"


def test_topics_without_a_series_are_orphaned_and_live_ones_without_a_subscription_have_ended() -> None:
    others = ["option-spxw-quote1m-historical-old-one", "stock-brk..2fb-eod-historical-a", "stock-ko-quote-live"]
    found = leftovers([LIVE, *reversed(others), KNOWN], {KNOWN}.__contains__, {LIVE})
    assert found.orphaned == (Orphan(others[0], "old-one"), Orphan(others[1], "a"))
    assert found.ended == (others[2],)
    assert found.topics == others
    assert found.as_json()["orphaned"][1] == {"topic": others[1], "backtest_id": "a"}


def test_topics_of_others_are_of_no_interest() -> None:
    names = ["requests", "requests.dlq", "__consumer_offsets", "stock-prices", "stock-AAPL-eod-historical-1", "@"]
    names += ["stock-aapl-ohlcvtick-historical-1", "stock-aapl-eod1m-historical-1", "stock-aapl-trade-live-2"]
    assert leftovers(names, lambda _: False, ()).topics == []
