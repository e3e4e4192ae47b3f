"""Record batches made of columns, read back by aiokafka's own reader and held against golden bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.avro.encode import frame
from app.domain.contracts import occ_keys
from app.domain.kinds import Kind
from app.domain.rows import Rows
from app.domain.schema import RECORDS, STOCK_EOD, RecordType
from app.kafka import batches as module
from app.kafka.batches import BATCH_ROWS, Batch, Keys, batches
from tests.unit.avro.reference import by_fastavro, simple_rows, table, tables

RECORD_TYPES = pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)
FRAME = frame(7)
#: Microseconds of about year 1906 to 2033: what a varint of a distance in milliseconds is asked to hold at most.
STAMPS = st.integers(-2 * 10**15, 2 * 10**15)


def read(batch: Batch, sequence: int = 0) -> tuple[DefaultRecordBatch, list[Any]]:
    found = DefaultRecordBatch(batch.wire(producer_id=4_000_000_000, epoch=3, sequence=sequence))
    assert found.validate_crc()
    return found, list(found)


@RECORD_TYPES
@settings(max_examples=30)
@given(st.data())
def test_any_reader_finds_the_rows_in_their_order(record: RecordType, data: st.DataObject) -> None:
    rows = [{**row, "timestamp": data.draw(STAMPS)} for row in data.draw(tables(record, most=20).filter(bool))]
    for row in rows if record.asset == "option" else ():
        row["expiration"] %= 40_000
    columns = table(record, rows)
    stamps = (columns.timestamps // 1000).tolist()
    keys = [b"BRK.B"] * len(rows) if columns.contracts is None else occ_keys("BRK.B", columns.contracts)

    ((batch, bodies),) = batches(columns, FRAME, Keys.of(columns, "BRK.B"))
    assert bytes(bodies.buffer) == b"".join(by_fastavro(record, rows))
    found, records = read(batch, sequence=41)

    assert [one.value for one in records] == [FRAME + body for body in by_fastavro(record, rows)]
    assert [one.key for one in records] == keys
    assert [one.timestamp for one in records] == stamps
    assert [one.offset for one in records] == list(range(len(rows)))
    assert all(not one.headers for one in records)
    assert (found.first_timestamp, found.max_timestamp) == (stamps[0], max(stamps))
    assert (found.producer_id, found.producer_epoch, found.base_sequence) == (4_000_000_000, 3, 41)
    assert (found.is_transactional, found.is_control_batch, found.compression_type) == (True, False, 3)
    assert found.last_offset_delta == len(rows) - 1


def test_rows_are_cut_into_batches_and_none_is_lost() -> None:
    columns = table(STOCK_EOD, simple_rows(STOCK_EOD, 25))
    assert BATCH_ROWS > 25

    found = [one for one, _ in batches(columns, FRAME, Keys.of(columns, "AAPL"), size=10)]

    assert [one.count for one in found] == [10, 10, 5]
    values = [record.value for one in found for record in read(one)[1]]
    assert values == [FRAME + body for body in by_fastavro(STOCK_EOD, simple_rows(STOCK_EOD, 25))]


def noise(count: int) -> list[dict[str, Any]]:
    """Greeks whose digits nothing compresses."""
    record, chance = RECORDS["option", "greeks"], np.random.default_rng(5)
    return [
        {**row, **{c.name: chance.random() for c in record.columns if c.kind is Kind.DOUBLE and c.name != "strike"}}
        for row in simple_rows(record, count)
    ]


def test_a_batch_that_brokers_would_not_take_is_cut_until_they_do() -> None:
    record, rows = RECORDS["option", "greeks"], noise(1_000)
    columns = table(record, rows)

    found = [one for one, _ in batches(columns, FRAME, Keys.of(columns, "SPXW"), size=600, most=20_000)]

    assert len({one.count for one in found}) > 1
    assert all(len(one.records) <= 20_000 for one in found)
    assert [r.value for one in found for r in read(one)[1]] == [FRAME + body for body in by_fastavro(record, rows)]


def test_only_the_first_rows_of_a_type_pay_for_a_batch_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    record, laid_out, fitting = RECORDS["option", "greeks"], list[int](), dict[str, int]()
    columns = table(record, noise(1_000))
    made = module._batch

    def counted(rows: Rows, *others: Any) -> Any:
        laid_out.append(len(rows))
        return made(rows, *others)

    monkeypatch.setattr(module, "_batch", counted)

    def sizes(which: Rows) -> list[int]:
        laid_out.clear()
        found = batches(which, FRAME, Keys.of(which, "SPXW"), fitting, size=600, most=20_000)
        return [one.count for one, _ in found]

    first = sizes(columns)
    assert laid_out[0] == 600, "too many"
    assert len(laid_out) > len(first)
    assert sizes(columns) == laid_out
    assert max(laid_out) == first[0] < 400
    assert sizes(table(STOCK_EOD, simple_rows(STOCK_EOD, 400))) == [400], "other types are not cut for it"


def test_the_keys_of_a_chain_are_each_rows_own_in_every_batch() -> None:
    record = RECORDS["option", "quote"]
    rows = [{**row, "strike": 100.0 + i % 7} for i, row in enumerate(simple_rows(record, 50))]
    columns = table(record, rows)

    found = [one for one, _ in batches(columns, FRAME, Keys.of(columns, "SPXW"), size=20)]

    assert columns.contracts is not None
    assert [r.key for one in found for r in read(one)[1]] == occ_keys("SPXW", columns.contracts)
    assert len({r.key for one in found for r in read(one)[1]}) > 7


def test_the_golden_batch() -> None:
    record = RECORDS["option", "open_interest"]
    columns = table(record, simple_rows(record, 3))

    ((batch, _),) = batches(columns, FRAME, Keys.of(columns, "AAPL"))

    assert batch.wire(1, 2, 3).hex() == GOLDEN


def test_no_rows_make_no_batch() -> None:
    columns = table(STOCK_EOD, [])

    assert list(batches(columns, FRAME, Keys([b"AAPL"]))) == []
    assert np.shape(columns.timestamps) == (0,)


GOLDEN = (
    "0000000000000000000000b5ffffffff02b05c389c0013000000020000000000000000000000000000000200000000000000"
    "010002000000030000000304224d187040ad71000000f004660000002a4141504c202032323031303843300100a035303030"
    "0000000007081c0030f0a8020d00400000e03f0600486a000202340020395033005031353030341f0002340014f23400c7f8"
    "3f02d00fcf0f006a00040436002131306a001a32360014f4360080044000a01f9f1f00f779d32300000000"
)
