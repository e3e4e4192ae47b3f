"""What a topic should hold, from the terminal's answer, in the plainest way: ``csv``, ``zoneinfo``, row by row."""

from __future__ import annotations

import csv
import datetime as dt
import io
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
    return [{name: _cell(name, cell) for name, cell in row.items()} for row in csv.DictReader(io.StringIO(text))]


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


def _cell(name: str, text: str) -> Any:
    if name == "expiration":
        return dt.date.fromisoformat(text)
    if name in ("created", "last_trade") or name.endswith("timestamp"):
        return dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(dt.UTC)
    if name in ("symbol", "right"):
        return text
    if name in _INTEGERS:
        return int(text)
    return float(text) if text else None
