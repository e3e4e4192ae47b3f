"""Files as a user would make them, and what the provider reads in them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.contracts import Contracts
from app.domain.kinds import Kind, unpack_codes
from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.series import SeriesName
from app.domain.sessions import NEW_YORK
from app.files.client import FilesProvider
from app.files.layout import place_of

MOST = 500_000
BARS = SeriesName("stock", "AAPL", "ohlcv", "1m", "1")
TRADES = SeriesName("stock", "AAPL", "trade", None, "1")
EOD = SeriesName("stock", "AAPL", "eod", None, "1")
QUOTES = SeriesName("option", "SPXW", "quote", None, "1")
INTEREST = SeriesName("option", "SPXW", "open_interest", None, "1")
JAN_2 = dt.date(2024, 1, 2)


def utc(text: str) -> int:
    """New York wall clock as UTC microseconds, in the plainest way."""
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond


def bar(timestamp: Any, **other: Any) -> dict[str, Any]:
    prices = {"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 10, "count": 3, "session_vwap": 1.25}
    return {"timestamp": timestamp, **prices, **other}


def quote(timestamp: Any, expiration: dt.date, strike: float = 4800.0, right: str = "CALL") -> dict[str, Any]:
    sides = {
        f"{side}{what}": value
        for side in ("bid", "ask")
        for what, value in (("", 1.5), ("_size", 1), ("_exchange", 5), ("_condition", 50))
    }
    return {"timestamp": timestamp, "expiration": expiration, "strike": strike, "right": right, **sides}


class Folder:
    """The files, and what the provider makes of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.provider = FilesProvider(root)

    def place(self, series: SeriesName, name: str = "") -> Path:
        """The series' file with this suffix, or the one of this name in its folder."""
        place = place_of(self.root, series)
        path = place.with_name(place.name + name) if name.startswith(".") else place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def csv(self, series: SeriesName, text: str, name: str = ".csv") -> Path:
        path = self.place(series, name)
        path.write_text(text, encoding="utf-8")
        return path

    def parquet(self, series: SeriesName, table: Any, name: str = ".parquet", **options: Any) -> Path:
        path = self.place(series, name)
        pq.write_table(table if isinstance(table, pa.Table) else pa.Table.from_pylist(table), path, **options)
        return path

    def fetch(
        self,
        series: SeriesName,
        start: str = "2024-01-02",
        end: str | None = None,
        hours: tuple[dt.time | None, dt.time | None] = (None, None),
        contracts: Contracts | None = None,
        most: int = MOST,
    ) -> Rows:
        if contracts is None and series.asset == "option":
            contracts = Contracts()
        chunk = Chunk(dt.date.fromisoformat(start), dt.date.fromisoformat(end or start), 1, *hours, contracts)
        return self.provider.fetch(series, chunk, most)


def table_of(rows: Rows, *, zone: str | None = "UTC") -> pa.Table:
    """Rows as a user's table: the record's fields by name, in the types that Arrow has for them."""
    columns: dict[str, Any] = {}
    for name, data in rows.columns.items():
        kind = rows.record.by_name[name].kind
        match kind:
            case Kind.TIMESTAMP:
                columns[name] = pa.array(data, pa.timestamp("us", zone))
            case Kind.DATE:
                columns[name] = pa.array(data, pa.int32()).cast(pa.date32())
            case Kind.RIGHT:
                columns[name] = pa.array([("CALL", "PUT")[one] for one in data.tolist()], pa.string())
            case Kind.CODES:
                columns[name] = pa.array([unpack_codes(one) for one in data.tolist()], pa.list_(pa.int32()))
            case Kind.NULLABLE:
                columns[name] = pa.array(data, pa.float64(), from_pandas=True)
            case _:
                columns[name] = pa.array(data)
    return pa.table(columns)


def csv_of(table: pa.Table) -> str:
    """A table as CSV, written in the plainest way."""
    lines = [",".join(table.column_names)]
    for row in table.to_pylist():
        lines.append(",".join(_cell(value) for value in row.values()))
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case dt.datetime() | dt.date():
            return value.isoformat()
        case list():
            return " ".join(map(str, value))
        case float():
            return repr(value)
        case _:
            return str(value)


def column(rows: Rows, name: str) -> list[Any]:
    return [row[name] for row in rows.as_dicts()]
