"""Requests in Avro: read by the schema they were written with, whatever that is."""

from __future__ import annotations

import copy
import datetime as dt
import io
from typing import Any

import fastavro
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.avro.request import BACKTEST_REQUEST, read_request
from app.domain.checking import parse_request
from app.errors import InvalidRequest

NOW = dt.datetime(2025, 6, 3, 12, tzinfo=dt.UTC)
Schema = dict[str, Any]

SMALL = {
    "backtest_id": "spring",
    "start": dt.date(2024, 1, 2),
    "end": dt.date(2024, 1, 31),
    "series": [{"asset": "stock", "tickers": ["AAPL", "MSFT"], "schema": "ohlcv", "interval": "1m"}],
}
LARGE = {
    **SMALL,
    "series": [
        {"asset": "stock", "ticker": "AAPL", "empty_bars": "fill", "start_time": "10:00:00", "end_time": "11:00:00"},
        {
            "asset": "option",
            "root": "SPXW",
            "contracts": {
                "expirations": [dt.date(2024, 1, 19)],
                "strikes": [4700.0],
                "right": "both",
                "max_dte": 7,
                "strike_range": 5,
            },
        },
    ],
    "empty_bars": "drop",
    "start_time": "09:30:00",
    "end_time": "16:00:00",
    "live": False,
    "retain_days": 30,
}


def written(message: dict[str, Any], schema: Schema = BACKTEST_REQUEST) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(schema)), message)
    return out.getvalue()


def as_json(message: dict[str, Any]) -> Any:
    return orjson.loads(orjson.dumps(message))


def schema_with(fields: list[str], series: list[str] | None = None) -> Schema:
    """An older version of the schema, that has some of the fields only."""
    schema = copy.deepcopy(BACKTEST_REQUEST)
    schema["fields"] = [field for field in schema["fields"] if field["name"] in fields]
    for field in schema["fields"]:
        if field["name"] == "series" and series is not None:
            item = field["type"]["items"]
            item["fields"] = [part for part in item["fields"] if part["name"] in series]
    return schema


def test_the_schema_is_avro_and_every_optional_field_defaults_to_null() -> None:
    fastavro.parse_schema(copy.deepcopy(BACKTEST_REQUEST))
    required = {"backtest_id", "start", "end", "series", "asset"}
    series = next(field for field in BACKTEST_REQUEST["fields"] if field["name"] == "series")["type"]["items"]
    contracts = next(field for field in series["fields"] if field["name"] == "contracts")["type"][1]
    for record in (BACKTEST_REQUEST, series, contracts):
        for field in record["fields"]:
            if field["name"] not in required:
                assert field["type"][0] == "null"
                assert field["default"] is None


@pytest.mark.parametrize("message", [SMALL, LARGE], ids=["small", "large"])
def test_a_message_reads_as_its_json_form(message: dict[str, Any]) -> None:
    assert read_request(written(message), BACKTEST_REQUEST) == as_json(message)


def test_the_same_request_in_avro_and_in_json_is_the_same_request() -> None:
    read = read_request(written(SMALL), BACKTEST_REQUEST)

    assert parse_request(read, NOW).hash == parse_request(as_json(SMALL), NOW).hash


def test_an_older_writer_leaves_out_what_it_did_not_know() -> None:
    older = schema_with(["backtest_id", "start", "end", "series"], ["asset", "tickers", "schema", "interval"])

    assert read_request(written(SMALL, older), older) == as_json(SMALL)


def test_a_newer_writers_fields_are_passed_over() -> None:
    newer = copy.deepcopy(BACKTEST_REQUEST)
    newer["fields"].insert(1, {"name": "colour", "type": "string"})
    newer["fields"].append({"name": "tags", "type": {"type": "map", "values": "long"}})

    assert read_request(written({**SMALL, "colour": "red", "tags": {"a": 1}}, newer), newer) == as_json(SMALL)


def test_a_writer_whose_fields_are_in_another_order_is_understood() -> None:
    other = copy.deepcopy(BACKTEST_REQUEST)
    other["fields"].reverse()

    assert read_request(written(LARGE, other), other) == as_json(LARGE)


def test_a_writer_with_dates_as_plain_numbers_is_refused_later_and_does_not_crash() -> None:
    other = copy.deepcopy(BACKTEST_REQUEST)
    for field in other["fields"]:
        if field["name"] in {"start", "end"}:
            field["type"] = "int"
    read = read_request(written({**SMALL, "start": 19_724, "end": 19_753}, other), other)

    with pytest.raises(InvalidRequest) as caught:
        parse_request(read, NOW)
    assert [problem.field for problem in caught.value.problems] == ["start", "end"]


@pytest.mark.parametrize("missing", ["backtest_id", "start", "end", "series"])
def test_a_writer_without_a_required_field_is_refused(missing: str) -> None:
    older = schema_with([name for name in SMALL if name != missing])
    message = {name: value for name, value in SMALL.items() if name != missing}

    with pytest.raises(ValueError, match="not Avro of its schema"):
        read_request(written(message, older), older)


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({}, id="empty"),
        pytest.param({"type": "object", "properties": {}}, id="a JSON schema"),
        pytest.param({"type": "string"}, id="a string"),
        pytest.param({"type": "record", "name": "BacktestRequest", "fields": []}, id="a record without fields"),
        pytest.param({"type": "record", "name": "BacktestRequest"}, id="a record that is none"),
        pytest.param({"type": "record", "name": "X", "fields": [{"name": "a", "type": "Unknown"}]}, id="unknown type"),
        pytest.param({"type": "enum", "name": "BacktestRequest", "symbols": ["A"]}, id="an enum"),
    ],
)
def test_another_kind_of_schema_is_refused(schema: Schema) -> None:
    with pytest.raises(ValueError, match="not Avro of its schema"):
        read_request(written(SMALL), schema)


def test_bytes_left_over_are_refused() -> None:
    with pytest.raises(ValueError, match="left over"):
        read_request(written(SMALL) + b"\x00", BACKTEST_REQUEST)


def test_a_message_that_ends_early_is_refused_wherever_it_ends() -> None:
    body = written(LARGE)
    for size in range(len(body)):
        with pytest.raises(ValueError, match="not Avro of its schema"):
            read_request(body[:size], BACKTEST_REQUEST)


@given(st.binary(max_size=200))
def test_random_bytes_are_a_value_error_and_nothing_else(body: bytes) -> None:
    try:
        found = read_request(body, BACKTEST_REQUEST)
    except ValueError:
        return
    assert isinstance(found, dict)


@given(st.binary(max_size=60), st.integers(0, 200))
def test_spoiled_messages_are_a_value_error_or_another_request(noise: bytes, at: int) -> None:
    body = bytearray(written(LARGE))
    at %= len(body)
    body[at : at + len(noise)] = noise
    try:
        read = read_request(bytes(body), BACKTEST_REQUEST)
    except ValueError:
        return
    try:
        parse_request(read, NOW)
    except InvalidRequest as error:
        assert error.problems  # noqa: PT017


@pytest.mark.parametrize("day", [2**31 - 1, -(2**31), 3_000_000])
def test_a_date_beyond_the_calendar_is_refused(day: int) -> None:
    plain = copy.deepcopy(BACKTEST_REQUEST)
    for field in plain["fields"]:
        if field["name"] == "start":
            field["type"] = "int"

    with pytest.raises(ValueError, match="not Avro of its schema"):
        read_request(written({**SMALL, "start": day}, plain), BACKTEST_REQUEST)
