"""The platform as its users meet it: role processes against a real broker and registry, and the simulator."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx
import pytest
from confluent_kafka import Consumer, KafkaError, Message
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from oracle import table

from app.local.platform import LocalPlatform
from app.local.ports import is_free
from app.settings import ROLES, Role
from simulator.server import Simulator

NEW_YORK = ZoneInfo("America/New_York")
T = TypeVar("T")
FINAL = ("complete", "partial", "failed", "cancelled")
#: Seconds that a series of these tests waits for a terminal that does not answer.
THETA_WAIT = 4
#: Which of pytest-xdist's processes this is, and of how many; the only one without it.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
#: Each process hands out a range of its own, and none of it twice. Below those of ``app.local.ports`` and the kernel;
#: in random order because of another checkout's tests.
_PORTS = iter(random.sample(range(10_000 + 1_000 * WORKER, 11_000 + 1_000 * WORKER), 1_000))


def free_port() -> int:
    """A port that nobody else is given."""
    return next(port for port in _PORTS if is_free(port))


def web_ports() -> dict[str, int]:
    """Settings that give each role a free port: several platforms that start at once would all take the default."""
    return {port_setting(role): free_port() for role in ROLES}


def port_setting(role: Role) -> str:
    """The setting that names the port of a role's web server."""
    return "web_port" if role == "coordinator" else f"{role}_web_port"


def until(what: str, probe: Callable[[], T | None], timeout: float = 60.0) -> T:
    """The first result of ``probe`` that is neither None nor False; fails the test after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        found = probe()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout:.0f} s for {what}")
        time.sleep(0.02)


@dataclass
class Platform:
    """A running platform and what outsiders do with it."""

    local: LocalPlatform
    simulator: Simulator
    http: httpx.Client
    kafka: str
    registry: str
    #: What clients of a secured broker and registry are given beside the addresses.
    kafka_login: dict[str, str] = field(default_factory=dict)
    registry_login: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def pids(self) -> dict[str, int | None]:
        """The process of each service, as the platform tells it."""
        found: dict[str, int | None] = json.loads((self.local.state_dir / "endpoints.json").read_text())["pids"]
        return found

    def new_id(self, word: str = "t") -> str:
        return f"{word}-{next(self._numbers)}"

    def ask(self, asset: str = "stock", **body: Any) -> str:
        """POST a backtest of stocks, or of options; its id."""
        body = {"backtest_id": self.new_id(), **body}
        response = self.http.post(f"/historical/{asset}", json=body)
        assert response.status_code == 202, response.text
        assert response.headers["location"] == f"/backtests/{body['backtest_id']}"
        return str(body["backtest_id"])

    def finished(self, backtest_id: str, timeout: float = 60.0) -> dict[str, Any]:
        """The final state of a backtest."""

        def final() -> dict[str, Any] | None:
            response = self.http.get(f"/backtests/{backtest_id}")
            body: dict[str, Any] = response.json()
            return body if response.status_code == 200 and body["state"] in FINAL else None

        return until(f"backtest {backtest_id} to end", final, timeout)

    def run(self, asset: str = "stock", **body: Any) -> dict[str, Any]:
        """POST a backtest and wait for its end; it must be complete."""
        done = self.finished(self.ask(asset, **body))
        assert done["state"] == "complete", done
        return done

    def messages(self, topic: str, isolation: str = "read_committed") -> list[Message]:
        """Everything in a topic, as a consumer group reads it."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka,
                **self.kafka_login,
                "group.id": self.new_id("group"),
                "auto.offset.reset": "earliest",
                "isolation.level": isolation,
                "enable.partition.eof": True,
                "fetch.queue.backoff.ms": 1,
            }
        )
        consumer.subscribe([topic])
        found: list[Message] = []
        ended: set[int] = set()
        deadline = time.monotonic() + 30
        try:
            while time.monotonic() < deadline:
                for message in consumer.consume(5_000, 0.1):
                    if message.error() is None:
                        found.append(message)
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        ended.add(message.partition())
                        if len(ended) == len(consumer.assignment()):
                            return found
                    else:
                        pytest.fail(str(message.error()))
            pytest.fail(f"{topic} could not be read to its end")
        finally:
            consumer.close()

    def rows(self, topic: str) -> list[dict[str, Any]]:
        """The rows of a topic, decoded by the registry's schema."""
        return self.decoded(self.messages(topic))

    def decoded(self, messages: list[Message]) -> list[dict[str, Any]]:
        """The rows of messages that were read."""
        # A client of its own each time: a connection that the registry has closed meanwhile may never answer again.
        decode = AvroDeserializer(SchemaRegistryClient({"url": self.registry, "timeout": 20, **self.registry_login}))
        return [
            decode(message.value(), SerializationContext(message.topic(), MessageField.VALUE)) for message in messages
        ]

    def table(self, path: str, **params: str) -> list[dict[str, Any]]:
        """What the terminal answers, cell by cell; nothing for "no data"."""
        response = self._terminal.get(f"{self.simulator.url}{path}", params=params)
        assert response.status_code in (200, 472), response.text
        return table(response.text) if response.status_code == 200 else []

    def chain(
        self, root: str, endpoint: str, day: str, contracts: dict[str, Any], **params: str
    ) -> list[dict[str, Any]]:
        """What the terminal answers for a chain on one day, ``max_dte`` applied here whether it knows it or not."""
        date = day.replace("-", "")
        asked = {"symbol": root, **params}
        asked |= {name: str(contracts[name]) for name in ("right", "strike_range") if name in contracts}
        asked |= {"start_date": date, "end_date": date} if endpoint == "eod" else {"date": date}
        session = dt.date.fromisoformat(day)
        expirations = ["*"]
        if endpoint.startswith(("ohlc", "greeks")):
            # These want one expiration each.
            listed = self.table("/v3/option/list/contracts/quote", symbol=root, date=date)
            expirations = sorted({row["expiration"].strftime("%Y%m%d") for row in listed})
        return [
            row
            for expiration in expirations
            for row in self.table(f"/v3/option/history/{endpoint}", expiration=expiration, **asked)
            if (row["expiration"] - session).days <= contracts.get("max_dte", 10_000)
        ]

    @cached_property
    def _terminal(self) -> httpx.Client:
        # One for all, though it keeps no connection: each makes a TLS context, which takes longer than most answers.
        return httpx.Client(trust_env=False, timeout=60, limits=httpx.Limits(max_keepalive_connections=0))

    def answer(self, path: str, **params: str) -> list[dict[str, Any]]:
        """What the terminal answers, read in the plainest way: text cells turned to numbers, times to UTC."""
        response = self._terminal.get(f"{self.simulator.url}{path}", params=params)
        if response.status_code == 472:
            return []
        assert response.status_code == 200, response.text
        return [
            {name: _value(name, text) for name, text in row.items()}
            for row in csv.DictReader(io.StringIO(response.text))
        ]


def _value(name: str, text: str) -> Any:
    if name in ("timestamp", "created", "last_trade"):
        naive = dt.datetime.fromisoformat(text)
        return naive.replace(tzinfo=NEW_YORK).astimezone(dt.UTC)
    if name in ("open", "high", "low", "close", "vwap", "bid", "ask"):
        return float(text)
    return int(text)
