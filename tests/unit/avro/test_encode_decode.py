"""Vectorised Avro, held against fastavro byte by byte."""

from __future__ import annotations

import io
import math
import random
import struct
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.avro.decode import decode
from app.avro.encode import encode, frame
from app.domain.rows import Rows
from app.domain.schema import RECORDS, STOCK_EOD, STOCK_OHLCV, Kind, RecordType

GOLDEN = Path(__file__).parent.parent / "golden"
RECORD_TYPES = pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)
Row = dict[str, Any]


def plain(schema: dict[str, Any]) -> Any:
    """The schema without logical types, so that fastavro takes timestamps as the numbers they are."""
    fields = [
        {**field, "type": field["type"]["type"] if isinstance(field["type"], dict) else field["type"]}
        for field in schema["fields"]
    ]
    return fastavro.parse_schema({**schema, "fields": fields})


def by_fastavro(record: RecordType, rows: list[Row]) -> list[bytes]:
    schema, bodies = plain(record.avro()), []
    for row in rows:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, row)
        bodies.append(out.getvalue())
    return bodies


def table(record: RecordType, rows: list[Row]) -> Rows:
    columns = {}
    for column in record.columns:
        values = np.empty(len(rows), dtype=column.kind.dtype)
        values[:] = [row[column.name] for row in rows]
        columns[column.name] = values
    return Rows(record, columns)


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


VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.INT: around_powers(32) | st.integers(-(2**31), 2**31 - 1),
    Kind.LONG: around_powers(64) | st.integers(-(2**63), 2**63 - 1),
    Kind.TIMESTAMP: around_powers(64) | st.integers(-(2**63), 2**63 - 1),
    Kind.DOUBLE: st.floats()
    | st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308]),
    Kind.STRING: st.sampled_from(
        ["", "A", "BRK.B", "é", "日本", "😀", "a" * 63, "b" * 64, "ü" * 40, "c" * 253, "\x00", "A\x00"]
    )
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
}


@st.composite
def tables(draw: st.DrawFn, record: RecordType, most: int = 12) -> list[Row]:
    return draw(
        st.lists(st.fixed_dictionaries({column.name: VALUES[column.kind] for column in record.columns}), max_size=most)
    )


@RECORD_TYPES
@given(st.data())
def test_bodies_are_what_fastavro_writes(record: RecordType, data: st.DataObject) -> None:
    rows = data.draw(tables(record))

    assert encode(table(record, rows)) == by_fastavro(record, rows)


@RECORD_TYPES
@given(st.data())
def test_decoding_brings_the_rows_back(record: RecordType, data: st.DataObject) -> None:
    rows = data.draw(tables(record))
    found = decode(record, encode(table(record, rows), frame(7)))

    assert same(found.as_dicts(), rows)
    assert {name: column.dtype for name, column in found.columns.items()} == {
        column.name: column.kind.dtype for column in record.columns
    }


@RECORD_TYPES
def test_many_combinations_of_widths_keep_their_order(record: RecordType) -> None:
    chance = random.Random(7)
    limits = {Kind.INT: 31, Kind.LONG: 63, Kind.TIMESTAMP: 63}

    def value(kind: Kind) -> Any:
        if kind is Kind.DOUBLE:
            return chance.random()
        if kind is Kind.STRING:
            return chance.choice(["", "A", "AAPL", "BRK.B", "é" * 30])
        return chance.choice([1, -1]) * chance.getrandbits(chance.randint(0, limits[kind]))

    rows = [{column.name: value(column.kind) for column in record.columns} for _ in range(2_000)]

    assert encode(table(record, rows)) == by_fastavro(record, rows)
    assert same(decode(record, encode(table(record, rows)), skip=0).as_dicts(), rows)


def test_more_than_eight_columns_of_varying_width_are_not_mixed_up() -> None:
    varying = [column for column in STOCK_EOD.columns if column.kind is not Kind.DOUBLE]
    assert len(varying) > 8
    rows = []
    for i in range(2 ** len(varying)):
        row: Row = {column.name: 1.0 for column in STOCK_EOD.columns}
        for bit, column in enumerate(varying):
            wide = i >> bit & 1
            row[column.name] = ("AB" if wide else "A") if column.kind is Kind.STRING else (100 if wide else 1)
        rows.append(row)

    assert encode(table(STOCK_EOD, rows)) == by_fastavro(STOCK_EOD, rows)


@RECORD_TYPES
def test_no_rows_are_no_bodies(record: RecordType) -> None:
    assert encode(table(record, [])) == []
    found = decode(record, [])
    assert len(found) == 0
    assert list(found.columns) == [column.name for column in record.columns]


def simple_rows(record: RecordType, count: int = 3) -> list[Row]:
    return [
        {
            column.name: "AAPL" if column.kind is Kind.STRING else i + 0.5 if column.kind is Kind.DOUBLE else 1000 * i
            for column in record.columns
        }
        for i in range(count)
    ]


@RECORD_TYPES
def test_every_message_begins_with_the_prefix(record: RecordType) -> None:
    rows = table(record, simple_rows(record))

    assert encode(rows, b"\x00\x01\x02") == [b"\x00\x01\x02" + body for body in encode(rows)]


def test_the_frame_is_confluents() -> None:
    assert frame(1) == b"\x00\x00\x00\x00\x01"
    assert frame(0x01020304) == b"\x00\x01\x02\x03\x04"


