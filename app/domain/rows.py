"""Rows as columns: what a step holds between the provider's answer and the Avro bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain.schema import RecordType

ColumnData = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one record type as one array per column, in the record's dtypes and in event-time order.

    Shapes: every array is ``(len(rows),)``; timestamps are UTC microseconds (int64); strings are object arrays
    of ``str``.
    """

    record: RecordType
    columns: Mapping[str, ColumnData]

    def __len__(self) -> int:
        return len(self.columns["timestamp"])

    @property
    def timestamps(self) -> npt.NDArray[np.int64]:
        return self.columns["timestamp"]

    def take(self, which: npt.NDArray[Any] | slice) -> Rows:
        """The rows that an index array, a boolean mask or a slice picks."""
        return Rows(self.record, {name: column[which] for name, column in self.columns.items()})

    def as_dicts(self) -> list[dict[str, Any]]:
        """Plain Python rows; for printing and for tests, not for the fast path."""
        lists = {name: column.tolist() for name, column in self.columns.items()}
        return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
