"""Rows as Arrow: the schema of a record type, and batches of it, without a copy where numpy's memory will do.

Times are ``timestamp[us, UTC]``, dates ``date32``, the right of an option is text, condition codes are a list of
int32, and what the provider left empty is null. Texts are plain and not dictionaries: every reader takes them alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.domain.kinds import CODES_PER_ROW, RIGHTS, Kind
from app.domain.rows import ColumnData, Rows, is_constant
from app.domain.schema import RecordType

#: A column that no record has: where the row lies in its topic.
OFFSET = "_offset"
_CODE_BITS, _CODE_MASK = 16, 0xFFFF

_TYPES = {
    Kind.STRING: pa.string(),
    Kind.INT: pa.int32(),
    Kind.LONG: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.NULLABLE: pa.float64(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Kind.DATE: pa.date32(),
    Kind.RIGHT: pa.string(),
    Kind.CODES: pa.list_(pa.field("item", pa.int32(), nullable=False)),
}


def arrow_schema(record: RecordType, columns: Sequence[str], metadata: Mapping[str, str] | None = None) -> pa.Schema:
    """The schema of some columns of a record type, in that order; ``_offset`` may be one of them."""
    return pa.schema([_field(record, name) for name in columns], metadata=dict(metadata or {}))


def arrow_batch(rows: Rows, schema: pa.Schema, offsets: npt.NDArray[np.int64] | None = None) -> pa.RecordBatch:
    """Rows in a schema of ``arrow_schema``; ``offsets`` are needed when it has ``_offset``."""
    arrays = [
        pa.array(offsets) if name == OFFSET else arrow_array(rows.columns[name], rows.record.by_name[name].kind)
        for name in schema.names
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def arrow_array(column: ColumnData, kind: Kind) -> pa.Array:
    """One column of rows."""
    match kind:
        case Kind.STRING:
            return _texts(column)
        case Kind.RIGHT:
            return pa.DictionaryArray.from_arrays(pa.array(column), pa.array(RIGHTS)).dictionary_decode()
        case Kind.CODES:
            return _code_lists(column)
        case Kind.NULLABLE:
            missing = np.isnan(column)
            return pa.array(column, mask=missing) if missing.any() else pa.array(column)
        case Kind.TIMESTAMP | Kind.DATE:
            return pa.array(column).view(_TYPES[kind])
        case _:
            return pa.array(column)


def _field(record: RecordType, name: str) -> pa.Field:
    if name == OFFSET:
        return pa.field(OFFSET, pa.int64(), nullable=False, metadata={"doc": "Where the row lies in its topic."})
    column = record.by_name[name]
    return pa.field(name, _TYPES[column.kind], nullable=column.kind is Kind.NULLABLE, metadata={"doc": column.doc})


def _texts(column: ColumnData) -> pa.Array:
    if not is_constant(column):
        return pa.array(column, pa.string())
    text, count = str(column[0]).encode(), len(column)
    bounds = np.arange(count + 1, dtype=np.int32) * np.int32(len(text))
    return pa.StringArray.from_buffers(count, pa.py_buffer(bounds), pa.py_buffer(text * count))


def _code_lists(packed: npt.NDArray[np.int64]) -> pa.Array:
    if not packed.any():
        codes = np.empty(0, dtype=np.int32)
        bounds = np.zeros(len(packed) + 1, dtype=np.int32)
    else:
        slots = np.stack([(packed >> (_CODE_BITS * i)) & _CODE_MASK for i in range(CODES_PER_ROW)], axis=1)
        there = slots != 0
        codes = (slots[there] - 1).astype(np.int32)
        bounds = np.concatenate(([0], np.cumsum(there.sum(axis=1)))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(bounds), pa.array(codes), type=_TYPES[Kind.CODES])
