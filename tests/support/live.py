"""Live topics as their users meet them: a market on a clock of its own, and what history says of the same time."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from harness import Platform, until
from oracle import TRADED, expected, occ

from simulator.clock import MarketClock

NEW_YORK = ZoneInfo("America/New_York")
Row = dict[str, Any]
_ENDPOINTS = {"trade": "trade", "quote": "quote", "ohlcv": "ohlc"}
#: The provider rounds a session's average to cents; one that goes on from a rounded one may be a cent off.
ROUNDING = 0.0101


def new_york(text: str) -> dt.datetime:
    """A New York time as UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(dt.UTC)


@dataclass
class LiveMarket:
    """The platform with the simulator's clock in our hands; what was subscribed is ended at the end."""

    platform: Platform
    clock: MarketClock
    topics: list[str] = field(default_factory=list)

    def subscribe(self, asset: str = "stock", **body: Any) -> list[str]:
        """POST a subscription; its topics."""
        response = self.platform.http.post(f"/live/{asset}", json=body)
        assert response.status_code == 202, response.text
        found = [one["topic"] for one in response.json()["series"]]
        self.topics += [topic for topic in found if topic not in self.topics]
        return found

    def entry(self, topic: str) -> Row:
        """What ``GET /live/{topic}`` says."""
        response = self.platform.http.get(f"/live/{topic}")
        assert response.status_code == 200, response.text
        body: Row = response.json()
        return body

    def live(self, topic: str) -> Row:
        """Wait until rows of a topic are whole from some moment on."""

        def probe() -> Row | None:
            found = self.entry(topic)
            return found if found["state"] == "live" and found["since"] else None

        return until(f"{topic} to be live", probe)

    def covered(self, topic: str, instant: dt.datetime, timeout: float = 60.0) -> Row:
        """Wait until everything up to an instant is in a topic, its gaps closed."""

        def probe() -> Row | None:
            found = self.entry(topic)
            whole = found["until"] is not None and moment(found["until"]) >= instant
            return found if whole and not [gap for gap in found["gaps"] if gap["state"] == "open"] else None

        try:
            return until(f"{topic} to be whole up to {instant}", probe, timeout)
        except BaseException:
            print(self.entry(topic))
            raise

    def all_covered(self, topics: Iterable[str], instant: dt.datetime, timeout: float = 90.0) -> None:
        """Wait until everything up to an instant is in these topics; then the market stands still."""
        deadline = time.monotonic() + timeout
        for topic in topics:
            self.covered(topic, instant, max(1.0, deadline - time.monotonic()))
        self.clock.set(speed=0)

    def all_verified(self, topics: Iterable[str], instant: dt.datetime, timeout: float = 90.0) -> None:
        """Wait until everything up to an instant has been compared with history; then the market stands still."""
        deadline = time.monotonic() + timeout
        for topic in topics:

            def probe(topic: str = topic) -> bool:
                found = self.entry(topic)
                return bool(found["verified"] and moment(found["verified"]) >= instant)

            try:
                until(f"{topic} to be compared up to {instant}", probe, max(1.0, deadline - time.monotonic()))
            except BaseException:
                print(self.entry(topic))
                raise
            self.covered(topic, instant, max(1.0, deadline - time.monotonic()))
        self.clock.set(speed=0)

    def rows(self, topic: str, begin: dt.datetime, end: dt.datetime) -> list[Row]:
        """The rows of a topic with event times in (``begin``, ``end``], as they lie there."""
        # A record's own time is its row's, cut to milliseconds; most topics hold much that is not asked for.
        first, last = begin.timestamp() * 1000 - 1, end.timestamp() * 1000
        found = [one for one in self.platform.messages(topic) if first <= one.timestamp()[1] <= last]
        return [row for row in self.platform.decoded(found) if begin < row["timestamp"] <= end]

    def history(self, topic: str, begin: dt.datetime, end: dt.datetime, **params: str) -> list[Row]:
        """What the terminal's history says of the same time, without what the stream does not carry."""
        entry = self.entry(topic)
        schema, symbol = entry["schema"], entry.get("symbol") or entry["root"]
        path = f"/v3/{entry['asset']}/history/{_ENDPOINTS[schema]}"
        if schema != "trade":
            params["interval"] = entry["interval"] or "tick"
        day = begin.astimezone(NEW_YORK).date()
        found: list[Row] = []
        while day <= end.astimezone(NEW_YORK).date():
            found += self.platform.table(path, symbol=symbol, date=f"{day:%Y%m%d}", **params)
            day += dt.timedelta(days=1)
        rows = expected(found, symbol, schema)
        for row in rows:
            if "ext_conditions" in row:
                row["ext_conditions"] = []
        return [row for row in rows if begin < row["timestamp"] <= end]

    def compare(self, topic: str, begin: dt.datetime, end: dt.datetime, **params: str) -> int:
        """The rows of a topic in (``begin``, ``end``] are those of history, each once; how many there are."""
        live, past = self.rows(topic, begin, end), self.history(topic, begin, end, **params)
        if topic.split("-")[-2].startswith("ohlcv"):
            compare_bars(live, past)
        else:
            there, wanted = Counter(map(_frozen, live)), Counter(map(_frozen, past))
            missing, surplus = wanted - there, there - wanted
            assert not missing, f"{topic}: {sum(missing.values())} missing, e.g. {next(iter(missing))}"
            assert not surplus, f"{topic}: {sum(surplus.values())} too many, e.g. {next(iter(surplus))}"
        return len(live)

    def in_order(self, topic: str, since: dt.datetime) -> None:
        """Rows of a key from ``since`` on are in event-time order, but for those that a repair added. What lies before
        may be of a subscription that has ended, of whose repairs nobody tells any more."""
        last: dict[bytes, tuple[int, int]] = {}
        gaps = self.entry(topic)["gaps"]
        repairs = [gap["offsets"] for gap in gaps if gap["offsets"]]
        for message in self.platform.messages(topic):
            at, key = message.timestamp()[1], message.key()
            if at < since.timestamp() * 1000 or any(first <= message.offset() < end for first, end in repairs):
                continue
            before = last.get(key, (0, -1))
            assert at >= before[0], (
                f"{topic}@{message.offset()} of {key!r} is of {at}, @{before[1]} before it of {before[0]}; gaps: {gaps}"
            )
            last[key] = at, message.offset()


