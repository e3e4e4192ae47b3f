"""What a topic should hold, from the terminal's answer, in the plainest way: ``csv``, ``zoneinfo``, row by row."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
TRADED = ("open", "high", "low", "close", "volume", "count")
_INTEGERS = {
    *("volume", "count", "size", "exchange", "condition", "sequence", "open_interest"),
    *(f"{side}_{what}" for side in ("bid", "ask") for what in ("size", "exchange", "condition")),
    *(f"ext_condition{i}" for i in range(1, 5)),
}
_RENAMED = {"vwap": "session_vwap", "trade_timestamp": "timestamp"}
Row = dict[str, Any]


def table(text: str) -> list[Row]:
    """The cells of a CSV answer, each as what its column says."""
    header, *lines = csv.reader(io.StringIO(text))
    columns = [(name, _reading(name)) for name in header]
    return [{name: read(cell) for (name, read), cell in zip(columns, line, strict=True)} for line in lines]


def expected(answer: list[Row], symbol: str, schema: str, *, fill: bool = False) -> list[Row]:
    """The rows that a series of this schema holds when the terminal answered so: in event-time order, contracts by
    their OCC symbols, bars without a trade left out."""
    assert not fill
    rows = [_row(row, symbol, schema) for row in answer]
    if schema == "ohlcv":
        rows = [row for row in rows if any(row[name] for name in TRADED)]
    return sorted(rows, key=lambda row: (row["timestamp"], occ(row) if "root" in row else ""))


def occ(row: Row) -> str:
    """The OCC symbol of an option's row."""
    strike = round(row["strike"] * 1000)
    return f"{row['root']:<6}{row['expiration']:%y%m%d}{row['right'][0]}{strike:08d}"


def _row(row: Row, symbol: str, schema: str) -> Row:
    found = {_RENAMED.get(name, name): value for name, value in row.items() if not name.startswith("ext_condition")}
    if "ext_condition1" in row:
        codes = [row[f"ext_condition{i}"] for i in range(1, 5)]
        found["ext_conditions"] = [code for code in codes if code != 255]
    if schema == "eod":
        day = row["created"].astimezone(NEW_YORK).date()
        found["timestamp"] = dt.datetime.combine(day, dt.time(), NEW_YORK).astimezone(dt.UTC)
    if "expiration" in row:
        found["root"] = found.pop("symbol")
    else:
        found["symbol"] = symbol
    return found


@cache
def _reading(name: str) -> Callable[[str], Any]:
    """How the cells of a column are read."""
    if name == "expiration":
        return _date
    if name in ("created", "last_trade") or name.endswith("timestamp"):
        return _stamp
    if name in ("symbol", "right"):
        return str
    if name in _INTEGERS:
        return int
    return _number


# A chain says the same instants and expirations once for each contract.
@cache
def _date(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@cache
def _stamp(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(dt.UTC)


def _number(text: str) -> float | None:
    return float(text) if text else None
