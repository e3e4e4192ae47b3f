"""Rows one after another in one buffer are what they are as messages."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.avro.flat import LEAST, flat
from app.avro.layout import row_sizes
from app.avro.words import fields, packed, words
from app.domain.schema import RECORDS, RecordType
from tests.unit.avro.reference import by_fastavro, simple_rows, table, tables

RECORD_TYPES = pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)


@RECORD_TYPES
@given(st.data())
def test_the_buffer_holds_the_bodies_one_after_another(record: RecordType, data: st.DataObject) -> None:
    rows = data.draw(tables(record, most=30).filter(bool))
    bodies = by_fastavro(record, rows)

    buffer, sizes = flat(packed(fields(table(record, rows))))

    assert bytes(buffer) == b"".join(bodies)
    assert [sizes] * len(rows) == [len(bodies[0])] * len(rows) if isinstance(sizes, int) else True
    if not isinstance(sizes, int):
        assert sizes.tolist() == [len(body) for body in bodies]


@RECORD_TYPES
def test_no_row_is_shorter_than_a_word(record: RecordType) -> None:
    # What ``flat`` relies on; the shortest bodies that there are.
    rows = [{**row, "timestamp": 0} for row in simple_rows(record, 1)]

    assert min(map(len, by_fastavro(record, rows))) >= LEAST


def test_rows_of_one_size_take_no_sizes_of_their_own() -> None:
    record = RECORDS["stock", "quote"]
    rows = table(record, simple_rows(record, 1) * 5)

    assert row_sizes(packed(fields(rows))) == len(by_fastavro(record, simple_rows(record, 1))[0])


def test_whatever_stands_before_the_bodies_ends_where_they_begin() -> None:
    record, chance = RECORDS["stock", "ohlcv"], random.Random(3)
    rows = [{**row, "volume": chance.getrandbits(chance.randint(0, 60))} for row in simple_rows(record, 500)]
    prefix = b"\x00\x01\x02\x03\x04"

    buffer, _ = flat(words(table(record, rows), prefix))

    assert bytes(buffer) == b"".join(prefix + body for body in by_fastavro(record, rows))