def compare_bars(live: list[Row], past: list[Row]) -> None:
    """The same bars, each once: prices, volume and count equal, the session's average within its rounding."""

    def key(row: Row) -> tuple[Any, ...]:
        return row["timestamp"], occ(row) if "root" in row else ""

    assert sorted(map(key, live)) == [key(row) for row in past]
    by_key = {key(row): row for row in live}
    for row in past:
        other = by_key[key(row)]
        assert [other[name] for name in TRADED] == [row[name] for name in TRADED], (other, row)
        assert abs(other["session_vwap"] - row["session_vwap"]) <= ROUNDING, (other, row)


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _frozen(row: Row) -> tuple[Any, ...]:
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in sorted(row.items()))


@contextlib.contextmanager
def market(platform: Platform, begin: str, speed: float) -> Iterator[LiveMarket]:
    """The market from a New York time on, at a speed; afterwards the clock is the present's again."""
    clock = platform.simulator.options.clock
    assert isinstance(clock, MarketClock)
    clock.set(new_york(begin), speed)
    found = LiveMarket(platform, clock)
    try:
        yield found
    finally:
        for topic in found.topics:
            platform.http.delete(f"/live/{topic}")
        until("the stream to be let go", lambda: platform.simulator.stream_report()["subscriptions"] in (0, [], {}), 15)
        clock.set(dt.datetime.now(dt.UTC), 1)
