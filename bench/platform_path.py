"""The platform's history path as the history role puts it together, in one process.

Index, Fetcher, Runner, PartitionOwner and the writer (``HISTORY_WRITER``) are those of production; series records are
written to ``series``, and the clock runs from there until the last receipt can be read committed. So topic creation,
the take-over of the transactional id, checkpoints and receipts are all in the figure.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil  # type: ignore[import-untyped]

from app.avro.encode import frame
from app.domain.records import SeriesRecord
from app.domain.schema import RECORDS
from app.errors import PlatformError
from app.history.fetch import Fetcher
from app.history.handover import Handovers
from app.history.runner import Runner
from app.history.running import Deps
from app.kafka.counts import TRANSACTIONS
from app.kafka.index import Index
from app.kafka.live_index import LiveIndex
from app.kafka.topics import PROGRESS, SERIES, Topics
from app.kafka.writer import TransactionalWriter
from app.main import preflight
from app.providers import provider_of
from app.settings import load
from app.worker import _keep_memory_flat, _take_short_turns
from bench.watch import cpu_of

_LONGEST = 900.0


class Platform:
    """The history role without its Faust app: it is assigned all partitions from the start."""

    def __init__(self) -> None:
        _keep_memory_flat()
        _take_short_turns()
        self.settings = settings = load()
        partitions, ids = preflight(settings)
        self.index = Index(settings, {name: partitions[name] for name in (SERIES, PROGRESS)})
        self._client = provider_of(settings, settings.slots + 2)
        fetcher = Fetcher(self._client, settings.slots, settings.theta_wait)
        frames = {record.name: frame(ids[record.name]) for record in RECORDS.values()}
        handovers = Handovers(settings, LiveIndex(settings))
        deps = Deps(settings, self.index, Topics(settings), fetcher, self._client, handovers, frames)
        self._runner = Runner(deps, partitions[SERIES])
        self._changed = threading.Event()
        self.index.on_change(self._changed.set)
        self.index.start()
        self.index.catch_up()
        self._runner.start()
        self._runner.assign(range(partitions[SERIES]))
        self._decider = TransactionalWriter(settings, f"{settings.app_id}-bench-decider")
        self._decider.open()

    def run(self, records: list[SeriesRecord]) -> None:
        """Have these series run; returns when all are final. Raises ``PlatformError`` when one is not complete."""
        self._decider.begin()
        for record in records:
            self._decider.record(SERIES, record.topic.encode(), record.encode())
        self._decider.commit()
        # From here on the index knows of all of them, and counts those with work left: looking at each of ten thousand
        # whenever something changes would be what is measured.
        self.index.wait_for(self._decider.written)
        deadline = time.monotonic() + _LONGEST
        while self.index.unfinished_backtests:
            self._changed.wait(1.0)
            self._changed.clear()
            if time.monotonic() > deadline:
                raise PlatformError(f"{records[0].topic} and its like are not complete after {_LONGEST:.0f} s")
        for record in records:
            checkpoint = self.index.checkpoint(record.topic, record.run)
            if checkpoint is None or checkpoint.state != "complete":
                state, why = (checkpoint.state, checkpoint.reason) if checkpoint else ("unknown", None)
                raise PlatformError(f"{record.topic} is {state}: {why}")

    def close(self) -> None:
        self._runner.stop()
        self.index.stop()
        self._decider.close()
        self._client.close()


@contextmanager
def platform() -> Iterator[Platform]:
    running = Platform()
    try:
        yield running
    finally:
        running.close()


def measure(running: Platform, records: list[SeriesRecord], others: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Run series; rows, seconds, seconds of this process's processor time, transactions that the owners committed, and
    of each receipt rows and digest.

    ``others``: further processes by name; ``others`` tells the seconds of processor time of each meanwhile.
    """
    watched = {name: psutil.Process(pid) for name, pid in (others or {}).items()}
    before = {name: cpu_of(process) for name, process in watched.items()}
    committed = TRANSACTIONS.read()["committed",]
    cpu, wall = time.process_time(), time.perf_counter()
    running.run(records)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    meanwhile = {name: cpu_of(process) - before[name] for name, process in watched.items()}
    # One was the decider's.
    transactions = int(TRANSACTIONS.read()["committed",] - committed) - 1
    receipts = running.index.receipts({record.topic: record.run for record in records})
    found = [(int(str(receipts[record.topic]["rows"])), receipts[record.topic]["sha256"]) for record in records]
    rows = sum(rows for rows, _ in found)
    told = {"rows": rows, "seconds": wall, "cpu": cpu, "transactions": transactions}
    return {**told, "receipts": found, "others": meanwhile}
