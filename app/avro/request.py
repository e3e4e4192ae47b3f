"""The Avro form of a request on ``requests``: the schema ``BacktestRequest``, and how a message is read.

Field names are those of the JSON. Every optional field is nullable with default null, dates are ``date``, so that
a producer in any language can leave out what it does not need.
"""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import fastavro

_DATE = {"type": "int", "logicalType": "date"}


def _optional(name: str, kind: Any, doc: str) -> dict[str, Any]:
    return {"name": name, "type": ["null", kind], "default": None, "doc": doc}


_CONTRACTS = {
    "type": "record",
    "name": "ContractFilter",
    "doc": "Which contracts of an option chain; a filter that is left out does not filter.",
    "fields": [
        _optional("expirations", {"type": "array", "items": _DATE}, "Expiration dates."),
        _optional("strikes", {"type": "array", "items": "double"}, "Strikes in dollars."),
        _optional("right", "string", "call, put or both."),
        _optional("max_dte", "int", "Most calendar days to expiration, as of each session."),
        _optional("strike_range", "int", "Strikes each side of the money, as of each session."),
    ],
}
_SERIES = {
    "type": "record",
    "name": "SeriesRequest",
    "doc": "One entry of a backtest: one asset, schema and interval for one or more symbols.",
    "fields": [
        {"name": "asset", "type": "string", "doc": "stock or option."},
        _optional("tickers", {"type": "array", "items": "string"}, "Tickers of stocks."),
        _optional("ticker", "string", "One ticker, in place of tickers."),
        _optional("root", "string", "Root of an option chain."),
        _optional("contracts", _CONTRACTS, "Which contracts of the chain; null: all of it."),
        _optional("schema", "string", "Kind of record; null: ohlcv."),
        _optional("interval", "string", "Interval of the record; null: the schema's default."),
        _optional("empty_bars", "string", "drop or fill, for this series."),
        _optional("start_time", "string", "First time of day, HH:MM:SS New York, for this series."),
        _optional("end_time", "string", "Last time of day, HH:MM:SS New York, for this series."),
    ],
}
#: Registered under the subject of the same name before the platform is ready.
BACKTEST_REQUEST: dict[str, Any] = {
    "type": "record",
    "name": "BacktestRequest",
    "doc": "A request for historical series under one backtest id, as it may be published on `requests`.",
    "fields": [
        {"name": "backtest_id", "type": "string", "doc": "Chosen by the asker; part of the topics' names."},
        {"name": "start", "type": _DATE, "doc": "First session date, New York, inclusive."},
        {"name": "end", "type": _DATE, "doc": "Last session date, New York, inclusive."},
        {"name": "series", "type": {"type": "array", "items": _SERIES}, "doc": "What to fetch."},
        _optional("empty_bars", "string", "drop or fill, for series that do not say."),
        _optional("start_time", "string", "First time of day, HH:MM:SS New York, for series that do not say."),
        _optional("end_time", "string", "Last time of day, HH:MM:SS New York, for series that do not say."),
        _optional("live", "boolean", "Go on into the live topics after the last session."),
        _optional("retain_days", "int", "Days after which the topics expire; null: never."),
    ],
}
#: Parts of a schema that a message may be written with; the request's own has fifty.
_MOST_PARTS = 1_000
_READER = fastavro.parse_schema(BACKTEST_REQUEST)


def read_request(body: bytes, writer: dict[str, Any]) -> dict[str, Any]:
    """A message body in the JSON form of a request. ``writer`` is the schema it was written with.

    Raises ``ValueError`` when the body is not one whole record of a compatible schema.
    """
    _check_schema(writer)
    stream = io.BytesIO(body)
    try:
        found = fastavro.schemaless_reader(stream, fastavro.parse_schema(writer), _READER)
    except Exception as error:  # noqa: BLE001
        # fastavro lets whatever the bytes provoke come through: EOFError, IndexError, UnicodeDecodeError, its own.
        raise ValueError(f"the body is not Avro of its schema: {type(error).__name__} {error}") from None
    if stream.read(1):
        raise ValueError("bytes are left over after the record")
    assert isinstance(found, dict)
    plain = _plain(found)
    assert isinstance(plain, dict)
    return plain


def _check_schema(schema: dict[str, Any]) -> None:
    """Raise ``ValueError`` for a schema with which a short body keeps the reader busy for hours or ends the process."""
    try:
        if _counts_nothing(schema):
            raise ValueError("its schema has items that take no bytes, of which a message can claim any number")
        if _parts(schema, {}) > _MOST_PARTS:
            raise ValueError(f"its schema has more than {_MOST_PARTS} parts, each where it is used")
    except RecursionError:
        raise ValueError("its schema is nested too deeply") from None


def _parts(schema: Any, known: dict[str, int]) -> int:
    """How many parts a reader goes through for one value; more than may be for a type that contains itself, for which
    fastavro's reader goes as deep as the bytes say and overflows its stack. ``known``: of named types."""
    match schema:
        case str():
            return known.get(schema.rpartition(".")[2], 1)
        case list():
            return 1 + sum(_parts(one, known) for one in schema)
        case {"type": "record" | "error", "fields": list(fields)}:
            name = str(schema.get("name")).rpartition(".")[2]
            known[name] = _MOST_PARTS + 1
            known[name] = 1 + sum(_parts(one.get("type"), known) for one in fields if isinstance(one, dict))
            return known[name]
        case dict():
            return 1 + sum(_parts(schema.get(name), known) for name in ("type", "items", "values") if name in schema)
        case _:
            return 1


def _counts_nothing(schema: Any) -> bool:
    """Whether a schema has an array or map whose items are empty: 5 bytes of it keep a reader busy for hours."""
    match schema:
        case {"type": "array", "items": items} | {"type": "map", "values": items} if _is_empty(items):
            return True
        case dict():
            return any(_counts_nothing(part) for part in schema.values())
        case list():
            return any(_counts_nothing(part) for part in schema)
        case _:
            return False


def _is_empty(schema: Any) -> bool:
    match schema:
        case "null" | {"type": "null"} | {"type": "fixed", "size": 0} | []:
            return True
        case {"type": "record", "fields": fields}:
            return all(_is_empty(field.get("type")) for field in fields)
        case _:
            return False


def _plain(value: Any) -> Any:
    """Dates as text and without the nulls, as JSON has them."""
    match value:
        case dict():
            return {name: _plain(part) for name, part in value.items() if part is not None}
        case list():
            return [_plain(part) for part in value]
        case dt.date():
            return value.isoformat()
        case _:
            return value
