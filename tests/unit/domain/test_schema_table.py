"""The one table of record types, against the contract's own words."""

from __future__ import annotations

from typing import Any, get_args

import fastavro
import numpy as np
import pytest

from app.domain.kinds import Kind, pack_codes, unpack_codes
from app.domain.rows import Rows
from app.domain.schema import INTERVAL_SECONDS, RECORDS, STOCK_OHLCV, Interval, RecordType, schemas_of

MICROS = {"type": "long", "logicalType": "timestamp-micros"}
DATE = {"type": "int", "logicalType": "date"}
RIGHT = {"type": "enum", "name": "Right", "symbols": ["CALL", "PUT"]}
CODES = {"type": "array", "items": "int"}
NULLABLE = ["null", "double"]

STOCK = {"symbol": "string"}
CONTRACT = {"root": "string", "expiration": DATE, "strike": "double", "right": RIGHT}
PRICES = {"open": "double", "high": "double", "low": "double", "close": "double", "volume": "long", "count": "long"}
BAR = {"timestamp": MICROS, **PRICES, "session_vwap": "double"}
SIDES = {
    "bid": "double",
    "bid_size": "int",
    "bid_exchange": "int",
    "bid_condition": "int",
    "ask": "double",
    "ask_size": "int",
    "ask_exchange": "int",
    "ask_condition": "int",
}
QUOTE = {"timestamp": MICROS, **SIDES}
TRADE = {
    "timestamp": MICROS,
    "price": "double",
    "size": "int",
    "exchange": "int",
    "condition": "int",
    "ext_conditions": CODES,
    "sequence": "long",
}
TRADE_QUOTE = {**TRADE, "quote_timestamp": MICROS, **SIDES}
EOD = {"timestamp": MICROS, **PRICES, **SIDES, "created": MICROS, "last_trade": MICROS}
UNDERLYING = {"underlying_timestamp": MICROS, "underlying_price": NULLABLE}

FIELDS: dict[str, dict[str, Any]] = {
    "StockOhlcv": STOCK | BAR,
    "StockQuote": STOCK | QUOTE,
    "StockTrade": STOCK | TRADE,
    "StockTradeQuote": STOCK | TRADE_QUOTE,
    "StockEod": STOCK | EOD,
    "OptionOhlcv": CONTRACT | BAR,
    "OptionQuote": CONTRACT | QUOTE,
    "OptionTrade": CONTRACT | TRADE,
    "OptionTradeQuote": CONTRACT | TRADE_QUOTE,
    "OptionEod": CONTRACT | EOD,
    "OptionOpenInterest": CONTRACT | {"timestamp": MICROS, "open_interest": "long"},
    "OptionGreeks": CONTRACT
    | {
        "timestamp": MICROS,
        "bid": NULLABLE,
        "ask": NULLABLE,
        "delta": NULLABLE,
        "theta": NULLABLE,
        "vega": NULLABLE,
        "rho": NULLABLE,
        "epsilon": NULLABLE,
        "lambda": NULLABLE,
        "gamma": NULLABLE,
        "vanna": NULLABLE,
        "charm": NULLABLE,
        "vomma": NULLABLE,
        "veta": NULLABLE,
        "vera": NULLABLE,
        "speed": NULLABLE,
        "zomma": NULLABLE,
        "color": NULLABLE,
        "ultima": NULLABLE,
        "d1": NULLABLE,
        "d2": NULLABLE,
        "dual_delta": NULLABLE,
        "dual_gamma": NULLABLE,
        "implied_vol": NULLABLE,
        "iv_error": NULLABLE,
        **UNDERLYING,
    },
    "OptionImpliedVolatility": CONTRACT
    | {
        "timestamp": MICROS,
        "bid": NULLABLE,
        "bid_implied_vol": NULLABLE,
        "midpoint": NULLABLE,
        "implied_vol": NULLABLE,
        "ask": NULLABLE,
        "ask_implied_vol": NULLABLE,
        "iv_error": NULLABLE,
        **UNDERLYING,
    },
}
RECORD_TYPES = pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)


