"""Rows in each form, held against fastavro's rows and the plainest readers there are."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.kinds import Kind
from app.domain.rows import Rows
from app.domain.schema import RECORDS, RecordType
from app.domain.times import date_of
from app.rows.arrow import OFFSET, arrow_array, arrow_batch, arrow_schema
from app.rows.formats import FORMATS, Format, Part, encoder
from app.rows.selection import all_columns
from app.rows.text import csv_header, lines
from tests.unit.avro.golden_rows import GOLDEN_ROWS
from tests.unit.avro.reference import Row, table, tables

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
RECORD_TYPES = list(RECORDS.values())
#: Of the years that have a date of ten letters.
TIMES = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
DAYS = st.integers(-719_162, 2_932_896)


def value_of(kind: Kind, value: Any) -> Any:
    """A cell as Arrow gives it."""
    match kind:
        case Kind.TIMESTAMP:
            return EPOCH + dt.timedelta(microseconds=value)
        case Kind.DATE:
            return date_of(value)
        case _:
            return value


def json_of(kind: Kind, value: Any) -> Any:
    """A cell as a JSON parser gives it."""
    match kind:
        case Kind.TIMESTAMP:
            return (EPOCH + dt.timedelta(microseconds=value)).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
        case Kind.DATE:
            return date_of(value).isoformat()
        case Kind.DOUBLE | Kind.NULLABLE if value is not None and not math.isfinite(value):
            return None
        case _:
            return value


def cell_of(kind: Kind, value: Any) -> str:
    """A cell as a CSV parser gives it."""
    plain = json_of(kind, value)
    if plain is None:
        return ""
    return " ".join(map(str, plain)) if kind is Kind.CODES else str(plain)


def kept(record: RecordType, rows: list[Row]) -> list[Row]:
    """Rows of which every time and date can be written with a year of four digits."""
    clipped = {Kind.TIMESTAMP: (-62_135_596_800_000_000, 253_402_300_799_999_999), Kind.DATE: (-719_162, 2_932_896)}
    out = []
    for row in rows:
        new = dict(row)
        for column in record.columns:
            if column.kind in clipped:
                low, high = clipped[column.kind]
                new[column.name] = min(max(row[column.name], low), high)
        out.append(new)
    return out


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        alike = one == other and math.copysign(1, one) == math.copysign(1, other)
        return alike or (math.isnan(one) and math.isnan(other))
    return bool(one == other and type(one) is type(other))


def encoded(form: Format, record: RecordType, parts: list[Rows], columns: tuple[str, ...] | None = None) -> bytes:
    encode = encoder(form, record, columns or all_columns(record), {"topic": "t"})
    body, at = encode.begin(), 0
    for rows in parts:
        offsets = np.arange(at, at + len(rows), dtype=np.int64)
        at += len(rows)
        body += encode.write(Part("t", rows, offsets, at - 1))
    return body + encode.end()


@pytest.mark.parametrize("record", RECORD_TYPES, ids=lambda record: record.name)
@pytest.mark.parametrize("form", FORMATS)
def test_every_record_type_comes_out_as_it_went_in(record: RecordType, form: Format) -> None:
    rows = kept(record, GOLDEN_ROWS[record.name])
    body = encoded(form, record, [table(record, rows), table(record, rows[:1])])
    check(record, form, body, rows + rows[:1])


def check(record: RecordType, form: Format, body: bytes, rows: list[Row]) -> None:
    kinds = {column.name: column.kind for column in record.columns}
    match form:
        case "arrow" | "parquet":
            found = pa.ipc.open_stream(body).read_all() if form == "arrow" else pq.read_table(io.BytesIO(body))
            expected = [{name: value_of(kinds[name], value) for name, value in row.items()} for row in rows]
            read = found.to_pylist()
        case "ndjson":
            read = [json.loads(line) for line in body.decode().split("\n")[:-1]]
            expected = [{name: json_of(kinds[name], value) for name, value in row.items()} for row in rows]
        case "csv":
            read = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
            expected = [{name: cell_of(kinds[name], value) for name, value in row.items()} for row in rows]
    assert len(read) == len(expected)
    for one, other in zip(read, expected, strict=True):
        assert list(one) == [column.name for column in record.columns]
        for name, value in one.items():
            if form == "csv" and value and kinds[name] in (Kind.DOUBLE, Kind.NULLABLE):
                # Digits may be written in more ways than one.
                assert same(float(value), float(other[name]))
                continue
            assert same(value, other[name]), (name, value, other[name])


@pytest.mark.parametrize("record", [RECORDS["stock", "trade"], RECORDS["option", "greeks"]], ids=lambda one: one.name)
@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_a_row_may_hold_comes_out_as_it_went_in(record: RecordType, form: Format, data: st.DataObject) -> None:
    rows = kept(record, data.draw(tables(record)))
    check(record, form, encoded(form, record, [table(record, rows)]), rows)


@pytest.mark.parametrize("form", FORMATS)
def test_no_rows_are_an_answer_of_their_own(form: Format) -> None:
    record = RECORDS["stock", "ohlcv"]
    check(record, form, encoded(form, record, []), [])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_written_so_that_it_is_read_as_the_same_double(value: float) -> None:
    record = RECORDS["stock", "quote"]
    (row,) = GOLDEN_ROWS["StockQuote"][:1]
    text = lines(table(record, [row | {"bid": value}]), ("bid",), "csv").decode().strip()
    assert same(float(text), value)
    assert "." in text or "e" in text, "a reader that guesses types must see a double"


def test_text_is_escaped_for_json_and_quoted_for_csv() -> None:
    record = RECORDS["stock", "quote"]
    (row,) = GOLDEN_ROWS["StockQuote"][:1]
    hard = ['a"b', "c,d", "e\nf", "\\", "é\x00", ""]
    rows = table(record, [row | {"symbol": symbol} for symbol in hard])
    found = lines(rows, ("symbol", "bid"), "ndjson").decode()
    assert [json.loads(line)["symbol"] for line in found.splitlines()] == hard
    found = lines(rows.take(np.arange(4)), ("symbol", "bid"), "csv").decode()
    assert [line[0] for line in csv.reader(io.StringIO(found, newline=""))] == hard[:4]
    one = lines(rows.take(slice(0, 1)), ("symbol",), "ndjson").decode()
    assert json.loads(one) == {"symbol": 'a"b'}


def test_columns_stand_in_the_order_that_was_asked_for_and_offsets_beside_them() -> None:
    record = RECORDS["stock", "quote"]
    rows = table(record, GOLDEN_ROWS["StockQuote"])
    columns = ("bid_size", OFFSET, "symbol")
    offsets = np.array([7, 9], dtype=np.int64)
    assert arrow_batch(rows, arrow_schema(record, columns), offsets).to_pylist() == [
        {"bid_size": 2, OFFSET: 7, "symbol": "AAPL"},
        {"bid_size": 2**31 - 1, OFFSET: 9, "symbol": "A"},
    ]
    assert csv_header(columns) + lines(rows, columns, "csv", offsets) == (
        b"bid_size,_offset,symbol\n2,7,AAPL\n2147483647,9,A\n"
    )
    assert lines(rows, (OFFSET,), "ndjson", offsets) == b'{"_offset":7}\n{"_offset":9}\n'
    assert lines(rows.take(slice(0, 1)), ("symbol",), "csv") == b"AAPL\n"


def test_missing_values_are_null_in_arrow_and_columns_of_one_text_are_cheap() -> None:
    values = arrow_array(np.array([1.5, math.nan]), Kind.NULLABLE)
    assert (values.to_pylist(), values.null_count) == ([1.5, None], 1)
    record = RECORDS["stock", "quote"]
    schema = arrow_schema(record, all_columns(record))
    assert not schema.field("bid").nullable
    assert schema.field("timestamp").type == pa.timestamp("us", tz="UTC")
    assert RECORDS["option", "trade"].by_name["right"].kind is Kind.RIGHT


def test_a_time_that_no_date_of_four_digits_has_is_refused() -> None:
    record = RECORDS["stock", "quote"]
    (row,) = GOLDEN_ROWS["StockQuote"][:1]
    with pytest.raises(ValueError, match="years 1 to 9999"):
        lines(table(record, [row | {"timestamp": 2**62}]), ("timestamp",), "csv")


def test_an_arrow_stream_tells_how_far_each_batch_goes_and_has_a_mark_at_its_end() -> None:
    record = RECORDS["stock", "quote"]
    rows = table(record, GOLDEN_ROWS["StockQuote"])
    body = encoded("arrow", record, [rows, rows])
    with pa.ipc.open_stream(body) as stream:
        told = [stream.read_next_batch_with_custom_metadata()[1][b"last_offset"] for _ in range(2)]
    assert told == [b"1", b"3"]
    assert body.endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")


def test_a_parquet_file_without_its_end_is_none() -> None:
    record = RECORDS["stock", "quote"]
    encode = encoder("parquet", record, all_columns(record), {})
    rows = table(record, GOLDEN_ROWS["StockQuote"] * 70_000)
    body = encode.begin() + encode.write(Part("t", rows, None, 0))
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(io.BytesIO(body))
    whole = pq.ParquetFile(io.BytesIO(body + encode.end()))
    assert whole.metadata.num_rows == 140_000
