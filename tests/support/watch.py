"""Looking at a crew from the outside: who owns what, what is committed, what was logged."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from crew import Crew
from harness import until
from workers import PATIENCE, Worker

#: A backtest of seven rows.
SMALL = {"tickers": ["GE"], "start": "2024-05-01", "end": "2024-05-01", "interval": "1h"}
_LEVELS = (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)


def undisturbed(crew: Crew, work: Mapping[str, Any]) -> dict[str, Any]:
    """A run of a request while nothing is broken: the truth for those that follow."""
    done = crew.platform.finished(crew.platform.ask(**work), 600)
    assert done["state"] == "complete", done
    return done


def shares(crew: Crew) -> dict[str, frozenset[int]]:
    """The partitions of ``series`` by member of the group, as the broker tells them; nothing while it rebalances."""
    admin = AdminClient({"bootstrap.servers": crew.platform.kafka})
    (future,) = admin.describe_consumer_groups(["fdp-history"]).values()
    group = future.result(20)
    if group.state.name != "STABLE":
        return {}
    return {
        member.member_id: frozenset(tp.partition for tp in member.assignment.topic_partitions)
        for member in group.members
    }


def placed(crew: Crew, name: str) -> dict[str, int]:
    """The partition of each series of a backtest."""
    wanted = f"-historical-{name}"
    return {
        message.key().decode(): message.partition()
        for message in crew.platform.messages("series")
        if message.key().decode().endswith(wanted)
    }


def rows_by_topic(crew: Crew, name: str) -> dict[str, int]:
    """Rows committed so far, by topic."""
    body = crew.platform.http.get(f"/backtests/{name}").json()
    return {one["topic"]: one["rows"] for one in body["series"]}


def rows_so_far(crew: Crew, name: str) -> int:
    return sum(rows_by_topic(crew, name).values())


def rows_of(crew: Crew, name: str, least: int) -> None:
    """Wait until a backtest has that many rows."""
    until(f"{least} rows of {name}", lambda: rows_so_far(crew, name) >= least, 90)


def ended(crew: Crew, name: str) -> bool:
    return bool(crew.platform.http.get(f"/backtests/{name}").json()["state"] not in ("accepted", "running"))


def logged(crew: Crew) -> dict[str, int]:
    """How much each worker has logged so far."""
    return {worker.name: len(worker.text()) for worker in crew.workers.values()}


def since(crew: Crew, marks: Mapping[str, int]) -> list[str]:
    """The lines that the workers have logged since then."""
    logs = (worker.text()[marks.get(worker.name, 0) :] for worker in crew.workers.values())
    return [line for log in logs for line in log.splitlines()]


def begun_again(crew: Crew, marks: Mapping[str, int]) -> set[str]:
    """The topics that a worker took over from where they were."""
    lines = (line for line in since(crew, marks) if ": goes on at step" in line)
    return {line.partition(": goes on at step")[0].split()[-1] for line in lines}


def fences(crew: Crew, marks: Mapping[str, int]) -> int:
    """How often a history writer was thrown out by another one."""
    return sum("this writer is finished" in line for line in since(crew, marks))


def freeze_in_transaction(crew: Crew, victim: Worker, name: str) -> tuple[str, int]:
    """Freeze a worker at a moment when it has rows in a topic that are not committed; the topic, and its process."""
    admin = AdminClient({"bootstrap.servers": crew.platform.kafka})

    def attempt() -> tuple[str, int] | None:
        assert not ended(crew, name), "the work ended before it was met in a transaction"
        held = {topic for topic, rows in rows_by_topic(crew, name).items() if rows}
        pid = victim.send(signal.SIGSTOP)
        try:
            # Another one's transaction would be over in a moment.
            deadline = time.monotonic() + 1.5
            while held and time.monotonic() < deadline:
                committed, written = (_ends(admin, held, level) for level in _LEVELS)
                held = {topic for topic in held if committed[topic] < written[topic]}
        finally:
            if not held or sys.exc_info()[0] is not None:
                os.kill(pid, signal.SIGCONT)
        return (min(held), pid) if held else None

    return until("a transaction to be open", attempt, PATIENCE)


def _ends(admin: AdminClient, topics: Iterable[str], level: IsolationLevel) -> dict[str, int]:
    asked = {TopicPartition(topic, 0): OffsetSpec.latest() for topic in topics}
    found = admin.list_offsets(asked, isolation_level=level)
    return {place.topic: future.result(20).offset for place, future in found.items()}


def decider(crew: Crew) -> Worker:
    """The coordinator that owns ``requests``."""

    def probe() -> Worker | None:
        return next((one for one in crew.of("coordinator") if one.metric("fdp_coordinator_owner") == 1), None)

    return until("an owner of requests", probe, PATIENCE)


def post(worker: Worker, name: str) -> str:
    """POST a small backtest to this very coordinator, which takes it; its id."""
    url = f"http://127.0.0.1:{worker.port}/historical/stock"
    response = httpx.post(url, json={"backtest_id": name, **SMALL}, timeout=60, trust_env=False)
    assert response.status_code == 202, response.text
    return name
