"""From the terminal's CSV to rows: taken by name, checked, in UTC."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.schema import STOCK_EOD, STOCK_OHLCV
from app.domain.series import SeriesName
from app.errors import BadTable, RequestTooLarge
from app.theta import columns as columns_module
from app.theta.columns import read_blocks, to_rows

GOLDEN = Path(__file__).parent.parent / "golden"
OHLC = (GOLDEN / "stock__history__ohlc.example.csv").read_bytes().decode()
REPORTS = (GOLDEN / "stock_history_eod_AAPL_2024-01-02.csv").read_bytes().decode()
NEW_YORK = ZoneInfo("America/New_York")
BARS = SeriesName("stock", "AAPL", "ohlcv", "1m", "1")
EOD = SeriesName("stock", "AAPL", "eod", None, "1")
JAN_2, JAN_5 = dt.date(2024, 1, 2), dt.date(2024, 1, 5)
MANY = 10**9
ONE_DAY = Chunk(JAN_2, JAN_2, 0)
Hours = tuple[dt.time | None, dt.time | None]
REGULAR: Hours = (None, None)
Table = list[list[str]]


def utc(text: str) -> int:
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond


def bars(text: str | bytes, hours: Hours = REGULAR, start: dt.date = JAN_2, end: dt.date = JAN_2) -> Rows:
    body = io.BytesIO(text.encode() if isinstance(text, str) else text)
    return to_rows(body, BARS, Chunk(start, end, 391, *hours), MANY)


def reports(text: str, start: dt.date = JAN_2, end: dt.date = JAN_5) -> Rows:
    return to_rows(io.BytesIO(text.encode()), EOD, Chunk(start, end, 4), MANY)


def cells(text: str) -> Table:
    return list(csv.reader(io.StringIO(text)))


def written(table: Table, *, quoting: int = csv.QUOTE_MINIMAL) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=quoting).writerows(table)  # type: ignore[arg-type]
    return out.getvalue()


# --- golden -----------------------------------------------------------------------------------------------


def test_the_vendors_example_of_bars_becomes_rows() -> None:
    header, *table = cells(OHLC)
    expected = []
    for line in table:
        row = dict(zip(header, line, strict=True))
        expected.append(
            {
                "symbol": "AAPL",
                "timestamp": utc(row["timestamp"]),
                **{name: float(row[name]) for name in ("open", "high", "low", "close")},
                **{name: int(row[name]) for name in ("volume", "count")},
                "session_vwap": float(row["vwap"]),
            }
        )

    found = bars(OHLC)

    assert found.as_dicts() == expected
    assert found.as_dicts()[0]["timestamp"] == 1_704_205_800_000_000  # 14:30 UTC
    assert list(found.columns) == [column.name for column in STOCK_OHLCV.columns]
    assert {name: column.dtype for name, column in found.columns.items()} == {
        column.name: column.kind.dtype for column in STOCK_OHLCV.columns
    }


def test_real_end_of_day_reports_become_rows() -> None:
    header, *table = cells(REPORTS)
    floats = ("open", "high", "low", "close", "bid", "ask")
    expected = []
    for line in table:
        row = dict(zip(header, line, strict=True))
        values = {name: float(row[name]) if name in floats else row[name] for name in header}
        expected.append(
            {
                **{
                    name: value if name in floats else int(value)
                    for name, value in values.items()
                    if "T" not in str(value)
                },
                "symbol": "AAPL",
                "timestamp": utc(row["created"][:10]),
                "created": utc(row["created"]),
                "last_trade": utc(row["last_trade"]),
            }
        )

    found = reports(REPORTS)

    assert found.as_dicts() == [{name: row[name] for name in found.columns} for row in expected]
    assert found.as_dicts()[0] == {
        "symbol": "AAPL",
        "timestamp": 1_704_171_600_000_000,
        "open": 187.03,
        "high": 188.44,
        "low": 183.885,
        "close": 185.64,
        "volume": 80_680_243,
        "count": 1_003_582,
        "bid": 185.34,
        "bid_size": 2,
        "bid_exchange": 7,
        "bid_condition": 0,
        "ask": 185.36,
        "ask_size": 2,
        "ask_exchange": 1,
        "ask_condition": 0,
        "created": 1_704_233_873_606_000,
        "last_trade": 1_704_233_871_877_000,
    }
    assert list(found.columns) == [column.name for column in STOCK_EOD.columns]


def test_bars_of_summer_and_winter_have_their_own_offset() -> None:
    header, line = OHLC.splitlines()[:2]
    text = "\r\n".join([header, *(line.replace("2024-01-02", day) for day in ("2024-03-08", "2024-03-11")), ""])

    found = bars(text, start=dt.date(2024, 3, 8), end=dt.date(2024, 3, 11))

    assert found.timestamps.tolist() == [utc("2024-03-08T09:30:00"), utc("2024-03-11T09:30:00")]
    assert found.timestamps[1] - found.timestamps[0] == (3 * 24 - 1) * 3_600_000_000


# --- other spellings of the same table --------------------------------------------------------------------


@pytest.mark.parametrize(("text", "parse"), [(OHLC, bars), (REPORTS, reports)], ids=["bars", "reports"])
def test_the_order_of_columns_does_not_matter_and_others_are_passed_over(text: str, parse) -> None:  # type: ignore[no-untyped-def]
    chance = random.Random(3)
    for _ in range(5):
        table = cells(text)
        extra = [["venue", "an,y"], ["symbol", "MSFT"], ["", ""], ['a"b', '"quoted"'], ["Open", "x"]]
        table = [line + [column[min(i, 1)] for column in extra] for i, line in enumerate(table)]
        order = list(range(len(table[0])))
        chance.shuffle(order)

        found = parse(written([[line[i] for i in order] for line in table]))

        assert found.as_dicts() == parse(text).as_dicts()


def test_quoted_cells_are_the_same_cells() -> None:
    assert bars(written(cells(OHLC), quoting=csv.QUOTE_ALL)).as_dicts() == bars(OHLC).as_dicts()
    assert reports(written(cells(REPORTS), quoting=csv.QUOTE_ALL)).as_dicts() == reports(REPORTS).as_dicts()


@pytest.mark.parametrize(
    "text",
    [OHLC.replace("\r\n", "\n"), OHLC.rstrip(), OHLC + "\r\n\r\n", "\ufeff" + OHLC],
    ids=["lf", "no end", "more", "bom"],
)
def test_line_ends_do_not_matter(text: str) -> None:
    assert bars(text).as_dicts() == bars(OHLC).as_dicts()


def test_a_header_alone_is_a_table_without_rows() -> None:
    found = bars(OHLC.splitlines()[0] + "\r\n")

    assert len(found) == 0
    assert {name: column.dtype for name, column in found.columns.items()} == {
        column.name: column.kind.dtype for column in STOCK_OHLCV.columns
    }


def test_rows_of_zeros_are_still_there() -> None:
    text = OHLC + "2024-01-02T16:00:00,0,0,0,0,0,0,187.55\r\n"

    assert bars(text).as_dicts()[-1]["close"] == 0.0


@pytest.mark.parametrize("number", ["187", "187.0", "187.0000", "1.87e2", "+187"[1:]])
def test_prices_may_have_any_number_of_decimals(number: str) -> None:
    assert bars(OHLC.replace("187.1500", number)).columns["open"][0] == 187.0


def test_a_large_table_is_read_whole() -> None:
    header = OHLC.splitlines()[0]
    times = [(dt.datetime(2024, 1, 2, 9, 30) + dt.timedelta(seconds=i)).isoformat() for i in range(23_401)]  # noqa: DTZ001
    text = "\r\n".join([header, *(f"{time},1.0,2.0,0.5,1.5,{i},1,1.25" for i, time in enumerate(times)), ""])

    found = to_rows(io.BytesIO(text.encode()), SeriesName("stock", "A", "ohlcv", "1s", None), ONE_DAY, MANY)

    assert found.columns["volume"].tolist() == list(range(23_401))
    assert found.timestamps[-1] == utc("2024-01-02T16:00:00")


# --- hours and days ---------------------------------------------------------------------------------------


def at(*times: str) -> str:
    return "\r\n".join([OHLC.splitlines()[0], *(f"{time},1,2,0.5,1.5,10,1,1.25" for time in times), ""])


def test_hours_are_inclusive_at_both_ends() -> None:
    assert len(bars(at("2024-01-02T09:30:00", "2024-01-02T16:00:00"))) == 2
    hours = (dt.time(4), dt.time(20))
    assert len(bars(at("2024-01-02T04:00:00", "2024-01-02T20:00:00"), hours)) == 2


@pytest.mark.parametrize(
    ("time", "hours"),
    [
        ("09:29:59.999", REGULAR),
        ("16:00:00.001", REGULAR),
        ("04:00:00", REGULAR),
        ("03:59:59", (dt.time(4), None)),
        ("16:00:01", (dt.time(4), None)),
        ("09:29:00", (None, dt.time(12))),
        ("12:00:01", (None, dt.time(12))),
    ],
)
def test_a_row_outside_the_hours_is_no_answer(time: str, hours: Hours) -> None:
    with pytest.raises(BadTable, match=f"2024-01-02T{time}.*outside the hours"):
        bars(at(f"2024-01-02T{time}"), hours)


@pytest.mark.parametrize("day", ["2024-01-01", "2024-01-04", "2023-01-02", "9999-01-02", "0001-01-02"])
def test_a_row_outside_the_days_is_no_answer(day: str) -> None:
    with pytest.raises(BadTable, match=f"{day}.*outside the range 2024-01-02 to 2024-01-03"):
        bars(at(f"{day}T10:00:00"), end=dt.date(2024, 1, 3))


@pytest.mark.parametrize(
    "times",
    [
        ("2024-01-02T09:31:00", "2024-01-02T09:30:00"),
        ("2024-01-02T09:30:00", "2024-01-02T09:30:00"),
        ("2024-01-03T09:30:00", "2024-01-02T09:31:00"),
    ],
)
def test_times_that_do_not_rise_are_no_answer(times: tuple[str, ...]) -> None:
    with pytest.raises(BadTable, match="do not rise"):
        bars(at(*times), end=dt.date(2024, 1, 3))


def test_two_reports_of_one_session_are_no_answer() -> None:
    header, first, *_ = REPORTS.splitlines()

    with pytest.raises(BadTable, match="do not rise"):
        reports("\r\n".join([header, first, first.replace("T17:17:53", "T17:18:53"), ""]))


def test_a_report_outside_the_range_is_no_answer() -> None:
    with pytest.raises(BadTable, match="outside the range"):
        reports(REPORTS, end=dt.date(2024, 1, 4))


# --- spoiled tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", [source for column in STOCK_OHLCV.columns for source in column.sources])
def test_a_missing_column_of_bars_is_named(column: str) -> None:
    table = cells(OHLC)
    at = table[0].index(column)

    with pytest.raises(BadTable, match=column):
        bars(written([line[:at] + line[at + 1 :] for line in table]))


@pytest.mark.parametrize("column", [source for column in STOCK_EOD.columns for source in column.sources])
def test_a_missing_column_of_reports_is_named(column: str) -> None:
    table = cells(REPORTS)
    at = table[0].index(column)

    with pytest.raises(BadTable, match=column):
        reports(written([line[:at] + line[at + 1 :] for line in table]))


@pytest.mark.parametrize("column", [source for column in STOCK_OHLCV.columns for source in column.sources])
@pytest.mark.parametrize("cell", ["", "null", "nan", "NaN", "N/A", "x", "1,000", "1.5.2", "--1", "true", "1 2"])
def test_a_cell_that_is_no_value_is_refused(column: str, cell: str) -> None:
    table = cells(OHLC)
    table[3][table[0].index(column)] = cell

    with pytest.raises(BadTable):
        bars(written(table))


@pytest.mark.parametrize("cell", ["inf", "-inf", "Infinity", "NAN", "1e999"])
def test_a_price_that_is_no_number_is_refused(cell: str) -> None:
    with pytest.raises(BadTable):
        bars(OHLC.replace("188.050", cell))


@pytest.mark.parametrize("cell", ["1.0", "1e3", "9223372036854775808", "-9223372036854775809", "1_000"])
def test_a_count_that_is_no_whole_number_is_refused(cell: str) -> None:
    with pytest.raises(BadTable):
        bars(OHLC.replace("3256708", cell))


@pytest.mark.parametrize("cell", ["2147483648", "-2147483649"])
def test_a_size_beyond_its_type_is_refused(cell: str) -> None:
    with pytest.raises(BadTable):
        reports(REPORTS.replace(",2,7,185.340", f",{cell},7,185.340"))


@pytest.mark.parametrize(
    "time",
    [
        "2024-01-02T09:30:00Z",
        "2024-01-02T09:30:00-05:00",
        "2024-01-02T25:00:00",
        "2024-02-30T09:30:00",
        "09:30:00",
        "20240102 093000",
        "1704187800000",
        "2024-01-02T09:30:60",
        "2024-01-02T09:30:00.1234567",
    ],
)
def test_a_time_in_another_form_is_refused(time: str) -> None:
    with pytest.raises(BadTable):
        bars(at(time))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\r\n", id="a line end"),
        pytest.param(b"No data found for your request", id="words"),
        pytest.param(b"one,two,three\r\n1,2,3\r\n", id="another table"),
        pytest.param(OHLC.split("\r\n", 1)[1].encode(), id="without a header"),
        pytest.param((OHLC + "2024-01-02T09:35:00,1,2").encode(), id="a row that is cut off"),
        pytest.param((OHLC + "2024-01-02T09:35:00,1,2,3,4,5,6,7,8\r\n").encode(), id="a row that is too long"),
        pytest.param((OHLC + OHLC).encode(), id="the header once more"),
        pytest.param(OHLC.upper().encode(), id="a header in capitals"),
        pytest.param(OHLC.replace(",", ";").encode(), id="semicolons"),
        pytest.param(OHLC.encode("utf-16"), id="UTF-16"),
        pytest.param(bytes(range(256)) * 10, id="all bytes"),
        pytest.param(b'"' * 5_001, id="quotes without an end"),
        pytest.param(b"\x1f\x8b\x08\x00" + b"\xff" * 100, id="something compressed"),
        pytest.param(b'{"response":[]}', id="JSON"),
        pytest.param(OHLC.replace("187.1500", '187.1500"').encode(), id="half a quote"),
    ],
)
def test_a_spoiled_table_is_a_bad_table_and_nothing_else(body: bytes) -> None:
    with pytest.raises(BadTable) as caught:
        bars(body)
    assert caught.value.patience == "few"
    assert len(str(caught.value)) < 600


def test_every_way_of_cutting_a_table_within_a_row_is_found_or_leaves_whole_numbers() -> None:
    header, *lines = OHLC.splitlines(keepends=True)
    whole = bars(OHLC).as_dicts()
    last = len(OHLC) - len(lines[-1])
    # Up to the last cell of a row the cut shows; within the last number only the missing line end tells.
    for size in range(last + 1, last + lines[-1].rindex(",") + 1):
        with pytest.raises(BadTable):
            bars(OHLC[:size])
    assert bars(OHLC[:last]).as_dicts() == whole[:-1]
    assert header.startswith("timestamp")


def test_a_column_that_is_there_twice_is_refused() -> None:
    header, *lines = OHLC.splitlines()
    text = "\r\n".join(["close," + header, *("1.0," + line for line in lines), ""])

    with pytest.raises(BadTable):
        bars(text)


def test_a_last_trade_in_year_zero_is_refused_like_any_spoiled_cell() -> None:
    with pytest.raises(BadTable):
        reports(REPORTS.replace("2024-01-02T17:17:51", "0000-01-02T17:17:51"))


def test_the_beginning_of_what_came_instead_is_told() -> None:
    with pytest.raises(BadTable, match="Invalid session ID"):
        bars("Invalid session ID. This can occur if more than one terminal is running\r\nmore\r\n")


def test_columns_are_named_as_the_record_names_them() -> None:
    (block,) = read_blocks(io.BytesIO(OHLC.encode()), STOCK_OHLCV)

    assert list(block) == [column.name for column in STOCK_OHLCV.columns if column.sources]


# --- blocks -----------------------------------------------------------------------------------------------


class Counted(io.BytesIO):
    """A body that counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def seconds(count: int) -> str:
    moments = (dt.datetime(2024, 1, 2, 9, 30) + dt.timedelta(seconds=i) for i in range(count))  # noqa: DTZ001
    return at(*(moment.isoformat() for moment in moments))