@RECORD_TYPES
def test_a_record_has_the_fields_of_the_contract(record: RecordType) -> None:
    schema = record.avro()

    assert (schema["type"], schema["name"]) == ("record", record.name)
    assert [(field["name"], field["type"]) for field in schema["fields"]] == list(FIELDS[record.name].items())
    assert all(field["doc"] for field in schema["fields"])
    fastavro.parse_schema(schema)


@RECORD_TYPES
def test_a_field_that_may_be_missing_defaults_to_null_and_no_other_has_a_default(record: RecordType) -> None:
    for field in record.avro()["fields"]:
        assert ("default" in field) == (field["type"] == NULLABLE)
        assert field.get("default") is None


def test_every_record_of_the_contract_is_served() -> None:
    assert [record.name for record in RECORDS.values()] == list(FIELDS)
    assert schemas_of("stock") == ("ohlcv", "quote", "trade", "trade_quote", "eod")
    assert schemas_of("option") == (*schemas_of("stock"), "open_interest", "greeks", "implied_volatility")


@RECORD_TYPES
def test_a_record_type_is_found_by_its_asset_and_schema(record: RecordType) -> None:
    assert RECORDS[record.asset, record.schema] is record
    assert record.schema in schemas_of(record.asset)
    assert list(record.by_name) == [column.name for column in record.columns]


INTERVALS = ("1s", "5s", "10s", "15s", "30s", "1m", "5m", "10m", "15m", "30m", "1h")


@pytest.mark.parametrize(
    ("schema", "allowed", "default"),
    [
        ("ohlcv", INTERVALS, "1m"),
        ("quote", ("tick", *INTERVALS), None),
        ("greeks", ("tick", *INTERVALS), "1m"),
        ("implied_volatility", ("tick", *INTERVALS), "1m"),
        ("trade", (), None),
        ("trade_quote", (), None),
        ("eod", (), None),
        ("open_interest", (), None),
    ],
)
def test_intervals_are_those_of_the_contract(schema: str, allowed: tuple[str, ...], default: str | None) -> None:
    records = [record for record in RECORDS.values() if record.schema == schema]
    assert records
    for record in records:
        assert record.allowed_intervals == allowed
        assert record.default_interval == default
        assert record.takes(default if default is None else "1m")
        assert record.takes(None) == ("tick" in allowed or not allowed)
        assert record.takes("1h") == ("1h" in allowed)


def test_every_interval_has_its_seconds_and_ticks_are_none() -> None:
    assert set(INTERVAL_SECONDS) == set(get_args(Interval))
    assert "tick" not in INTERVAL_SECONDS


def test_codes_are_packed_in_their_order_and_close_up() -> None:
    columns = [np.array(codes) for codes in ([1, 255, 255], [255, 255, 0], [3, 255, 255], [32_766, 255, 7])]
    packed = pack_codes(columns, none=255)

    assert [unpack_codes(row) for row in packed.tolist()] == [[1, 3, 32_766], [], [0, 7]]


@pytest.mark.parametrize("code", [-1, 32_767, 70_000])
def test_a_code_that_has_no_room_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        pack_codes([np.array([code])], none=255)


def test_rows_are_taken_by_mask_index_and_slice() -> None:
    columns = {
        column.name: np.array(["A", "B", "C"] if column.kind is Kind.STRING else [1, 2, 3], dtype=column.kind.dtype)
        for column in STOCK_OHLCV.columns
    }
    rows = Rows.of(STOCK_OHLCV, columns)

    assert len(rows) == 3
    assert rows.take(np.array([True, False, True])).timestamps.tolist() == [1, 3]
    assert rows.take(np.array([2, 0])).timestamps.tolist() == [3, 1]
    assert rows.take(slice(1, None)).timestamps.tolist() == [2, 3]
    assert [row["symbol"] for row in rows.take(slice(0, 2)).as_dicts()] == ["A", "B"]
    assert rows.as_dicts()[1] == {
        column.name: "B" if column.kind is Kind.STRING else 2 for column in STOCK_OHLCV.columns
    }
