"""What the Avro tests hold the vectorised code against: fastavro, row by row."""

from __future__ import annotations

import io
import math
import struct
from functools import cache
from typing import Any

import fastavro
import numpy as np
from hypothesis import strategies as st

from app.domain.kinds import RIGHTS, Column, Kind, pack_codes
from app.domain.rows import ColumnData, Rows
from app.domain.schema import RecordType

Row = dict[str, Any]
LARGEST_CODE = 32_766


def plain(schema: dict[str, Any]) -> Any:
    """The schema without logical types, so that fastavro takes times and dates as the numbers they are."""

    def without(kind: Any) -> Any:
        return kind["type"] if isinstance(kind, dict) and "logicalType" in kind else kind

    fields = [{**field, "type": without(field["type"])} for field in schema["fields"]]
    return fastavro.parse_schema({**schema, "fields": fields})


def by_fastavro(record: RecordType, rows: list[Row]) -> list[bytes]:
    schema, bodies = _parsed(record), []
    for row in rows:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, row)
        bodies.append(out.getvalue())
    return bodies


@cache
def _parsed(record: RecordType) -> Any:
    return plain(record.avro())


def table(record: RecordType, rows: list[Row]) -> Rows:
    """Plain rows as columns."""
    return Rows.of(record, {c.name: _column(c.kind, [row[c.name] for row in rows]) for c in record.columns})


def _column(kind: Kind, values: list[Any]) -> ColumnData:
    match kind:
        case Kind.CODES:
            slots = [[codes[i] if i < len(codes) else 255_255 for codes in values] for i in range(4)]
            return pack_codes([np.array(slot, dtype=np.int64) for slot in slots], none=255_255)
        case Kind.NULLABLE:
            values = [math.nan if value is None else value for value in values]
        case Kind.RIGHT:
            values = [RIGHTS.index(value) for value in values]
    column = np.empty(len(values), dtype=kind.dtype)
    column[:] = values
    return column


def same(one: list[Row], other: list[Row]) -> bool:
    """Equal to the bit: a NaN is a NaN, and -0.0 is not 0.0."""

    def bits(value: Any) -> Any:
        return struct.pack("<d", value) if isinstance(value, float) else value

    return [{k: bits(v) for k, v in row.items()} for row in one] == [
        {k: bits(v) for k, v in row.items()} for row in other
    ]


def around_powers(bits: int) -> st.SearchStrategy[int]:
    """Numbers at which a varint grows by a byte, and the limits of the type."""
    edges = {s * (1 << n) + d for n in range(bits) for s in (1, -1) for d in (-1, 0, 1)}
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return st.sampled_from(sorted(edge for edge in edges | {low, high} if low <= edge <= high))


_INTS = around_powers(32) | st.integers(-(2**31), 2**31 - 1)
_LONGS = around_powers(64) | st.integers(-(2**63), 2**63 - 1)
_EDGES = [0.0, -0.0, math.inf, -math.inf, 5e-324, 1.7976931348623157e308]
_VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.INT: _INTS,
    Kind.LONG: _LONGS,
    Kind.TIMESTAMP: _LONGS,
    Kind.DATE: _INTS,
    Kind.DOUBLE: st.floats() | st.sampled_from([*_EDGES, math.nan]),
    Kind.NULLABLE: st.none() | st.floats(allow_nan=False) | st.sampled_from(_EDGES),
    Kind.RIGHT: st.sampled_from(RIGHTS),
    Kind.CODES: st.lists(
        st.sampled_from([0, 63, 64, 254, 255, 8191, 8192, LARGEST_CODE]) | st.integers(0, LARGEST_CODE), max_size=4
    ),
    Kind.STRING: st.sampled_from(
        ["", "A", "BRK.B", "é", "日本", "😀", "a" * 63, "b" * 64, "ü" * 40, "c" * 253, "d" * 300, "\x00", "A\x00"]
    )
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
}


def values(column: Column) -> st.SearchStrategy[Any]:
    """What a column may hold; of strikes, those that a contract may have."""
    return (
        st.integers(0, 99_999_999).map(lambda mills: mills / 1000) if column.name == "strike" else _VALUES[column.kind]
    )


@cache  # making the strategy takes as long as an example
def tables(record: RecordType, most: int = 12) -> st.SearchStrategy[list[Row]]:
    row = st.fixed_dictionaries({column.name: values(column) for column in record.columns})
    return st.lists(row, max_size=most)


_SIMPLE: dict[Kind, Any] = {
    Kind.INT: lambda i: 1000 * i,
    Kind.LONG: lambda i: -1000 * i,
    Kind.TIMESTAMP: lambda i: 1000 * i,
    Kind.DATE: lambda i: 19_000 + i,
    Kind.DOUBLE: lambda i: i + 0.5,
    Kind.NULLABLE: lambda i: i + 0.5 if i % 2 else None,
    Kind.RIGHT: lambda i: RIGHTS[i % 2],
    Kind.CODES: lambda i: [i, 100][: i % 3],
    Kind.STRING: lambda _: "AAPL",
}


def simple_rows(record: RecordType, count: int = 3) -> list[Row]:
    return [{column.name: _SIMPLE[column.kind](i) for column in record.columns} for i in range(count)]
