"""From the terminal's CSV to rows, block by block: columns by name, checked, in UTC.

The text is never held as a whole: blocks of about a megabyte become columns as they arrive. The table is taken only
when it is what was asked: every expected column there once and free of holes, the symbol and the named expiration
those of the request, times within its days and hours and not going backwards within a contract. Extra columns and
another order of columns are fine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from app.domain import sessions
from app.domain.kinds import RIGHTS, Column, Kind, pack_codes
from app.domain.plan import Chunk
from app.domain.rows import ColumnData, Rows, constant
from app.domain.schema import RecordType
from app.domain.series import SeriesName
from app.domain.times import DAY, SECOND, new_york_to_utc
from app.errors import BadTable, RequestTooLarge

#: The provider's mark of a condition code that is not there.
NO_CODE = 255
_BLOCK = 1 << 20
#: The provider's lines have some hundred bytes.
_LONGEST_LINE = 1 << 20
_TEXT: Any = pa.dictionary(pa.int32(), pa.string())
_ARROW: dict[Kind, Any] = {
    Kind.STRING: _TEXT,
    Kind.INT: pa.int32(),
    Kind.LONG: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.NULLABLE: pa.float64(),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.DATE: pa.date32(),
    Kind.RIGHT: _TEXT,
    Kind.CODES: pa.int64(),
}
_RIGHT_WORDS = {word: i for i, right in enumerate(RIGHTS) for word in (right, right[0])}


def to_rows(source: BinaryIO, series: SeriesName, chunk: Chunk, most: int) -> Rows:
    """The rows of one answer. Raises ``BadTable`` when it is not the answer to the request, ``RequestTooLarge``
    as soon as it has more than ``most`` rows, and what reading from ``source`` raises."""
    blocks: list[dict[str, ColumnData]] = []
    count = 0
    for block in read_blocks(source, series.record):
        count += len(next(iter(block.values())))
        if count > most:
            raise RequestTooLarge(f"the answer has more than {most:,} rows")
        blocks.append(block)
    if not blocks:
        return Rows.none(series.record)
    columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    blocks.clear()
    return _checked(columns, series, chunk)


def read_blocks(source: BinaryIO, record: RecordType) -> Iterator[dict[str, ColumnData]]:
    """The provider's columns that the record takes, by the record's names; times still naive New York, texts as
    object arrays. Raises ``BadTable`` when the body is not such a table."""
    wanted = {name: column for column in record.columns for name in column.sources}
    convert = pa.csv.ConvertOptions(
        column_types={name: _ARROW[column.kind] for name, column in wanted.items()},
        include_columns=list(wanted),
        strings_can_be_null=False,
    )
    blocks = _whole_lines(source)
    head, _, text = next(blocks, b"").lstrip(b"\r\n").partition(b"\n")
    names = [cell.strip().strip('"') for cell in head.decode("utf-8-sig", "replace").strip().split(",")]
    if wrong := [name for name in wanted if names.count(name) != 1]:
        problem = "is there twice" if wrong[0] in names else "is missing"
        raise BadTable(f"not the expected table (column {wrong[0]} {problem}); it begins {_shown_text(head)}")
    try:
        for block in chain([text], blocks):
            if not block.strip():
                continue
            read = pa.csv.ReadOptions(use_threads=False, block_size=len(block), column_names=names)
            table = pa.csv.read_csv(pa.BufferReader(block), read_options=read, convert_options=convert)
            for batch in table.to_batches():
                yield {column.name: _values(batch, column) for column in record.columns if column.sources}
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise BadTable(f"not the expected table ({_first_line(error)}); it begins {_shown_text(head)}") from None


def _whole_lines(source: BinaryIO) -> Iterator[bytes]:
    """What ``source`` holds, in blocks that end with a line; the last one may lack its end."""
    rest = b""
    while data := source.read(_BLOCK):
        text = rest + data
        end = text.rfind(b"\n") + 1
        rest = text[end:]
        if end:
            yield text[:end]
        elif len(rest) > _LONGEST_LINE:
            raise BadTable(f"a line has more than {_LONGEST_LINE:,} bytes; it begins {_shown_text(rest)}")
    if rest:
        yield rest


def _values(batch: Any, column: Column) -> ColumnData:
    found = [_source(batch, name, column.kind) for name in column.sources]
    if column.kind is Kind.CODES:
        try:
            return pack_codes(found, NO_CODE)
        except ValueError as error:
            raise BadTable(f"{column.sources[0]} to {column.sources[-1]}: {error}") from None
    return found[0]


def _source(batch: Any, name: str, kind: Kind) -> npt.NDArray[Any]:
    data = batch.column(name)
    if data.null_count and kind is not Kind.NULLABLE:
        raise BadTable(f"column {name} has {data.null_count} empty cells")
    match kind:
        case Kind.STRING | Kind.RIGHT:
            words = data.dictionary.to_pylist()
            if kind is Kind.STRING:
                table = np.empty(len(words), dtype=object)
                table[:] = words
            else:
                unknown = [word for word in words if word not in _RIGHT_WORDS]
                if unknown:
                    raise BadTable(f"column {name} has {unknown[0]!r}, which is no right")
                table = np.array([_RIGHT_WORDS[word] for word in words], dtype=kind.dtype)
            return np.asarray(table[data.indices.to_numpy()])
        case Kind.TIMESTAMP:
            return np.asarray(data.to_numpy(zero_copy_only=False).astype("M8[us]").view(np.int64))
        case Kind.DATE:
            return np.asarray(data.to_numpy(zero_copy_only=False).astype("M8[D]").view(np.int64).astype(np.int32))
        case Kind.DOUBLE | Kind.NULLABLE:
            values = np.asarray(data.to_numpy(zero_copy_only=False))
            # A derived value may be infinite: it is told as it came, for it is no price.
            if kind is Kind.DOUBLE and not np.isfinite(values).all():
                raise BadTable(f"column {name} has values that are no numbers")
            return values
        case _:
            return np.asarray(data.to_numpy(zero_copy_only=False))


def _checked(columns: dict[str, ColumnData], series: SeriesName, chunk: Chunk) -> Rows:
    record = series.record
    if record.schema == "eod":
        # The report carries no date of its own; it is made in the evening of its session.
        naive = columns["created"] // DAY * DAY
    else:
        naive = columns["timestamp"]
        if record.has_hours:
            _check_hours(naive, chunk)
    _check_days(naive, chunk)
    count = len(naive)
    if record.asset == "option":
        _check_contracts(columns, series, chunk)
        columns["root"] = constant(series.symbol, count)
    else:
        columns["symbol"] = constant(series.symbol, count)
    try:
        for column in record.columns:
            if column.kind is Kind.TIMESTAMP and column.sources:
                columns[column.name] = new_york_to_utc(columns[column.name])
        columns["timestamp"] = new_york_to_utc(naive)
        rows = Rows.of(record, columns)
    except OverflowError:
        raise BadTable("a time is outside the years that there are") from None
    except ValueError as error:
        raise BadTable(str(error)) from None
    _check_order(rows, naive, repeats=series.interval is None and record.has_hours)
    return rows


def _check_days(naive: npt.NDArray[np.int64], chunk: Chunk) -> None:
    first, last = _epoch_day(chunk.start), _epoch_day(chunk.end)
    outside = naive[(naive // DAY < first) | (naive // DAY > last)]
    if len(outside):
        raise BadTable(f"a row of {_shown(outside[0])} is outside the range {chunk.start} to {chunk.end}")


def _check_hours(naive: npt.NDArray[np.int64], chunk: Chunk) -> None:
    time = naive % DAY
    begin, end = _in_day(chunk.start_time or sessions.OPEN), _in_day(chunk.end_time or sessions.CLOSE)
    outside = naive[(time < begin) | (time > end)]
    if len(outside):
        raise BadTable(f"a row of {_shown(outside[0])} is outside the hours asked for")


def _check_contracts(columns: dict[str, ColumnData], series: SeriesName, chunk: Chunk) -> None:
    others = set(columns["root"].tolist()) - {series.symbol}
    if others:
        raise BadTable(f"a row of {min(others)!r} is not of {series.symbol}")
    asked = chunk.contracts
    if asked is not None and asked.expirations:
        wanted = {_epoch_day(day) for day in asked.expirations}
        strange = set(np.unique(columns["expiration"]).tolist()) - wanted
        if strange:
            day = dt.date(1970, 1, 1) + dt.timedelta(days=min(strange))
            raise BadTable(f"a row of expiration {day} is not of {asked.expirations[0]}, which was asked for")


def _check_order(rows: Rows, naive: npt.NDArray[np.int64], *, repeats: bool) -> None:
    """Times within a contract never go backwards, and rise from row to row unless ticks may share a moment."""
    contracts = rows.contracts
    if contracts is not None and len(contracts):
        borders = int((np.diff(contracts) != 0).sum())
        if borders + 1 > len(np.unique(contracts)):
            # Contracts take turns: each by itself, in the order in which its rows came.
            order = np.argsort(contracts, kind="stable")
            contracts, naive = contracts[order], naive[order]
    steps = np.diff(naive)
    wrong = steps < 0 if repeats else steps <= 0
    if contracts is not None:
        wrong &= np.diff(contracts) == 0
    back = np.flatnonzero(wrong)
    if len(back):
        raise BadTable(f"times do not rise: {_shown(naive[back[0]])} is followed by {_shown(naive[back[0] + 1])}")


def _in_day(time: dt.time) -> int:
    return (time.hour * 3600 + time.minute * 60 + time.second) * SECOND + time.microsecond


def _epoch_day(date: dt.date) -> int:
    return (date - dt.date(1970, 1, 1)).days


def _shown(naive: np.int64) -> str:
    return str(np.datetime64(int(naive), "us").astype("M8[ms]"))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:160]


def _shown_text(line: bytes) -> str:
    """The beginning of a line, for an error."""
    return repr(line[:80].decode("utf-8", "replace").rstrip())
