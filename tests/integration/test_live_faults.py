"""What a fault of the stream swallows is filled in from history, and told."""

from __future__ import annotations

import datetime as dt

import pytest
from harness import Platform, until
from live import market, moment, new_york

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("day", "kind", "fields"),
    [
        ("2024-07-08", "socket_drop", {}),
        ("2024-07-09", "upstream_down", {"seconds": 0.7}),
        ("2024-07-10", "mute", {"seconds": 6}),
        ("2024-07-11", "upstream_down", {"seconds": 0.3, "silent": True}),
        ("2024-07-12", "lose", {"root": "GE", "req_type": "TRADE"}),
    ],
)
def test_what_a_fault_of_the_stream_swallows_is_filled_in(
    platform: Platform, day: str, kind: str, fields: dict[str, object]
) -> None:
    with market(platform, f"{day}T10:00:30", 30) as found:
        topics = found.subscribe(tickers=["GE", "JPM"], schema="trade")
        topics += found.subscribe(tickers=["GE"], schema="quote")
        topics += found.subscribe(tickers=["GE"], schema="ohlcv", interval="1s")
        topics += found.subscribe(tickers=["GE"], schema="ohlcv", interval="1m")
        since = {topic: moment(found.live(topic)["since"]) for topic in topics}
        start = new_york(f"{day}T10:02:00")
        until("the market's time", lambda: found.clock() > start or None)
        platform.simulator.stream_fault(kind, **fields)
        struck = found.clock()
        silent = kind == "lose" or bool(fields.get("silent"))
        # What nobody tells, the comparison finds when its five minutes are over.
        end = struck + dt.timedelta(minutes=6 if silent else 3)
        wait = found.all_verified if silent else found.all_covered
        wait(topics, end if silent else end + dt.timedelta(minutes=1, seconds=5), 120)
        for topic in topics:
            if not silent or "ohlcv" not in topic:
                assert found.compare(topic, since[topic], end) > 0
        filled = {topic: [gap for gap in found.entry(topic)["gaps"] if gap["rows"] or gap["bars"]] for topic in topics}
        assert filled["stock-ge-trade-live"], filled
        if silent:
            # Bars that were written before are named with what history has in their place.
            named = [bar for topic in topics if "ohlcv" in topic for gap in filled[topic] for bar in gap["bars"]]
            assert named or any(gap["rows"] for topic in topics if "ohlcv" in topic for gap in filled[topic])
