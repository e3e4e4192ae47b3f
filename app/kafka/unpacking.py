"""Unpacking records for Faust, so that nobody's header ends a worker.

Kafka takes any bytes for the name of a header, aiokafka only UTF-8: what it raises otherwise ends Faust's consumer, and
with it the process, again and again, for the message is still there after the restart. A delivery only wakes an
owner, which reads the log itself; so the rest of such a batch may go undelivered.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher

logger = logging.getLogger(__name__)


class _Batch:
    """A batch that ends early where a record cannot be unpacked."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._batch
        except UnicodeDecodeError:
            first, after = self._batch.base_offset, self._batch.next_offset
            logger.warning("the records from %d to %d have a header whose name is not UTF-8", first, after - 1)


class _Batches:
    """What a fetch brought of one partition."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> _Batch:
        return _Batch(self._records.next_batch())


class LenientRecords(fetcher.PartitionRecords):
    """aiokafka's records of a partition; it goes on behind a batch that cannot be unpacked to its end."""

    def __init__(self, tp: Any, records: Any, *others: Any, **named: Any) -> None:
        super().__init__(tp, _Batches(records), *others, **named)


def install() -> None:
    """Put these where aiokafka's consumer looks for its own."""
    fetcher.PartitionRecords = LenientRecords
