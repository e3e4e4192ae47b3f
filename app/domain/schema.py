"""The one table of record types: what is in a row, and how each part is called and stored.

Avro schemas, numpy dtypes, the decoder of provider answers, the encoder, the generated docs and tests are
all derived from ``RECORDS``. Nothing else in the house lists a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, Literal

import numpy as np

Asset = Literal["stock", "option"]
Schema = Literal["ohlcv", "eod"]
Interval = Literal["1s", "5s", "10s", "15s", "30s", "1m", "5m", "10m", "15m", "30m", "1h"]

INTERVAL_SECONDS: dict[Interval, int] = {
    "1s": 1,
    "5s": 5,
    "10s": 10,
    "15s": 15,
    "30s": 30,
    "1m": 60,
    "5m": 300,
    "10m": 600,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
}


class Kind(Enum):
    """How a column is stored: its Avro type and the numpy dtype that holds it before encoding."""

    STRING = "string"
    INT = "int"
    LONG = "long"
    DOUBLE = "double"
    TIMESTAMP = "timestamp-micros"

    @property
    def avro(self) -> str | dict[str, str]:
        if self is Kind.TIMESTAMP:
            return {"type": "long", "logicalType": "timestamp-micros"}
        return str(self.value)

    @property
    def dtype(self) -> np.dtype[Any]:
        return _DTYPES[self]


_DTYPES: dict[Kind, np.dtype[Any]] = {
    Kind.STRING: np.dtype(object),
    Kind.INT: np.dtype(np.int32),
    Kind.LONG: np.dtype(np.int64),
    Kind.DOUBLE: np.dtype(np.float64),
    Kind.TIMESTAMP: np.dtype(np.int64),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record. ``source`` is the provider's column; None when the platform fills it itself."""

    name: str
    kind: Kind
    source: str | None
    doc: str


@dataclass(frozen=True)
class RecordType:
    """One Avro record type: an asset and a schema. ``intervals`` is empty for schemas that have none."""

    name: str
    asset: Asset
    schema: Schema
    doc: str
    columns: tuple[Column, ...]
    intervals: tuple[Interval, ...] = ()
    default_interval: Interval | None = None

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def avro(self) -> dict[str, Any]:
        """The Avro schema, as it is registered under the subject that bears the record's name."""
        return {
            "type": "record",
            "name": self.name,
            "doc": self.doc,
            "fields": [{"name": c.name, "type": c.kind.avro, "doc": c.doc} for c in self.columns],
        }


def _prices() -> tuple[Column, ...]:
    return (
        Column("open", Kind.DOUBLE, "open", "First eligible trade, dollars."),
        Column("high", Kind.DOUBLE, "high", "Highest eligible trade, dollars."),
        Column("low", Kind.DOUBLE, "low", "Lowest eligible trade, dollars."),
        Column("close", Kind.DOUBLE, "close", "Last eligible trade, dollars."),
        Column("volume", Kind.LONG, "volume", "Shares traded."),
        Column("count", Kind.LONG, "count", "Trades counted."),
    )


def _side(side: Literal["bid", "ask"]) -> tuple[Column, ...]:
    return (
        Column(side, Kind.DOUBLE, side, f"National best {side}, dollars."),
        Column(f"{side}_size", Kind.INT, f"{side}_size", f"Size at the {side}, as the provider gives it."),
        Column(f"{side}_exchange", Kind.INT, f"{side}_exchange", f"Exchange code of the {side}."),
        Column(f"{side}_condition", Kind.INT, f"{side}_condition", f"Quote condition code of the {side}."),
    )


_SYMBOL = Column("symbol", Kind.STRING, None, "Ticker, upper case.")

STOCK_OHLCV = RecordType(
    name="StockOhlcv",
    asset="stock",
    schema="ohlcv",
    doc="A bar of a stock, not adjusted for splits or dividends.",
    columns=(
        _SYMBOL,
        Column("timestamp", Kind.TIMESTAMP, "timestamp", "Open of the bar, UTC microseconds."),
        *_prices(),
        Column(
            "session_vwap",
            Kind.DOUBLE,
            "vwap",
            "Volume-weighted price of the session so far, to this bar's end, rounded as the provider gives it.",
        ),
    ),
    intervals=tuple(INTERVAL_SECONDS),
    default_interval="1m",
)

STOCK_EOD = RecordType(
    name="StockEod",
    asset="stock",
    schema="eod",
    doc="The provider's end-of-day report of a stock, not adjusted for splits or dividends.",
    columns=(
        _SYMBOL,
        Column("timestamp", Kind.TIMESTAMP, None, "Session date: midnight in New York, UTC microseconds."),
        *_prices(),
        *_side("bid"),
        *_side("ask"),
        Column("created", Kind.TIMESTAMP, "created", "When the provider made the report, UTC microseconds."),
        Column("last_trade", Kind.TIMESTAMP, "last_trade", "Time of the session's last trade, UTC microseconds."),
    ),
)

#: Every record type, by asset and schema.
RECORDS: dict[tuple[Asset, Schema], RecordType] = {(r.asset, r.schema): r for r in (STOCK_OHLCV, STOCK_EOD)}


def schemas_of(asset: Asset) -> tuple[Schema, ...]:
    """The schemas that are served for an asset, in the table's order."""
    return tuple(schema for (of, schema) in RECORDS if of == asset)
