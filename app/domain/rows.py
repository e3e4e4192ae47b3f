"""Rows as columns: what a step holds between the provider's answer and the Avro bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain.contracts import from_occ_parts
from app.domain.kinds import RIGHTS, Kind, unpack_codes
from app.domain.schema import RecordType

ColumnData = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one record type as one array per column, in the record's dtypes.

    Shapes: every array is ``(len(rows),)``; timestamps are UTC microseconds (int64); strings are object arrays
    of ``str``, a column of one value takes no room (``constant``). ``contracts`` names the contract of each row
    of an option (``app.domain.contracts``), and is None for stocks.
    """

    record: RecordType
    columns: Mapping[str, ColumnData]
    contracts: npt.NDArray[np.int64] | None = None

    @classmethod
    def of(cls, record: RecordType, columns: Mapping[str, ColumnData]) -> Rows:
        """The rows of these columns; an option's contracts are made from its columns."""
        contracts = None
        if record.asset == "option":
            contracts = from_occ_parts(columns["expiration"], columns["right"], columns["strike"])
        return cls(record, {column.name: columns[column.name] for column in record.columns}, contracts)

    @classmethod
    def none(cls, record: RecordType) -> Rows:
        """No rows."""
        return cls.of(record, {c.name: np.empty(0, dtype=c.kind.dtype) for c in record.columns})

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of all parts, one part after the other; at least one part."""
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        columns = {name: _joined([part.columns[name] for part in parts]) for name in first.columns}
        contracts = [part.contracts for part in parts if part.contracts is not None]
        return cls(first.record, columns, np.concatenate(contracts) if contracts else None)

    def __len__(self) -> int:
        return len(self.columns["timestamp"])

    @property
    def timestamps(self) -> npt.NDArray[np.int64]:
        return self.columns["timestamp"]

    def take(self, which: npt.NDArray[Any] | slice) -> Rows:
        """The rows that an index array, a boolean mask or a slice picks."""
        columns = {name: _taken(column, which) for name, column in self.columns.items()}
        return Rows(self.record, columns, None if self.contracts is None else self.contracts[which])

    def in_event_order(self) -> Rows:
        """The rows by event time, then contract, then as they were."""
        if self.contracts is None:
            if bool((np.diff(self.timestamps) >= 0).all()):
                return self
            return self.take(np.argsort(self.timestamps, kind="stable"))
        return self.take(np.lexsort((self.contracts, self.timestamps)))

    def as_dicts(self) -> list[dict[str, Any]]:
        """Plain Python rows; for printing and for tests, not for the fast path."""
        lists = {name: _plain(column, self.record.by_name[name].kind) for name, column in self.columns.items()}
        return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def constant(value: object, count: int) -> ColumnData:
    """A column of one and the same string."""
    one = np.empty(1, dtype=object)
    one[0] = value
    return np.broadcast_to(one, (count,)) if count != 1 else one


def is_constant(column: ColumnData) -> bool:
    """Whether a column surely holds one value only."""
    return len(column) == 1 or (len(column) > 1 and column.strides == (0,))


def _taken(column: ColumnData, which: npt.NDArray[Any] | slice) -> ColumnData:
    if column.dtype == object and is_constant(column):
        count = len(np.empty(len(column), dtype=np.uint8)[which])
        return constant(column[0], count)
    return column[which]


def _joined(columns: list[ColumnData]) -> ColumnData:
    filled = [column for column in columns if len(column)]
    if columns[0].dtype == object and filled and all(map(is_constant, filled)):
        values = {column[0] for column in filled}
        if len(values) == 1:
            return constant(values.pop(), sum(map(len, columns)))
    return np.concatenate(columns)


def _plain(column: ColumnData, kind: Kind) -> list[Any]:
    values: list[Any] = column.tolist()
    match kind:
        case Kind.NULLABLE:
            return [None if isnan(value) else value for value in values]
        case Kind.RIGHT:
            return [RIGHTS[value] for value in values]
        case Kind.CODES:
            return [unpack_codes(value) for value in values]
        case _:
            return values
