"""The broker, the registry and the terminal broken under a running platform: a backtest, a live feed and requests go
on as soon as they can, and in the end everything is there once."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import fastavro
import pytest
from chance import FULL, Diary
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from crew import Crew
from harness import until
from live import LiveMarket, market, moment
from requests_topic import find_letter, publish
from truth import answered, same, verify
from watch import SMALL, rows_of, undisturbed
from workers import PATIENCE

from app.avro.request import BACKTEST_REQUEST
from app.local.kafka import answers
from app.local.probe import http_status

pytestmark = pytest.mark.integration

#: How often each fault is made with all of it.
TIMES = 4
#: Before the days on which the live market is.
WORK = {
    "tickers": ["AAPL", "AMD", "GE", "MSFT", "NVDA", "WMT"],
    "start": "2024-05-01",
    "end": "2024-05-10" if FULL else "2024-05-02",
    "interval": "1s",
}
#: Seconds that the terminal is away.
AWAY = 60 if FULL else 4
#: A terminal that takes its time for most answers, and one that does worse.
LINGERING = [
    {"match": {"query": "interval=1s"}, "fault": {"kind": "stall", "seconds": 2}, "probability": 0.8},
]
SLOW = [
    {"match": {"path": "/history/"}, **rule}
    for rule in (
        {"fault": {"kind": "stall", "seconds": 3}, "probability": 0.3},
        {"fault": {"kind": "stall", "seconds": 2, "after_bytes": 20_000}, "probability": 0.3},
        {"fault": {"kind": "cut", "after_bytes": 50_000}, "probability": 0.2, "times": 5},
    )
]


@dataclass
class Traffic:
    """What goes on meanwhile: a backtest, live topics, and small requests now and then."""

    crew: Crew
    found: LiveMarket
    topics: list[str]
    since: dict[str, dt.datetime]
    name: str
    clean: dict[str, Any]
    asked: list[str] = field(default_factory=list)

    def ask(self) -> None:
        """POST a small backtest; it is taken as soon as somebody can."""
        self.asked.append(self.crew.platform.ask(**SMALL))

    def whole(self) -> str:
        """Everything is there once; in words, how much that is."""
        platform = self.crew.platform
        platform.simulator.set_faults([])
        done = platform.finished(self.name, 300)
        same(done, self.clean)
        rows = sum(verify(platform, receipt) for receipt in done["receipts"])
        end = self.found.clock()
        self.found.all_covered(self.topics, end, 180)
        live = sum(self.found.compare(topic, self.since[topic], end) for topic in self.topics)
        for name in self.asked:
            done = platform.finished(name, PATIENCE)
            assert done["state"] == "complete", str(done["series"])
        messages = answered(platform)
        return f"{rows} rows of history and {live} live ones, each once; {messages} messages on requests all answered"


@contextmanager
def traffic(crew: Crew, diary: Diary) -> Iterator[Traffic]:
    """Traffic through a terminal that takes its time."""
    platform = crew.platform
    clean = undisturbed(crew, WORK)
    with market(platform, f"{next(crew.days)}T10:00:20", 5) as found:
        topics = found.subscribe(tickers=["GE", "JPM"], schema="trade")
        topics += found.subscribe(tickers=["GE"], schema="quote")
        since = {topic: moment(found.live(topic)["since"]) for topic in topics}
        platform.simulator.set_faults(LINGERING)
        name = platform.ask(**WORK)
        rows_of(crew, name, 1)
        diary.say("a backtest, a live feed and requests run")
        yield Traffic(crew, found, topics, since, name, clean)


@pytest.mark.timeout(3600 if FULL else 900)
def test_nothing_is_lost_or_doubled_whatever_happens_to_broker_and_terminal(crew: Crew) -> None:
    diary = Diary("broker and terminal")
    faults = [restart, kill, slow_terminal]
    if FULL:
        faults = [*faults, freeze, fill_the_disk] * TIMES
    faults.append(terminal_away)
    diary.chance.shuffle(faults)
    with traffic(crew, diary) as going:
        for fault in faults:
            time.sleep(diary.chance.uniform(0.2, 1.5))
            fault(crew, diary)
            going.ask()
            until("the broker", lambda: answers("127.0.0.1", int(crew.platform.kafka.rpartition(":")[2])), PATIENCE)
            going.ask()
        crew.ready()
        print(f"  {diary.total()}; {going.whole()}")


def restart(crew: Crew, diary: Diary) -> None:
    diary.fault("broker restart")
    crew.broker.followed(crew.broker.send(signal.SIGTERM))


def kill(crew: Crew, diary: Diary) -> None:
    diary.fault("broker kill -9")
    crew.broker.kill()


def freeze(crew: Crew, diary: Diary) -> None:
    """For longer than the controller waits for its broker (3 s)."""
    seconds = diary.chance.uniform(3.5, 9 if FULL else 5)
    diary.fault("broker freeze", f"for {seconds:.1f} s")
    pid = crew.broker.send(signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def fill_the_disk(crew: Crew, diary: Diary) -> None:
    """From now on its files do not grow: the broker gives its folder up at its next append, and halts. The one that
    is started in its place finds room again."""
    diary.fault("broker disk full")
    pid = crew.broker.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    crew.broker.followed(pid)


def terminal_away(crew: Crew, diary: Diary) -> None:
    """Nobody listens on its ports."""
    diary.fault("terminal away", f"for {AWAY} s")
    crew.away()
    try:
        time.sleep(AWAY)
    finally:
        crew.back()
    crew.platform.simulator.set_faults(LINGERING)


def slow_terminal(crew: Crew, diary: Diary) -> None:
    """From now on many answers come late, some stop in the middle and a few break off."""
    diary.fault("terminal slow")
    crew.platform.simulator.set_faults(SLOW)


@pytest.mark.timeout(600)
def test_without_the_registry_avro_is_a_dead_letter_and_json_is_served(crew: Crew) -> None:
    diary = Diary("registry")
    platform = crew.platform
    diary.fault("registry kill -9")
    before = avro_message(crew, f"{diary.seed}-a")
    crew.registry.kill()
    # Its successor is frozen at its birth: the registry stays away for as long as we like.
    pid = crew.registry.send(signal.SIGSTOP)
    try:
        assert http_status(f"{platform.registry}/subjects") == 0
        offset = publish(platform, before)
        names = [platform.ask(**SMALL) for _ in range(3)]
        letter = until("a dead letter", lambda: find_letter(platform, offset), 60)
        assert letter.value() == before
        assert "registry" in dict(letter.headers())["reason"].decode()
        for one in names:
            assert platform.finished(one, 300)["state"] == "complete"
    finally:
        os.kill(pid, signal.SIGCONT)
    until("the registry", lambda: http_status(f"{platform.registry}/subjects") == 200, PATIENCE)
    # Submitted again it is taken, as it is; not at once where the registry takes long for its first answer.
    name = f"avro-{diary.seed}-a"

    def taken() -> bool:
        offset = publish(platform, before)
        until("a decision", lambda: known(crew, name) or find_letter(platform, offset), PATIENCE)
        return known(crew, name)

    until("the dead letter to be taken", taken, PATIENCE)
    done = platform.finished(name, 300)
    assert done["state"] == "complete"
    print(f"  {diary.total()}; {answered(platform)} messages on requests all answered")


def avro_message(crew: Crew, word: str) -> bytes:
    """A request in Avro under a schema that nobody has asked the registry for yet."""
    schema = {**BACKTEST_REQUEST, "doc": f"A request, as {word} words it."}
    registry = SchemaRegistryClient({"url": crew.platform.registry, "timeout": 20})
    number = registry.register_schema(f"request-{word}", Schema(json.dumps(schema), "AVRO"))
    day = dt.date(2024, 7, 1)
    body = {
        "backtest_id": f"avro-{word}",
        "start": day,
        "end": day,
        "series": [{"asset": "stock", "tickers": ["GE"], "schema": "ohlcv", "interval": "1h"}],
    }
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), body)
    return b"\x00" + number.to_bytes(4, "big") + out.getvalue()


def known(crew: Crew, name: str) -> bool:
    return crew.platform.http.get(f"/backtests/{name}").status_code == 200