@pytest.mark.parametrize("size", [100, 101, 137, 400, 1_000])
def test_the_size_of_blocks_does_not_matter(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    whole = bars(seconds(200)).as_dicts()
    monkeypatch.setattr(columns_module, "_BLOCK", size)

    assert len(list(read_blocks(io.BytesIO(seconds(200).encode()), STOCK_OHLCV))) > 5
    assert bars(seconds(200)).as_dicts() == whole


def test_an_order_that_is_wrong_only_from_one_block_to_the_next_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "_BLOCK", 100)

    with pytest.raises(BadTable, match="do not rise"):
        bars(seconds(50) + seconds(50).split("\r\n", 1)[1])


@pytest.mark.parametrize(("most", "enough"), [(49, False), (50, True), (0, False)])
def test_an_answer_with_more_rows_than_fit_is_too_large(most: int, enough: bool) -> None:
    body = io.BytesIO(seconds(50).encode())
    if enough:
        assert len(to_rows(body, BARS, ONE_DAY, most)) == 50
    else:
        with pytest.raises(RequestTooLarge, match=f"more than {most} rows"):
            to_rows(body, BARS, ONE_DAY, most)


def test_what_is_too_large_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "_BLOCK", 1_000)
    text = seconds(20_000)
    body = Counted(text.encode())

    with pytest.raises(RequestTooLarge):
        to_rows(body, BARS, ONE_DAY, 100)
    assert body.taken < len(text) / 10
