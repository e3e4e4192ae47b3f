"""What must be true however often something broke: topics hold what their receipts say, each row once and in order,
and every request is decided once."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from confluent_kafka import Message
from harness import Platform
from oracle import expected

NEW_YORK = ZoneInfo("America/New_York")
#: The digest's blocks, and what stands before each Avro body.
_BLOCK, _FRAME = 65_536, 5


def digest(bodies: Sequence[bytes]) -> str:
    """A receipt's ``sha256``, anew from the Avro bodies of a topic."""
    chain = bytes(32)
    for at in range(0, len(bodies), _BLOCK):
        block = hashlib.sha256(b"".join(bodies[at : at + _BLOCK])).digest()
        chain = hashlib.sha256(chain + block).digest()
    return chain.hex()


def verify(platform: Platform, receipt: dict[str, Any]) -> int:
    """A topic is what its receipt says, in event-time order, each row once; how many rows there are.

    A key's rows must differ in time, as bars do.
    """
    topic = receipt["topic"]
    messages = platform.messages(topic)
    places = [(message.timestamp()[1], message.key()) for message in messages]
    assert len(places) == receipt["rows"], topic
    assert all(one < other for one, other in pairwise(places)), f"{topic} is out of order"
    if messages:
        assert receipt["offsets"] == {"0": [messages[0].offset(), messages[-1].offset() + 1]}, topic
        assert [places[0][0], places[-1][0]] == [_millis(receipt["first"]), _millis(receipt["last"])], topic
    else:
        assert (receipt["first"], receipt["last"], receipt["offsets"]) == (None, None, {"0": [0, 0]}), topic
    assert digest([message.value()[_FRAME:] for message in messages]) == receipt["sha256"], topic
    by_session = Counter(_session(place[0] // 1000) for place in places)
    assert by_session == {one["date"]: one["rows"] for one in receipt["sessions"] if one["rows"]}, topic
    return len(places)


def same(done: dict[str, Any], clean: dict[str, Any]) -> None:
    """Two runs of a request have the same rows: those of a disturbed one and of one that nobody disturbed."""
    told = ("rows", "first", "last", "sha256", "sessions", "empty_bars")
    one, other = ([{name: receipt[name] for name in told} for receipt in run["receipts"]] for run in (done, clean))
    assert one == other
    assert [receipt["rows"] for receipt in one] == [series["rows"] for series in done["series"]]


def as_the_terminal_says(
    platform: Platform, topic: str, symbol: str, days: Iterable[str], interval: str, **hours: str
) -> int:
    """The bars of a stock's topic are those that the terminal answers, value by value; how many there are."""
    answer = [
        row
        for day in days
        for row in platform.table(
            "/v3/stock/history/ohlc", symbol=symbol, date=day.replace("-", ""), interval=interval, **hours
        )
    ]
    rows = platform.rows(topic)
    assert rows == expected(answer, symbol, "ohlcv")
    return len(rows)


def answered(platform: Platform) -> int:
    """Every message on ``requests`` is decided: an id's request has one decision, a wrong one is one dead letter; how
    many messages there are."""
    messages = platform.messages("requests")
    decisions: Counter[str] = Counter()
    position = -1
    for message in platform.messages("backtests"):
        if message.key() == b"@position":
            position = int(message.value())
        else:
            decisions[message.key().decode()] += 1
    dead = Counter(int(_header(message, "source_offset")) for message in platform.messages("requests.dlq"))
    assert set(decisions.values()) <= {1}, "a request was decided twice"
    assert set(dead.values()) <= {1}, "a message has two dead letters"
    assert not messages or position >= messages[-1].offset(), "the last requests are not decided"
    for message in messages:
        name = _backtest_of(message)
        assert name is None or decisions[name] == 1 or dead[message.offset()] == 1, f"{name} was never decided"
    return len(messages)


def _backtest_of(message: Message) -> str | None:
    """The id that a message in JSON asks for; None for another one, which may be a dead letter."""
    try:
        body = json.loads(message.value())
    except ValueError:
        return None
    return str(body["backtest_id"]) if isinstance(body, dict) and "backtest_id" in body else None


def _header(message: Message, wanted: str) -> str:
    return str(dict(message.headers())[wanted], "utf-8")


def _millis(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


def _session(seconds: int) -> str:
    # Sessions never begin or end within an hour of UTC that two days of New York share.
    return _day_of(seconds // 3600)


@cache
def _day_of(hour: int) -> str:
    return dt.datetime.fromtimestamp(hour * 3600, NEW_YORK).date().isoformat()
