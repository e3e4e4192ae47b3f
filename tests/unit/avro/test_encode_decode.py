"""Vectorised Avro, held against fastavro byte by byte."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.avro import encode as encoding
from app.avro.decode import decode
from app.avro.encode import encode, frame
from app.avro.layout import lay_out
from app.avro.words import words
from app.domain.kinds import RIGHTS, Column, Kind
from app.domain.rows import Rows, constant
from app.domain.schema import RECORDS, STOCK_EOD, STOCK_OHLCV, RecordType
from tests.unit.avro.reference import LARGEST_CODE, Row, by_fastavro, same, simple_rows, table, tables

RECORD_TYPES = pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)
OPTION_TRADE = RECORDS["option", "trade"]
OPTION_GREEKS = RECORDS["option", "greeks"]


@RECORD_TYPES
@given(st.data())
def test_bodies_are_what_fastavro_writes(record: RecordType, data: st.DataObject) -> None:
    rows = data.draw(tables(record))

    assert encode(table(record, rows)) == by_fastavro(record, rows)


@RECORD_TYPES
@given(st.data())
def test_decoding_brings_the_rows_back(record: RecordType, data: st.DataObject) -> None:
    rows = data.draw(tables(record))
    found, given_rows = decode(record, encode(table(record, rows), frame(7))), table(record, rows)

    assert same(found.as_dicts(), rows)
    assert {name: column.dtype for name, column in found.columns.items()} == {
        column.name: column.kind.dtype for column in record.columns
    }
    if record.asset == "stock":
        assert found.contracts is None
    else:
        np.testing.assert_array_equal(found.contracts, given_rows.contracts)


@RECORD_TYPES
@settings(max_examples=15)
@given(st.data())
def test_a_row_is_the_same_bytes_in_a_width_group_and_on_its_own(record: RecordType, data: st.DataObject) -> None:
    rows = data.draw(tables(record, most=30).filter(bool))
    pieces = words(table(record, rows), b"\x00\x01\x02\x03\x04")

    assert lay_out(pieces, rows_per_group=0) == lay_out(pieces, rows_per_group=1 << 40)


def of_any_width(column: Column, chance: random.Random) -> Any:
    """A value whose bytes are as likely few as many."""

    def number(bits: int) -> int:
        return chance.choice([1, -1]) * chance.getrandbits(chance.randint(0, bits))

    match column.kind:
        case Kind.DOUBLE:
            return chance.randrange(100_000_000) / 1000
        case Kind.NULLABLE:
            return chance.choice([None, chance.random()])
        case Kind.STRING:
            return chance.choice(["", "A", "AAPL", "BRK.B", "é" * 30])
        case Kind.RIGHT:
            return chance.choice(RIGHTS)
        case Kind.CODES:
            return [chance.choice([1, 100, 10_000]) for _ in range(chance.randint(0, 4))]
        case Kind.INT | Kind.DATE:
            return number(31)
        case _:
            return number(63)


@RECORD_TYPES
def test_many_combinations_of_widths_keep_their_order(record: RecordType) -> None:
    chance = random.Random(7)
    rows = [{column.name: of_any_width(column, chance) for column in record.columns} for _ in range(2_000)]
    bodies = by_fastavro(record, rows)

    assert encode(table(record, rows)) == bodies
    assert lay_out(words(table(record, rows), b""), rows_per_group=0) == bodies
    assert same(decode(record, bodies, skip=0).as_dicts(), rows)


def test_two_widths_in_each_of_many_columns_are_not_mixed_up() -> None:
    varying = [column for column in STOCK_EOD.columns if column.kind is not Kind.DOUBLE]
    assert len(varying) > 8
    rows = []
    for i in range(2 ** len(varying)):
        row: Row = {column.name: 1.0 for column in STOCK_EOD.columns}
        for bit, column in enumerate(varying):
            wide = i >> bit & 1
            row[column.name] = ("AB" if wide else "A") if column.kind is Kind.STRING else (100 if wide else 1)
        rows.append(row)
    pieces = words(table(STOCK_EOD, rows), b"")

    assert lay_out(pieces, rows_per_group=0) == lay_out(pieces) == by_fastavro(STOCK_EOD, rows)


def test_more_combinations_of_missing_values_than_a_key_has_room_for_are_not_mixed_up() -> None:
    nullable = [column.name for column in OPTION_GREEKS.columns if column.kind is Kind.NULLABLE]
    assert 9 ** len(nullable) > 1 << 62
    chance = random.Random(1)
    (plain,) = simple_rows(OPTION_GREEKS, 1)
    rows = [plain | {name: chance.choice([None, 1.5]) for name in nullable} for _ in range(500)]
    # Two that differ in the first column only, or the last.
    rows += [plain | dict.fromkeys(nullable, 1.5) | {name: None} for name in nullable for _ in range(2)]
    pieces = words(table(OPTION_GREEKS, rows), b"")

    assert lay_out(pieces, rows_per_group=0) == lay_out(pieces) == by_fastavro(OPTION_GREEKS, rows)


@pytest.mark.parametrize("missing", ["every", "no"])
def test_a_column_of_nothing_but_nulls_and_one_without_any(missing: str) -> None:
    rows = [
        {
            column.name: (None if missing == "every" else 0.5) if column.kind is Kind.NULLABLE else row[column.name]
            for column in OPTION_GREEKS.columns
        }
        for row in simple_rows(OPTION_GREEKS, 5)
    ]

    assert encode(table(OPTION_GREEKS, rows)) == by_fastavro(OPTION_GREEKS, rows)
    assert same(decode(OPTION_GREEKS, by_fastavro(OPTION_GREEKS, rows), skip=0).as_dicts(), rows)


@given(st.lists(st.lists(st.sampled_from([0, 1, 63, 64, 8191, 8192, LARGEST_CODE]), max_size=4), min_size=1))
@example([[LARGEST_CODE] * 4])
@example([[]])
def test_codes_of_any_number_and_size(codes: list[list[int]]) -> None:
    (plain,) = simple_rows(OPTION_TRADE, 1)
    rows = [plain | {"ext_conditions": found} for found in codes]
    bodies = encode(table(OPTION_TRADE, rows))

    assert bodies == by_fastavro(OPTION_TRADE, rows)
    assert same(decode(OPTION_TRADE, bodies, skip=0).as_dicts(), rows)


@RECORD_TYPES
def test_no_rows_are_no_bodies(record: RecordType) -> None:
    assert encode(table(record, [])) == []
    found = decode(record, [])
    assert len(found) == 0
    assert list(found.columns) == [column.name for column in record.columns]


@RECORD_TYPES
def test_every_message_begins_with_the_prefix(record: RecordType) -> None:
    rows = table(record, simple_rows(record))

    assert encode(rows, b"\x00\x01\x02") == [b"\x00\x01\x02" + body for body in encode(rows)]


def test_the_frame_is_confluents() -> None:
    assert frame(1) == b"\x00\x00\x00\x00\x01"
    assert frame(0x01020304) == b"\x00\x01\x02\x03\x04"


@RECORD_TYPES
def test_blocks_follow_one_another(record: RecordType, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(record, simple_rows(record, 10))
    whole = encode(rows, b"\x00")
    monkeypatch.setattr(encoding, "BLOCK_ROWS", 3)

    assert encode(rows, b"\x00") == whole


@RECORD_TYPES
def test_a_column_of_one_string_is_encoded_like_any_other_and_decoded_as_one(record: RecordType) -> None:
    rows = table(record, simple_rows(record, 10))
    text = record.columns[0].name
    columns = {**rows.columns, text: constant("AAPL", 10)}

    assert encode(Rows.of(record, columns)) == encode(rows)
    assert decode(record, encode(rows), skip=0).columns[text].strides == (0,)


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


def test_a_long_string_among_short_ones() -> None:
    rows = [
        {**row, "symbol": symbol}
        for row, symbol in zip(simple_rows(STOCK_OHLCV, 3), ("x" * 9000, "y", ""), strict=True)
    ]

    assert encode(table(STOCK_OHLCV, rows)) == by_fastavro(STOCK_OHLCV, rows)
    assert same(decode(STOCK_OHLCV, by_fastavro(STOCK_OHLCV, rows), skip=0).as_dicts(), rows)
