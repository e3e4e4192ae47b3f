"""From the terminal's CSV to rows: columns by name, checked, in UTC.

The table is taken only when it is what was asked: every expected column there and free of holes, times within
the days and hours of the request and strictly rising. Extra columns and another order of columns are fine.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.schema import Kind, RecordType
from app.domain.series import SeriesName
from app.domain.times import DAY, SECOND, new_york_to_utc
from app.errors import BadTable
from app.provider import Hours

_ARROW: dict[Kind, Any] = {
    Kind.STRING: pa.string(),
    Kind.INT: pa.int32(),
    Kind.LONG: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.TIMESTAMP: pa.timestamp("us"),
}
_READ = pa.csv.ReadOptions(use_threads=False)


def parse_table(body: bytes, record: RecordType) -> dict[str, npt.NDArray[Any]]:
    """The provider's columns that the record takes, by the record's names; times still naive New York.

    Raises ``BadTable`` when the body is not such a table.
    """
    wanted = {c.source: c for c in record.columns if c.source is not None}
    options = pa.csv.ConvertOptions(
        column_types={source: _ARROW[c.kind] for source, c in wanted.items()},
        include_columns=list(wanted),
        strings_can_be_null=False,
    )
    try:
        table = pa.csv.read_csv(pa.py_buffer(body), read_options=_READ, convert_options=options)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        beginning = body[:80].decode("utf-8", "replace").splitlines()[:1]
        raise BadTable(f"not the expected table ({_first_line(error)}); it begins {beginning}") from None
    twice = [source for source in wanted if _header(body).count(source) > 1]
    if twice:
        raise BadTable(f"column {twice[0]} is there twice")
    columns: dict[str, npt.NDArray[Any]] = {}
    for source, column in wanted.items():
        data = table.column(source)
        if data.null_count:
            raise BadTable(f"column {source} has {data.null_count} empty cells")
        values = data.to_numpy()
        if column.kind is Kind.DOUBLE and not np.isfinite(values).all():
            raise BadTable(f"column {source} has values that are no numbers")
        columns[column.name] = values.astype("M8[us]").view(np.int64) if column.kind is Kind.TIMESTAMP else values
    return columns


def to_rows(body: bytes, series: SeriesName, chunk: Chunk, hours: Hours) -> Rows:
    """The rows of one answer. Raises ``BadTable`` when it is not the answer to the request."""
    record = series.record
    columns = parse_table(body, record)
    if record.schema == "eod":
        # The report carries no date of its own; it is made in the evening of its session.
        naive = columns["created"] // DAY * DAY
    else:
        naive = columns["timestamp"]
        _check_hours(naive, hours)
    _check_days(naive, chunk)
    try:
        for column in record.columns:
            if column.kind is Kind.TIMESTAMP and column.source is not None:
                columns[column.name] = new_york_to_utc(columns[column.name])
        columns["timestamp"] = new_york_to_utc(naive)
    except (ValueError, OverflowError):
        raise BadTable("a time is outside the years that there are") from None
    symbol = np.empty(len(naive), dtype=object)
    symbol[:] = series.symbol
    columns["symbol"] = symbol
    return Rows(record, {column.name: columns[column.name] for column in record.columns})


def _check_days(naive: npt.NDArray[np.int64], chunk: Chunk) -> None:
    if len(naive) == 0:
        return
    back = np.flatnonzero(np.diff(naive) <= 0)
    if len(back):
        raise BadTable(f"times do not rise: {_shown(naive[back[0]])} is followed by {_shown(naive[back[0] + 1])}")
    first, last = _epoch_day(chunk.start), _epoch_day(chunk.end)
    outside = naive[(naive // DAY < first) | (naive // DAY > last)]
    if len(outside):
        raise BadTable(f"a row of {_shown(outside[0])} is outside the range {chunk.start} to {chunk.end}")


def _check_hours(naive: npt.NDArray[np.int64], hours: Hours) -> None:
    time = naive % DAY
    begin, end = _in_day(hours.start or dt.time(9, 30)), _in_day(hours.end or dt.time(16))
    outside = naive[(time < begin) | (time > end)]
    if len(outside):
        raise BadTable(f"a row of {_shown(outside[0])} is outside the hours asked for")


def _header(body: bytes) -> list[str]:
    line = body[: body.find(b"\n")].decode("utf-8", "replace")
    return [cell.strip().strip('"') for cell in line.split(",")]


def _in_day(time: dt.time) -> int:
    return (time.hour * 3600 + time.minute * 60 + time.second) * SECOND


def _epoch_day(date: dt.date) -> int:
    return (date - dt.date(1970, 1, 1)).days


def _shown(naive: np.int64) -> str:
    return str(np.datetime64(int(naive), "us").astype("M8[ms]"))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:160]