@RECORD_TYPES
def test_columns_that_are_views_or_read_only_are_encoded_like_any_other(record: RecordType) -> None:
    rows = table(record, simple_rows(record, 10))
    every_other = rows.take(slice(None, None, -2))
    for column in every_other.columns.values():
        column.setflags(write=False)

    assert encode(every_other) == by_fastavro(record, every_other.as_dicts())


@RECORD_TYPES
def test_encoding_leaves_the_columns_alone(record: RecordType) -> None:
    rows = table(record, simple_rows(record))
    encode(rows)

    assert rows.as_dicts() == simple_rows(record)


@RECORD_TYPES
def test_a_message_that_ends_early_is_refused_wherever_it_stands(record: RecordType) -> None:
    bodies = encode(table(record, simple_rows(record)))
    for at in range(len(bodies)):
        for size in range(len(bodies[at])):
            with pytest.raises(ValueError, match=record.name):
                decode(record, [*bodies[:at], bodies[at][:size], *bodies[at + 1 :]], skip=0)


@RECORD_TYPES
def test_bytes_left_over_are_refused(record: RecordType) -> None:
    bodies = encode(table(record, simple_rows(record)))
    for at in range(len(bodies)):
        with pytest.raises(ValueError, match=f"message {at} is not one whole {record.name}"):
            decode(record, [*bodies[:at], bodies[at] + b"\x00", *bodies[at + 1 :]], skip=0)


def test_two_messages_that_are_wrong_in_opposite_ways_do_not_cancel_out() -> None:
    one, two, *rest = encode(table(STOCK_OHLCV, simple_rows(STOCK_OHLCV)))

    with pytest.raises(ValueError, match=r"not one whole|negative length"):
        decode(STOCK_OHLCV, [one + two[:1], two[1:], *rest], skip=0)


@RECORD_TYPES
@given(st.lists(st.binary(max_size=150), min_size=1, max_size=3))
def test_random_bytes_are_a_value_error_and_nothing_else(record: RecordType, messages: list[bytes]) -> None:
    try:
        rows = decode(record, messages)
    except ValueError:
        return
    assert len(rows) == len(messages)


def test_a_string_that_is_no_utf_8_is_refused() -> None:
    (body,) = encode(table(STOCK_OHLCV, simple_rows(STOCK_OHLCV, 1)))

    with pytest.raises(ValueError, match="utf-8"):
        decode(STOCK_OHLCV, [body.replace(b"AAPL", b"\xff\xfe\xfd\xfc")], skip=0)


def test_a_number_of_more_than_ten_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="ten bytes"):
        decode(STOCK_OHLCV, [b"\x02A" + b"\xff" * 80], skip=0)


def test_a_string_of_any_length_stands_alone_but_not_among_others() -> None:
    long, short = (
        {**row, "symbol": symbol} for row, symbol in zip(simple_rows(STOCK_OHLCV, 2), ("x" * 300, "y"), strict=True)
    )

    assert encode(table(STOCK_OHLCV, [long])) == by_fastavro(STOCK_OHLCV, [long])
    with pytest.raises(ValueError, match="253 bytes"):
        encode(table(STOCK_OHLCV, [long, short]))


# --- golden bytes -----------------------------------------------------------------------------------------

GOLDEN_ROWS: dict[str, list[Row]] = {
    "StockOhlcv": [
        {
            "symbol": "AAPL",
            "timestamp": 1_704_205_800_000_000,
            "open": 187.15,
            "high": 188.05,
            "low": 186.35,
            "close": 187.83,
            "volume": 3_256_708,
            "count": 37_886,
            "session_vwap": 187.25,
        },
        {
            "symbol": "BRK.B",
            "timestamp": 1_704_205_860_000_000,
            "open": 0.0,
            "high": 0.0,
            "low": 0.0,
            "close": 0.0,
            "volume": 64,
            "count": 0,
            "session_vwap": -0.0,
        },
    ],
    "StockEod": [
        {
            "symbol": "AAPL",
            "timestamp": 1_704_171_600_000_000,
            "open": 187.03,
            "high": 188.44,
            "low": 183.885,
            "close": 185.64,
            "volume": 80_680_243,
            "count": 1_003_582,
            "bid": 185.34,
            "bid_size": 2,
            "bid_exchange": 7,
            "bid_condition": 0,
            "ask": 185.36,
            "ask_size": 2,
            "ask_exchange": 1,
            "ask_condition": 0,
            "created": 1_704_233_873_606_000,
            "last_trade": 1_704_233_871_877_000,
        },
        {
            "symbol": "A",
            "timestamp": -1,
            "open": 1.0,
            "high": 1.0,
            "low": 1.0,
            "close": 1.0,
            "volume": 2**63 - 1,
            "count": -(2**63),
            "bid": 0.0,
            "bid_size": 2**31 - 1,
            "bid_exchange": -(2**31),
            "bid_condition": 63,
            "ask": 0.0,
            "ask_size": 64,
            "ask_exchange": -64,
            "ask_condition": -65,
            "created": 0,
            "last_trade": 8191,
        },
    ],
}


@RECORD_TYPES
def test_bodies_are_those_of_the_golden_file(record: RecordType) -> None:
    rows = GOLDEN_ROWS[record.name]
    golden = (GOLDEN / f"{record.name}.hex").read_text().split()

    assert [body.hex() for body in encode(table(record, rows))] == golden
    assert same(decode(record, [bytes.fromhex(line) for line in golden], skip=0).as_dicts(), rows)
