"""What the owner of ``requests`` does unasked: have expired backtests deleted, and forget those that are deleted.

Both are written with the decider's own producer, so only by the owner. An expired backtest is deleted like any other,
by a message on ``requests``; written twice, the second one changes nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable

import orjson

from app.domain.instructions import RUN
from app.domain.records import BacktestRecord
from app.domain.retention import ended_at, has_expired
from app.kafka.index import Index
from app.kafka.topics import BACKTESTS, REQUESTS, SERIES
from app.kafka.writer import TransactionalWriter

logger = logging.getLogger(__name__)

#: Seconds between two looks at what is deleted, and at what has expired.
_LOOK, _EXPIRY = 0.5, 60.0


class Housekeeping:
    """For one tenure of the decider, in its thread."""

    def __init__(
        self,
        index: Index,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._index = index
        self._now = now
        self._clock = clock
        self._looked = self._expiry_looked = float("-inf")
        #: Runs whose deletion was asked for in this tenure.
        self._asked: set[int] = set()

    def tidy(self, writer: TransactionalWriter) -> None:
        """Look, if it is time to, and write what there is to be written."""
        now = self._clock()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        gone = [record for record in self._index.leaving() if self._is_gone(record)]
        expired: list[BacktestRecord] = []
        if now - self._expiry_looked >= _EXPIRY:
            self._expiry_looked = now
            expired = [record for record in self._index.expiring() if self._has_expired(record)]
        if not gone and not expired:
            return
        writer.begin()
        for record in gone:
            self._forget(writer, record)
        for record in expired:
            self._ask(writer, record)
        writer.commit()
        # What is decided next must see that these ids are free.
        self._index.wait_for({place: end for place, end in writer.written.items() if place[0] in (BACKTESTS, SERIES)})

    def _is_gone(self, record: BacktestRecord) -> bool:
        found = (self._index.checkpoint(name.topic, record.run) for name, _ in record.backtest.members())
        return all(checkpoint is not None and checkpoint.state == "deleted" for checkpoint in found)

    def _has_expired(self, record: BacktestRecord) -> bool:
        if record.run in self._asked:
            return False
        return has_expired(record, ended_at(record, self._index.checkpoint, self._index.written_at), self._now())

    def _forget(self, writer: TransactionalWriter, record: BacktestRecord) -> None:
        logger.info("backtest %s is deleted, its id is free", record.backtest_id)
        for name, _ in record.backtest.members():
            if self._index.run_of(name.topic) == record.run:
                writer.record(SERIES, name.topic.encode(), None)
        writer.record(BACKTESTS, record.backtest_id.encode(), None, partition=0)

    def _ask(self, writer: TransactionalWriter, record: BacktestRecord) -> None:
        logger.info("backtest %s expires: %s days have passed", record.backtest_id, record.backtest.retain_days)
        self._asked.add(record.run)
        value = orjson.dumps({"delete": record.backtest_id, RUN: record.run})
        writer.record(REQUESTS, record.backtest_id.encode(), value, partition=0)
