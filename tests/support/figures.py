"""What a platform holds on to: memory, threads and open files of its processes, topics, and what its logs keep."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from harness import Platform

from app.settings import ROLES

#: Logs of which a reader that starts anew reads every key that has a value.
COMPACTED = ("backtests", "series", "progress", "live", "coverage")
_MB = 2**20


@dataclass(frozen=True)
class Process:
    """``rss`` in megabytes; ``blocks``: what the interpreter has allocated, which is what lives, to the object."""

    rss: float
    threads: int
    files: int
    blocks: int = 0


@dataclass(frozen=True)
class Figures:
    """At one moment; ``processes`` by role, and ``broker`` where it is the platform's own."""

    processes: Mapping[str, Process]
    topics: int
    groups: int
    keys: Mapping[str, int]

    def counts(self) -> dict[str, int]:
        """Everything of which a platform that leaks nothing has as much again and again."""
        found = {"topics": self.topics, "groups": self.groups}
        found |= {f"keys of {log}": number for log, number in self.keys.items()}
        for role in ROLES:
            process = self.processes[role]
            found |= {f"threads of {role}": process.threads, f"files of {role}": process.files}
        return found


class Gauge:
    """Reads the figures of a platform. ``broker``: its own, if the platform's state folder does not name one."""

    def __init__(self, platform: Platform, broker: int | None = None) -> None:
        self._platform = platform
        self._broker = broker
        self._admin = AdminClient({"bootstrap.servers": platform.kafka})
        self.pids = self._pids()

    def _pids(self) -> dict[str, int]:
        found: dict[str, int | None] = json.loads((self._platform.local.state_dir / "endpoints.json").read_text())[
            "pids"
        ]
        pids = {role: pid for role in ROLES if (pid := found[role]) is not None}
        broker = self._broker or found["broker"]
        return pids | ({"broker": broker} if broker else {})

    def processes(self) -> dict[str, Process]:
        """Those of the beginning: one that died and was started anew would hide what it leaked."""
        assert self._pids() == self.pids, "a process has ended meanwhile"
        return {name: self._process(name, pid) for name, pid in self.pids.items()}

    def _process(self, name: str, pid: int) -> Process:
        process = psutil.Process(pid)
        with process.oneshot():
            rss, threads, files = process.memory_info().rss / _MB, process.num_threads(), process.num_fds()
        return Process(rss, threads, files, int(self.metrics(name).get("fdp_python_blocks", 0)))

    def metrics(self, role: str) -> dict[str, float]:
        """A role's metrics, the values of all labels added up; none of what is no role."""
        if role not in ROLES:
            return {}
        port = self._platform.local.settings.web_port_of(role)  # type: ignore[arg-type]
        text = self._platform.http.get(f"http://127.0.0.1:{port}/metrics").text
        found: dict[str, float] = defaultdict(float)
        for name, value in re.findall(r"^(\w+)(?:{.*})? (\S+)$", text, flags=re.M):
            found[name] += float(value)
        return dict(found)

    def topics(self) -> set[str]:
        return set(self._admin.list_topics(timeout=30).topics)

    def groups(self) -> set[str]:
        return {group.group_id for group in self._admin.list_consumer_groups(request_timeout=30).result().valid}

    def read(self) -> Figures:
        """Everything; the logs last, as reading them takes the longest."""
        processes, topics, groups = self.processes(), len(self.topics()), len(self.groups())
        found = living(self._platform.kafka, COMPACTED)
        return Figures(processes, topics, groups, {log: len(keys) for log, keys in found.items()})


def living(kafka: str, logs: Sequence[str]) -> dict[str, dict[bytes, bytes]]:
    """Of each compacted log the keys whose last value is there, with it."""
    found: dict[str, dict[bytes, bytes]] = {log: {} for log in logs}
    for message in _records(kafka, logs):
        if message.value() is None:
            found[message.topic()].pop(message.key(), None)
        else:
            found[message.topic()][message.key()] = message.value()
    return found


def count(kafka: str, topic: str) -> int:
    """How many committed records lie in a topic."""
    return sum(1 for _ in _records(kafka, [topic]))


def _records(kafka: str, topics: Sequence[str]) -> Iterator[Message]:
    # Without a group of its own, which the broker would remember for a week.
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "figures",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 1,
            "fetch.wait.max.ms": 10,
        }
    )
    try:
        known = consumer.list_topics(timeout=30).topics
        left = {(topic, p) for topic in topics for p in known[topic].partitions}
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for topic, p in left])
        while left:
            for message in consumer.consume(10_000, 0.05):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard((message.topic(), message.partition()))
                else:
                    raise AssertionError(f"{message.topic()}: {error.str()}")
    finally:
        consumer.close()
