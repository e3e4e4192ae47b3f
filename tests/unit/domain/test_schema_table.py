"""The one table of record types, against the contract's own words."""

from __future__ import annotations

from typing import get_args

import fastavro
import numpy as np
import pytest

from app.domain.rows import Rows
from app.domain.schema import INTERVAL_SECONDS, RECORDS, STOCK_EOD, STOCK_OHLCV, Interval, Kind, RecordType, schemas_of

MICROS = {"type": "long", "logicalType": "timestamp-micros"}
SIDES = [
    (f"{side}{part}", kind)
    for side in ("bid", "ask")
    for part, kind in (("", "double"), ("_size", "int"), ("_exchange", "int"), ("_condition", "int"))
]
PRICES = [
    ("open", "double"),
    ("high", "double"),
    ("low", "double"),
    ("close", "double"),
    ("volume", "long"),
    ("count", "long"),
]


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        (STOCK_OHLCV, [("symbol", "string"), ("timestamp", MICROS), *PRICES, ("session_vwap", "double")]),
        (
            STOCK_EOD,
            [("symbol", "string"), ("timestamp", MICROS), *PRICES, *SIDES, ("created", MICROS), ("last_trade", MICROS)],
        ),
    ],
    ids=lambda value: value.name if isinstance(value, RecordType) else None,
)
def test_a_record_has_the_fields_of_the_contract(record: RecordType, fields: list[tuple[str, object]]) -> None:
    schema = record.avro()

    assert (schema["type"], schema["name"]) == ("record", record.name)
    assert [(field["name"], field["type"]) for field in schema["fields"]] == fields
    assert all(field["doc"] for field in schema["fields"])
    fastavro.parse_schema(schema)


@pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)
def test_a_record_type_is_found_by_its_asset_and_schema(record: RecordType) -> None:
    assert RECORDS[record.asset, record.schema] is record
    assert record.schema in schemas_of(record.asset)
    assert (record.default_interval in record.intervals) if record.intervals else record.default_interval is None
    assert list(record.by_name) == [column.name for column in record.columns]


def test_assets_that_are_not_served_have_no_schemas() -> None:
    assert schemas_of("stock") == ("ohlcv", "eod")
    assert schemas_of("option") == ()


def test_every_interval_has_its_seconds_and_ticks_are_none() -> None:
    assert set(INTERVAL_SECONDS) == set(get_args(Interval))
    assert "tick" not in INTERVAL_SECONDS
    assert STOCK_OHLCV.default_interval == "1m"


def test_rows_are_taken_by_mask_index_and_slice() -> None:
    columns = {
        column.name: np.array(["A", "B", "C"] if column.kind is Kind.STRING else [1, 2, 3], dtype=column.kind.dtype)
        for column in STOCK_OHLCV.columns
    }
    rows = Rows(STOCK_OHLCV, columns)

    assert len(rows) == 3
    assert rows.take(np.array([True, False, True])).timestamps.tolist() == [1, 3]
    assert rows.take(np.array([2, 0])).timestamps.tolist() == [3, 1]
    assert rows.take(slice(1, None)).timestamps.tolist() == [2, 3]
    assert [row["symbol"] for row in rows.take(slice(0, 2)).as_dicts()] == ["A", "B"]
    assert rows.as_dicts()[1] == {
        column.name: "B" if column.kind is Kind.STRING else 2 for column in STOCK_OHLCV.columns
    }
