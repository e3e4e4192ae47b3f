"""The live feed broken in every way at once: sockets, the provider's own link, silent holes, owners killed and frozen
with another one standing by, history busy meanwhile. In the end every row is there once."""

from __future__ import annotations

import datetime as dt
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from chance import FULL, Diary
from harness import Platform, until
from live import LiveMarket, market, moment
from owners import Owners, standing_by

pytestmark = pytest.mark.integration

DROPS, KILLS, FREEZES, SILENT = (20, 3, 2, 4) if FULL else (4, 1, 1, 1)
#: Real seconds, so that the frozen owner's partition goes to the other one.
FROZEN = 10
BUSY = {
    "tickers": ["AAPL", "MSFT", "NVDA", "AMD"] if FULL else ["GM", "PG"],
    "start": "2024-05-01",
    "end": "2024-05-10",
    "interval": "1s",
}


@pytest.mark.timeout(1200 if FULL else 400)
def test_a_feed_broken_in_every_way_is_whole_in_the_end(platform: Platform, tmp_path: Path) -> None:
    diary = Diary("live feed")
    clean = platform.run(**BUSY)
    faults = ["socket"] * DROPS + ["kill"] * KILLS + ["freeze"] * FREEZES + ["silent"] * SILENT
    diary.chance.shuffle(faults)
    with standing_by(platform, tmp_path) as owners, market(platform, "2024-05-14T10:00:20", 20) as found:
        topics = found.subscribe(tickers=["GE", "JPM"], schema="trade")
        topics += found.subscribe(tickers=["GE"], schema="quote")
        topics += found.subscribe(tickers=["GE", "JPM"], schema="ohlcv", interval="1s")
        topics += found.subscribe(tickers=["GE"], schema="ohlcv", interval="1m")
        since = {topic: moment(found.live(topic)["since"]) for topic in topics}
        busy = platform.ask(**BUSY)
        for fault in faults:
            strike(platform, owners, fault, diary)
            time.sleep(diary.chance.uniform(0.3, 2.5))
        # What nobody told is found when its five minutes are over.
        end = found.clock()
        found.all_verified(topics, end, 240)
        rows = {topic: whole_topic(found, topic, since[topic], end) for topic in topics}
        gaps = sum(found.entry(topic)["gaps_total"] for topic in topics)
        done = platform.finished(busy, timeout=240)
        assert [one["sha256"] for one in done["receipts"]] == [one["sha256"] for one in clean["receipts"]]
    print(f"  {diary.total()}; {gaps} gaps in {len(topics)} topics, {sum(rows.values())} rows, each once")


def strike(platform: Platform, owners: Owners, fault: str, diary: Diary) -> None:
    diary.fault(fault)
    chance = diary.chance
    match fault:
        case "socket":
            if chance.random() < 0.5:
                platform.simulator.stream_fault("socket_drop")
            else:
                platform.simulator.stream_fault("upstream_down", seconds=chance.uniform(0.1, 2))
        case "silent":
            platform.simulator.stream_fault("upstream_down", seconds=0.3, silent=True)
        case "kill":
            pid = owners.owner()
            os.kill(pid, signal.SIGKILL)
            until("another owner", lambda: owners.owner() != pid, 40)
            owners.stand_by()
        case "freeze":
            pid = owners.owner()
            os.kill(pid, signal.SIGSTOP)
            time.sleep(FROZEN)
            os.kill(pid, signal.SIGCONT)


def whole_topic(found: LiveMarket, topic: str, begin: dt.datetime, end: dt.datetime) -> int:
    """Every row of history is in the topic, each once; a bar that was written over a hole is named in a gap."""
    if "ohlcv" not in topic:
        return found.compare(topic, begin, end)
    named = {moment(bar["timestamp"]): bar for gap in found.entry(topic)["gaps"] for bar in gap["bars"]}
    live, past = found.rows(topic, begin, end), found.history(topic, begin, end)
    assert sorted(row["timestamp"] for row in live) == [row["timestamp"] for row in past]
    by_time: dict[dt.datetime, dict[str, Any]] = {row["timestamp"]: row for row in live}
    for row in past:
        for name in ("open", "high", "low", "close", "volume", "count"):
            told = named.get(row["timestamp"], by_time[row["timestamp"]])
            assert told[name] == row[name], (topic, name, row, by_time[row["timestamp"]])
    return len(past)
