"""Options, quotes and trades from the terminal's CSV: the vendor's own examples, and what is no answer."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import math
import random
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.contracts import Contracts
from app.domain.kinds import Kind
from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.schema import RECORDS, Asset, Interval, RecordType, Schema
from app.domain.series import SeriesName
from app.errors import BadTable, RequestTooLarge
from app.theta import columns as columns_module
from app.theta.columns import to_rows

GOLDEN = Path(__file__).parent.parent / "golden"
NEW_YORK = ZoneInfo("America/New_York")
MANY = 10**9
EPOCH = dt.date(1970, 1, 1)
Table = list[list[str]]

#: Every example that the vendor publishes, and a recorded response: file, schema, interval.
EXAMPLES: list[tuple[str, Asset, Schema, Interval | None]] = [
    ("option__history__ohlc.example", "option", "ohlcv", "1m"),
    ("option__history__quote.example", "option", "quote", "1m"),
    ("option__history__trade.example", "option", "trade", None),
    ("option__history__trade_quote.example", "option", "trade_quote", None),
    ("option__history__eod.example", "option", "eod", None),
    ("option__history__open_interest.example", "option", "open_interest", None),
    ("option__history__greeks__all.example", "option", "greeks", "10m"),
    ("option__history__greeks__implied_volatility.example", "option", "implied_volatility", "5m"),
    ("stock__history__ohlc.example", "stock", "ohlcv", "1m"),
    ("stock__history__quote.example", "stock", "quote", "1m"),
    ("stock__history__trade.example", "stock", "trade", None),
    ("stock__history__trade_quote.example", "stock", "trade_quote", None),
    ("stock__history__eod.example", "stock", "eod", None),
    ("stock_history_trade_quote_AAPL_2024-01-02", "stock", "trade_quote", None),
]


def read(name: str) -> str:
    return (GOLDEN / f"{name}.csv").read_bytes().decode()


def cells(text: str) -> Table:
    return list(csv.reader(io.StringIO(text)))


def written(table: Table) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(table)
    return out.getvalue()


def days_of(text: str) -> tuple[dt.date, dt.date]:
    header, *lines = cells(text)
    moments = next(name for name in ("timestamp", "trade_timestamp", "created") if name in header)
    days = [dt.date.fromisoformat(line[header.index(moments)][:10]) for line in lines]
    return min(days), max(days)


def parsed(
    text: str, asset: Asset, schema: Schema, interval: Interval | None, contracts: Contracts | None = None
) -> Rows:
    chunk = Chunk(*days_of(text), 0, contracts=contracts)
    return to_rows(io.BytesIO(text.encode()), SeriesName(asset, "AAPL", schema, interval, "1"), chunk, MANY)


# --- golden: a reading that knows nothing of arrow and numpy ----------------------------------------------


def utc(text: str) -> int:
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond


def naive_value(kind: Kind, texts: list[str]) -> Any:
    match kind:
        case Kind.CODES:
            return [int(text) for text in texts if text != "255"]
        case Kind.TIMESTAMP:
            return utc(texts[0])
        case Kind.DATE:
            return (dt.date.fromisoformat(texts[0]) - EPOCH).days
        case Kind.NULLABLE:
            return float(texts[0]) if texts[0] else None
        case Kind.DOUBLE:
            return float(texts[0])
        case Kind.INT | Kind.LONG:
            return int(texts[0])
        case _:
            return texts[0]


def naive_rows(text: str, record: RecordType) -> list[dict[str, Any]]:
    found = []
    for row in csv.DictReader(io.StringIO(text)):
        values = {
            column.name: naive_value(column.kind, [row[source] for source in column.sources])
            for column in record.columns
            if column.sources
        }
        if record.asset == "stock":
            values["symbol"] = "AAPL"
        if record.schema == "eod":
            values["timestamp"] = utc(row["created"][:10])
        found.append({column.name: values[column.name] for column in record.columns})
    return found


@pytest.mark.parametrize(("file", "asset", "schema", "interval"), EXAMPLES, ids=[one[0] for one in EXAMPLES])
def test_the_vendors_example_becomes_rows(
    monkeypatch: pytest.MonkeyPatch, file: str, asset: Asset, schema: Schema, interval: Interval | None
) -> None:
    text, record = read(file), RECORDS[asset, schema]
    expected = naive_rows(text, record)

    found = parsed(text, asset, schema, interval)
    assert found.as_dicts() == expected
    assert list(found.columns) == [column.name for column in record.columns]
    assert {name: column.dtype for name, column in found.columns.items()} == {
        column.name: column.kind.dtype for column in record.columns
    }
    # However the text arrives. A block is at least as long as a row.
    monkeypatch.setattr(columns_module, "_BLOCK", 400)
    assert parsed(text, asset, schema, interval).as_dicts() == expected


def test_every_record_has_an_example() -> None:
    assert {(asset, schema) for _, asset, schema, _ in EXAMPLES} == set(RECORDS)


def test_the_recorded_trades_are_as_many_as_there_are() -> None:
    found = parsed(read("stock_history_trade_quote_AAPL_2024-01-02"), "stock", "trade_quote", None)

    assert len(found) == 200
    first = found.as_dicts()[0]
    assert (first["ext_conditions"], first["condition"], first["price"]) == ([32, 95, 1, 115], 1, 187.18)
    assert first["timestamp"] == 1_704_205_800_011_000


@pytest.mark.parametrize(("file", "asset", "schema", "interval"), EXAMPLES, ids=[one[0] for one in EXAMPLES])
def test_the_order_of_columns_does_not_matter_and_others_are_passed_over(
    file: str, asset: Asset, schema: Schema, interval: Interval | None
) -> None:
    text, chance = read(file), random.Random(file)
    table = [[*line, "venue" if i == 0 else "x,y"] for i, line in enumerate(cells(text))]
    order = list(range(len(table[0])))
    chance.shuffle(order)
    shuffled = [[line[i] for i in order] for line in table]

    assert parsed(written(shuffled), asset, schema, interval).as_dicts() == naive_rows(text, RECORDS[asset, schema])


COLUMNS = [
    pytest.param(file, asset, schema, interval, source, id=f"{asset}-{schema}-{source}")
    for file, asset, schema, interval in EXAMPLES
    if file.endswith("example")
    for column in RECORDS[asset, schema].columns
    for source in column.sources
]


@pytest.mark.parametrize(("file", "asset", "schema", "interval", "source"), COLUMNS)
def test_a_column_that_is_missing_or_there_twice_is_named(
    file: str, asset: Asset, schema: Schema, interval: Interval | None, source: str
) -> None:
    table = cells(read(file))
    at = table[0].index(source)
    without = [line[:at] + line[at + 1 :] for line in table]
    twice = [[*line, line[at]] for line in table]

    for spoiled in (without, twice):
        chunk = Chunk(*days_of(read(file)), 0)
        name = SeriesName(asset, "AAPL", schema, interval, "1")
        with pytest.raises(BadTable, match=source):
            to_rows(io.BytesIO(written(spoiled).encode()), name, chunk, MANY)


@pytest.mark.parametrize(("file", "asset", "schema", "interval", "source"), COLUMNS)
def test_a_cell_is_empty_only_where_the_record_says_so(
    file: str, asset: Asset, schema: Schema, interval: Interval | None, source: str
) -> None:
    record, table = RECORDS[asset, schema], cells(read(file))
    chunk = Chunk(*days_of(read(file)), 0)
    table[-1][table[0].index(source)] = ""
    column = next(one for one in record.columns if source in one.sources)
    body = io.BytesIO(written(table).encode())
    name = SeriesName(asset, "AAPL", schema, interval, "1")

    if column.kind is Kind.NULLABLE:
        assert to_rows(body, name, chunk, MANY).as_dicts()[-1][column.name] is None
    else:
        with pytest.raises(BadTable):
            to_rows(body, name, chunk, MANY)


@pytest.mark.parametrize("cell", ["nan", "NaN", "null"])
def test_a_greek_that_is_said_to_be_none_is_null(cell: str) -> None:
    text = read("option__history__greeks__all.example").replace("261.9304", cell)

    assert parsed(text, "option", "greeks", "10m").as_dicts()[0]["lambda"] is None


def test_a_greek_that_is_no_number_is_refused() -> None:
    with pytest.raises(BadTable):
        parsed(read("option__history__greeks__all.example").replace("261.9304", "x"), "option", "greeks", "10m")


@pytest.mark.parametrize(("cell", "value"), [("inf", math.inf), ("-inf", -math.inf), ("Infinity", math.inf)])
def test_a_greek_may_be_infinite(cell: str, value: float) -> None:
    table = read("option__history__greeks__all.example").replace("261.9304", cell)
    assert value in parsed(table, "option", "greeks", "10m").columns["lambda"]


# --- contracts --------------------------------------------------------------------------------------------

HEADER = (GOLDEN / "option__history__quote.example.csv").read_text().splitlines()[0]
DAY = dt.date(2024, 1, 2)
LATE = "2024-03-15"


def quote(
    time: str, *, strike: str = "4700.000", right: str = "CALL", expiration: str = LATE, root: str = "SPXW"
) -> str:
    return f"{root},{expiration},{strike},{right},2024-01-02T{time},1,5,1.00,50,2,6,1.10,50"


def quotes(
    *lines: str,
    interval: Interval | None = "1m",
    contracts: Contracts | None = None,
    most: int = MANY,
    **more: Any,
) -> Rows:
    body = "\r\n".join([HEADER, *lines, ""])
    chunk = Chunk(DAY, DAY, 0, contracts=contracts or Contracts(), **more)
    return to_rows(io.BytesIO(body.encode()), SeriesName("option", "SPXW", "quote", interval, "1"), chunk, most)


def test_a_row_of_another_root_is_no_answer() -> None:
    with pytest.raises(BadTable, match="'SPX' is not of SPXW"):
        quotes(quote("09:30:00"), quote("09:31:00", root="SPX"))


def test_a_row_of_another_expiration_than_the_one_that_was_asked_for_is_no_answer() -> None:
    asked = Contracts((dt.date(2024, 3, 15),))
    lines = quote("09:30:00"), quote("09:31:00", expiration="2024-03-16")

    with pytest.raises(BadTable, match="2024-03-16"):
        quotes(*lines, contracts=asked)
    assert len(quotes(*lines)) == 2


@pytest.mark.parametrize(("word", "right"), [("CALL", "CALL"), ("PUT", "PUT"), ("C", "CALL"), ("P", "PUT")])
def test_a_right_may_be_a_word_or_a_letter(word: str, right: str) -> None:
    assert quotes(quote("09:30:00", right=word)).as_dicts()[0]["right"] == right


@pytest.mark.parametrize("word", ["call", "BOTH", "", "X", "0"])
def test_another_right_is_refused(word: str) -> None:
    with pytest.raises(BadTable, match="right"):
        quotes(quote("09:30:00"), quote("09:31:00", right=word))


@pytest.mark.parametrize("strike", ["4700.1234", "-1.000", "100000.000", "1e12", "*", "", "nan"])
def test_a_strike_that_no_contract_has_is_refused(strike: str) -> None:
    with pytest.raises(BadTable, match="strike"):
        quotes(quote("09:30:00"), quote("09:31:00", strike=strike))


@pytest.mark.parametrize("strike", ["4700", "4700.0", "4700.000", "4700.0000"])
def test_a_strike_may_have_any_number_of_decimals(strike: str) -> None:
    assert quotes(quote("09:30:00", strike=strike)).columns["strike"].tolist() == [4700.0]


@pytest.mark.parametrize("expiration", ["20240315", "2024-02-30", "2024-03-15T00:00:00", ""])
def test_an_expiration_in_another_form_is_refused(expiration: str) -> None:
    with pytest.raises(BadTable):
        quotes(quote("09:30:00", expiration=expiration))


# --- order ------------------------------------------------------------------------------------------------

TIMES = [f"09:{minute}:00" for minute in range(30, 36)]
CALLS = [quote(time) for time in TIMES]
PUTS = [quote(time, right="PUT") for time in TIMES]
INTERLEAVED = [line for pair in zip(CALLS, PUTS, strict=True) for line in pair]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(CALLS + PUTS, id="one contract after the other"),
        pytest.param(PUTS + CALLS, id="the other way round"),
        pytest.param(INTERLEAVED, id="in turns"),
        pytest.param(CALLS[:2] + PUTS + CALLS[2:], id="one within the other"),
    ],
)
def test_contracts_may_follow_one_another_or_take_turns(lines: list[str]) -> None:
    assert len(quotes(*lines)) == 12


@pytest.mark.parametrize("interval", ["1m", None])
@pytest.mark.parametrize("lines", [CALLS + PUTS, INTERLEAVED], ids=["in turn", "interleaved"])
def test_times_that_go_backwards_within_a_contract_are_no_answer(lines: list[str], interval: Interval | None) -> None:
    spoiled = list(lines)
    one, other = (i for i, line in enumerate(lines) if line in CALLS[2:4])
    spoiled[one], spoiled[other] = spoiled[other], spoiled[one]

    with pytest.raises(BadTable, match=r"do not rise: 2024-01-02T09:33.*2024-01-02T09:32"):
        quotes(*spoiled, interval=interval)


@pytest.mark.parametrize(
    "lines", [[*CALLS[:3], CALLS[2], *PUTS], [*INTERLEAVED, CALLS[-1]]], ids=["in turn", "interleaved"]
)
def test_two_rows_of_a_moment_are_taken_only_of_ticks(lines: list[str]) -> None:
    assert len(quotes(*lines, interval=None)) == len(lines)
    with pytest.raises(BadTable, match="do not rise"):
        quotes(*lines, interval="1m")


@given(st.permutations(range(12)))
def test_any_order_is_taken_in_which_each_contract_rises(order: list[int]) -> None:
    lines = CALLS + PUTS
    shuffled = [lines[i] for i in order]
    rises = all([i for i in order if i in part] == sorted(part) for part in (set(range(6)), set(range(6, 12))))

    if rises:
        assert len(quotes(*shuffled)) == 12
    else:
        with pytest.raises(BadTable):
            quotes(*shuffled)


@given(st.sets(st.integers(0, 11), min_size=6, max_size=6))
def test_every_way_of_taking_turns_is_fine(where: set[int]) -> None:
    calls, puts = iter(CALLS), iter(PUTS)

    assert len(quotes(*(next(calls) if i in where else next(puts) for i in range(12)))) == 12


def test_the_same_report_of_a_contract_twice_is_no_answer() -> None:
    text = read("option__history__open_interest.example")
    header, line = text.splitlines()

    with pytest.raises(BadTable, match="do not rise"):
        parsed("\r\n".join([header, line, line, ""]), "option", "open_interest", None)


# --- days and hours ---------------------------------------------------------------------------------------


def test_rows_outside_the_days_are_no_answer() -> None:
    text = read("option__history__open_interest.example")
    chunk = Chunk(dt.date(2024, 11, 5), dt.date(2024, 11, 8), 0)

    with pytest.raises(BadTable, match=r"2024-11-04.*outside the range"):
        to_rows(io.BytesIO(text.encode()), SeriesName("option", "AAPL", "open_interest", None, "1"), chunk, MANY)


def test_open_interest_is_reported_before_the_open() -> None:
    (row,) = parsed(read("option__history__open_interest.example"), "option", "open_interest", None).as_dicts()

    assert row["timestamp"] == utc("2024-11-04T06:30:04")


@pytest.mark.parametrize("time", ["09:29:59.999", "16:00:00.001", "06:30:00"])
def test_rows_outside_the_hours_are_no_answer(time: str) -> None:
    with pytest.raises(BadTable, match="outside the hours"):
        quotes(quote(time))


@pytest.mark.parametrize(("time", "inside"), [("09:44:59.999", True), ("09:45:00", False), ("09:30:00", True)])
def test_a_window_ends_a_millisecond_before_the_next_one(time: str, inside: bool) -> None:
    hours = {"start_time": dt.time(9, 30), "end_time": dt.time(9, 44, 59, 999_000)}
    if inside:
        assert len(quotes(quote(time), **hours)) == 1
    else:
        with pytest.raises(BadTable, match="outside the hours"):
            quotes(quote(time), **hours)


@pytest.mark.parametrize("day", ["2024-03-08", "2024-03-11", "2024-11-01", "2024-11-04"])
def test_every_time_of_a_row_has_its_own_days_offset(day: str) -> None:
    text = read("option__history__trade_quote.example").replace("2024-11-04", day).replace("2024-11-08", "2024-12-20")

    found = parsed(text, "option", "trade_quote", None)

    assert found.as_dicts() == naive_rows(text, RECORDS["option", "trade_quote"])
    summer = "2024-03-11" <= day <= "2024-11-01"
    assert dt.datetime.fromtimestamp(int(found.timestamps[0]) // 10**6, dt.UTC).hour == (13 if summer else 14)


# --- condition codes --------------------------------------------------------------------------------------


def trade_with(codes: tuple[str, ...]) -> str:
    header, line, *_ = read("stock__history__trade.example").splitlines()
    row = dict(zip(header.split(","), line.split(","), strict=True))
    row |= {f"ext_condition{i}": code for i, code in enumerate(codes, 1)}
    return f"{header}\r\n{','.join(row.values())}\r\n"


@pytest.mark.parametrize("codes", list(itertools.product(("255", "0", "148"), repeat=4)))
def test_codes_of_255_are_none_and_the_others_keep_their_order(codes: tuple[str, ...]) -> None:
    (row,) = parsed(trade_with(codes), "stock", "trade", None).as_dicts()

    assert row["ext_conditions"] == [int(code) for code in codes if code != "255"]


@pytest.mark.parametrize("code", ["-1", "32767", "65535", "99999999", "", "x", "1.5"])
@pytest.mark.parametrize("place", range(4))
def test_a_code_that_is_none_is_refused(code: str, place: int) -> None:
    codes = ["255"] * 4
    codes[place] = code

    with pytest.raises(BadTable):
        parsed(trade_with(tuple(codes)), "stock", "trade", None)


@pytest.mark.parametrize("sequence", [-2_147_483_648, -1, 2_147_483_647])
def test_a_sequence_may_be_negative(sequence: int) -> None:
    text = trade_with(("255",) * 4).replace(",14920,", f",{sequence},")

    assert parsed(text, "stock", "trade", None).columns["sequence"].tolist() == [sequence]


# --- spoiled bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "asset", "schema", "interval"), EXAMPLES[:8], ids=[one[0] for one in EXAMPLES[:8]])
def test_a_body_that_is_cut_within_a_row_is_found(
    file: str, asset: Asset, schema: Schema, interval: Interval | None
) -> None:
    text = read(file)
    last = text.rstrip().rindex("\n") + 1
    for size in range(last + 1, last + text[last:].rindex(",") + 1):
        name = SeriesName(asset, "AAPL", schema, interval, "1")
        with pytest.raises(BadTable):
            to_rows(io.BytesIO(text[:size].encode()), name, Chunk(*days_of(text), 0), MANY)


def test_what_has_more_rows_than_fit_is_to_be_split() -> None:
    assert len(quotes(*CALLS, *PUTS, most=12)) == 12
    with pytest.raises(RequestTooLarge):
        quotes(*CALLS, *PUTS, most=11)


@pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)
def test_a_header_alone_is_a_table_without_rows(record: RecordType) -> None:
    header = ",".join(source for column in record.columns for source in column.sources) + "\r\n"
    name = SeriesName(record.asset, "AAPL", record.schema, record.default_interval, "1")

    found = to_rows(io.BytesIO(header.encode()), name, Chunk(DAY, DAY, 0), MANY)

    assert len(found) == 0
    assert {n: column.dtype for n, column in found.columns.items()} == {c.name: c.kind.dtype for c in record.columns}
    assert (found.contracts is None) == (record.asset == "stock")
