"""What comes out of files: which rows, at what time, in what order, and what of a file is not taken."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from app.domain.contracts import Contracts
from app.domain.limits import Limits
from app.domain.plan import Chunk
from app.domain.schema import schemas_of
from app.domain.series import SeriesName
from app.errors import ProviderGlitch, ProviderRefused, ProviderUnavailable, RequestTooLarge
from app.files.client import FilesProvider
from app.provider import Provider
from tests.unit.files.made import (
    BARS,
    EOD,
    INTEREST,
    JAN_2,
    MOST,
    QUOTES,
    TRADES,
    Folder,
    bar,
    column,
    quote,
    utc,
)

HEAD = "timestamp,open,high,low,close,volume,count,session_vwap\n"
CELLS = ",1,2,0.5,1.5,10,3,1.25\n"
TRADE = {"price": 1.5, "size": 100, "exchange": 3, "condition": 0, "sequence": 7}
FRIDAY, MONDAY = dt.date(2024, 1, 5), dt.date(2024, 1, 8)


def naive(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def test_it_is_a_provider_whose_receipts_say_files(folder: Folder) -> None:
    provider: Provider = folder.provider

    assert provider.name == "files"
    schemas = frozenset(schemas_of("option"))
    assert provider.limits == Limits(intraday_months=1, wide=schemas, max_dte=schemas)
    assert provider.state() == "CONNECTED"


# --- times ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-02T09:31:00",
        "2024-01-02 09:31",
        "2024-01-02T14:31:00Z",
        "2024-01-02T09:31:00-05:00",
        "2024-01-02 15:31:00.000000+01:00",
        "2024-01-02T09:31:00.000000999",
    ],
)
def test_a_csv_has_iso_8601_with_or_without_a_zone(folder: Folder, text: str) -> None:
    folder.csv(BARS, HEAD + text + CELLS)

    assert column(folder.fetch(BARS), "timestamp") == [utc("2024-01-02T09:31")]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York", "Asia/Tokyo"])
def test_parquet_has_times_in_any_unit_and_zone(folder: Folder, unit: str, zone: str | None) -> None:
    moment = utc("2024-01-02T09:31") if zone else utc("2024-01-02T04:31")
    table = pa.Table.from_pylist([bar(None)])
    column_of = pa.array([moment // 1_000_000], pa.timestamp("s", zone)).cast(pa.timestamp(unit, zone))
    folder.parquet(BARS, table.set_column(0, "timestamp", column_of))

    assert column(folder.fetch(BARS), "timestamp") == [utc("2024-01-02T09:31")]


def test_what_is_finer_than_microseconds_is_cut_off(folder: Folder) -> None:
    stamps = pa.array([utc("2024-01-02T10:00") * 1000 + 1_999], pa.timestamp("ns", "UTC"))
    folder.parquet(TRADES, pa.Table.from_pylist([TRADE]).append_column("timestamp", stamps))

    assert column(folder.fetch(TRADES), "timestamp") == [utc("2024-01-02T10:00") + 1]


@pytest.mark.parametrize(
    ("day", "hour"), [("2024-03-08", 14), ("2024-03-11", 13), ("2024-11-01", 13), ("2024-11-04", 14)]
)
@pytest.mark.parametrize("zone", ["", "Z"])
def test_the_clock_change_moves_the_open_in_utc(folder: Folder, day: str, hour: int, zone: str) -> None:
    text = f"{day}T{hour}:30:00Z" if zone else f"{day}T09:30:00"
    folder.csv(BARS, HEAD + text + CELLS)

    found = folder.fetch(BARS, day)

    assert column(found, "timestamp") == [utc(f"{day}T09:30")]
    assert dt.datetime.fromtimestamp(found.timestamps[0] / 1e6, dt.UTC).hour == hour


def report(folder: Folder, head: str, day: str, created: str, last_trade: str) -> dict[str, Any]:
    sides = ",".join(f"{side}{what}" for side in ("bid", "ask") for what in ("", "_size", "_exchange", "_condition"))
    names = f"{head},open,high,low,close,volume,count,{sides},created,last_trade\n"
    folder.csv(EOD, f"{names}{day},1,2,0.5,1.5,10,3,1,2,3,4,1,2,3,4,{created},{last_trade}\n")
    (row,) = folder.fetch(EOD, day).as_dicts()
    return row


def test_the_repeated_hour_of_autumn_is_its_first_pass_without_a_zone(folder: Folder) -> None:
    row = report(folder, "date", "2024-11-01", "2024-11-03T01:30:00", "2024-11-03T06:30:00Z")

    assert row["last_trade"] - row["created"] == 3600 * 1_000_000


@pytest.mark.parametrize("head", ["date", "timestamp"])
@pytest.mark.parametrize("day", ["2024-01-02", "2024-07-02"])
def test_a_report_stands_at_its_sessions_midnight_in_new_york(folder: Folder, head: str, day: str) -> None:
    row = report(folder, head, day, f"{day}T17:15:00", f"{day}T20:00:00Z")

    assert row["timestamp"] == utc(day)
    assert row["created"] == utc(f"{day}T17:15")
    assert row["last_trade"] == int(dt.datetime.fromisoformat(f"{day}T20:00:00Z").timestamp()) * 1_000_000


# --- which rows -------------------------------------------------------------------------------------------


def test_only_the_days_asked_for_and_only_sessions(folder: Folder) -> None:
    days = ["2024-01-04", "2024-01-05", "2024-01-06", "2024-01-07", "2024-01-08", "2024-01-15", "2024-01-16"]
    folder.csv(BARS, HEAD + "".join(f"{day}T10:00:00{CELLS}" for day in days))

    found = folder.fetch(BARS, "2024-01-05", "2024-01-15")

    assert column(found, "timestamp") == [utc("2024-01-05T10:00"), utc("2024-01-08T10:00")]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ((None, None), ["09:30:00", "16:00:00"]),
        ((dt.time(9, 30, 0), dt.time(9, 30, 0)), ["09:30:00"]),
        ((dt.time(4), dt.time(20)), ["04:00:00", "09:29:59", "09:30:00", "16:00:00", "16:00:01"]),
        ((dt.time(16, 0, 1), None), []),
    ],
)
def test_only_the_hours_asked_for_both_ends_inclusive(
    folder: Folder, hours: tuple[dt.time | None, dt.time | None], expected: list[str]
) -> None:
    times = ["04:00:00", "09:29:59", "09:30:00", "16:00:00", "16:00:01"]
    folder.csv(BARS, HEAD + "".join(f"2024-01-02T{time}{CELLS}" for time in times))

    found = folder.fetch(BARS, hours=hours)

    assert column(found, "timestamp") == [utc(f"2024-01-02T{time}") for time in expected]


def test_the_end_of_the_day_is_exact_to_the_microsecond(folder: Folder) -> None:
    rows = [{"timestamp": naive(f"2024-01-02T{time}"), **TRADE} for time in ("16:00:00", "16:00:00.000001")]
    folder.parquet(TRADES, rows)

    assert column(folder.fetch(TRADES), "timestamp") == [utc("2024-01-02T16:00")]


def test_no_row_is_no_error(folder: Folder) -> None:
    folder.csv(BARS, HEAD)
    assert len(folder.fetch(BARS)) == 0
    folder.csv(BARS, HEAD + "2023-01-03T10:00:00" + CELLS)
    assert len(folder.fetch(BARS)) == 0


def test_zeros_are_rows(folder: Folder) -> None:
    folder.csv(BARS, HEAD + "2024-01-02T10:00:00,0,0,0,0,0,0,0\n")

    assert len(folder.fetch(BARS)) == 1


def test_rows_beyond_the_most_want_a_split(folder: Folder) -> None:
    folder.csv(BARS, HEAD + "".join(f"2024-01-02T10:{i:02d}:00{CELLS}" for i in range(60)))

    assert len(folder.fetch(BARS, most=60)) == 60
    with pytest.raises(RequestTooLarge, match="more than 59 rows"):
        folder.fetch(BARS, most=59)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Contracts(), [(FRIDAY, 10.0), (FRIDAY, 20.5), (MONDAY, 10.0)]),
        (Contracts(expirations=(MONDAY,)), [(MONDAY, 10.0)]),
        (Contracts(strikes=(20_500,)), [(FRIDAY, 20.5)]),
        (Contracts(right="put"), [(FRIDAY, 20.5)]),
        (Contracts(max_dte=3), [(FRIDAY, 10.0), (FRIDAY, 20.5)]),
        (Contracts(max_dte=0), []),
    ],
)
def test_contracts_are_those_asked_for(folder: Folder, asked: Contracts, expected: list[tuple[dt.date, float]]) -> None:
    at = naive("2024-01-02T10:00")
    rows = [quote(at, MONDAY, 10.0), quote(at, FRIDAY, 20.5, "put"), quote(at, FRIDAY, 10.0, "c")]
    folder.parquet(QUOTES, rows)

    found = folder.fetch(QUOTES, contracts=asked).as_dicts()

    epoch = dt.date(1970, 1, 1)
    assert [(epoch + dt.timedelta(row["expiration"]), row["strike"]) for row in found] == expected
    assert {row["root"] for row in found} <= {"SPXW"}


def test_the_money_is_not_known(folder: Folder) -> None:
    folder.parquet(QUOTES, [quote(naive("2024-01-02T10:00"), FRIDAY)])

    with pytest.raises(ProviderRefused, match="does not know where the money is; name strikes instead"):
        folder.fetch(QUOTES, contracts=Contracts(strike_range=3))


# --- order ------------------------------------------------------------------------------------------------


def test_ticks_of_one_moment_stay_as_they_stand_file_by_file(folder: Folder) -> None:
    at, before = naive("2024-01-02T10:00"), naive("2024-01-02T09:59")
    folder.parquet(TRADES, [{"timestamp": at, **TRADE, "sequence": n} for n in (5, 3)], "b.parquet")
    folder.parquet(TRADES, [{"timestamp": t, **TRADE, "sequence": n} for n, t in ((9, at), (1, before))], "a.parquet")

    assert column(folder.fetch(TRADES), "sequence") == [1, 9, 5, 3]


def test_bars_that_are_there_twice_are_refused(folder: Folder) -> None:
    folder.csv(BARS, HEAD + f"2024-01-02T10:00:00{CELLS}", "a.csv")
    folder.csv(BARS, HEAD + f"2024-01-02T15:00:00Z{CELLS}", "b.csv")

    with pytest.raises(
        ProviderRefused, match=r"aapl: 1 rows are there twice, the first of 2024-01-02T15:00:00.000 UTC"
    ):
        folder.fetch(BARS)


@pytest.mark.parametrize(("strike", "wrong"), [("5000", True), ("5001", False)])
def test_a_contract_has_each_moment_once(folder: Folder, strike: str, wrong: bool) -> None:
    head = "timestamp,expiration,strike,right,open_interest\n"
    lines = f"2024-01-02T06:30:00,2024-12-20,5000,C,7\n2024-01-02T06:30:00,2024-12-20,{strike},C,8\n"
    folder.csv(INTEREST, head + lines)

    if wrong:
        with pytest.raises(ProviderRefused, match="twice"):
            folder.fetch(INTEREST)
    else:
        assert column(folder.fetch(INTEREST), "open_interest") == [7, 8]


# --- columns ----------------------------------------------------------------------------------------------


def test_columns_are_taken_by_name_and_others_are_left_alone(folder: Folder) -> None:
    folder.csv(
        BARS,
        "mood,session_vwap,count,volume,close,low,high,open,timestamp,symbol\n"
        "fine,1.25,3,10,1.5,0.5,2,1,2024-01-02T10:00:00,aapl\n",
    )

    (row,) = folder.fetch(BARS).as_dicts()

    assert row == {"symbol": "AAPL", **bar(utc("2024-01-02T10:00"))}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([10], pa.int8()),
        ([10], pa.uint64()),
        ([10.0], pa.float32()),
        ([10], pa.decimal128(21, 2)),
    ],
)
def test_a_number_of_any_type_is_taken_when_it_fits(folder: Folder, values: list[Any], kind: Any) -> None:
    table = pa.Table.from_pylist([bar(naive("2024-01-02T10:00"))])
    for name in ("volume", "open"):
        table = table.set_column(table.column_names.index(name), name, pa.array(values).cast(kind))
    folder.parquet(BARS, table)

    (row,) = folder.fetch(BARS).as_dicts()

    assert (row["volume"], row["open"]) == (10, 10.0)


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), pa.timestamp("ns"), pa.string()])
def test_an_expiration_may_be_a_date_its_midnight_or_text(folder: Folder, kind: Any) -> None:
    table = pa.Table.from_pylist([quote(naive("2024-01-02T10:00"), FRIDAY)])
    expirations = pa.array([FRIDAY]).cast(kind)
    folder.parquet(QUOTES, table.set_column(table.column_names.index("expiration"), "expiration", expirations))

    found = folder.fetch(QUOTES, contracts=Contracts(expirations=(FRIDAY,)))

    assert column(found, "expiration") == [(FRIDAY - dt.date(1970, 1, 1)).days]


def test_text_may_be_a_dictionary(folder: Folder) -> None:
    table = pa.Table.from_pylist([quote(naive("2024-01-02T10:00"), FRIDAY, right=word) for word in ("PUT", "CALL")])
    folder.parquet(QUOTES, table.set_column(3, "right", table["right"].combine_chunks().dictionary_encode()))

    assert column(folder.fetch(QUOTES), "right") == ["CALL", "PUT"]


def test_further_conditions_are_lists_or_text_or_not_there(folder: Folder) -> None:
    at = naive("2024-01-02T10:00")
    folder.parquet(TRADES, [{"timestamp": at, **TRADE}], "a.parquet")
    lists = [None, [], [12], [0, 255, 32_766, 3]]
    folder.parquet(TRADES, [{"timestamp": at, **TRADE, "ext_conditions": codes} for codes in lists], "b.parquet")
    lines = "".join(f"2024-01-02T10:00:00,1.5,100,3,0,7,{cell}\n" for cell in ("", "12", " 1  2 3 4 "))
    folder.csv(TRADES, "timestamp,price,size,exchange,condition,sequence,ext_conditions\n" + lines, "c.csv")

    expected = [[], [], [], [12], [0, 255, 32_766, 3], [], [12], [1, 2, 3, 4]]
    assert column(folder.fetch(TRADES), "ext_conditions") == expected


def test_what_a_provider_may_leave_empty_may_be_empty(folder: Folder) -> None:
    series = SeriesName("option", "SPXW", "implied_volatility", "1m", "1")
    names = [column.name for column in series.record.columns if column.name != "root"]
    cells = {"timestamp": "2024-01-02T10:00:00", "expiration": "2024-01-05", "strike": "5", "right": "P"}
    cells |= {"underlying_timestamp": "2024-01-02T10:00:00", "ask": "2"}
    folder.csv(series, ",".join(names) + "\n" + ",".join(cells.get(name, "") for name in names) + "\n")

    (row,) = folder.fetch(series).as_dicts()

    assert (row["bid"], row["ask"], row["underlying_price"]) == (None, 2.0, None)


# --- files that are wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the first line does not name the columns"),
        ("a,b\n1,2\n", "column timestamp is missing: add it; the file has a, b"),
        (HEAD.replace("low", "lowest") + "2024-01-02T10:00:00" + CELLS, "column low is missing"),
        (HEAD.replace("low", "high") + "2024-01-02T10:00:00" + CELLS, "column high is there twice"),
        (HEAD + "2024-01-02T10:00:00,1,2,,1.5,10,3,1.25\n", "column low has 1 empty cells"),
        (HEAD + "2024-01-02T10:00:00,1,2,NaN,1.5,10,3,1.25\n", "column low has 1 empty cells"),
        (HEAD + "2024-01-02T10:00:00,1,2,inf,1.5,10,3,1.25\n", "column low has inf, which is no number"),
        (HEAD + "2024-01-02T10:00:00,1,2,x,1.5,10,3,1.25\n", "Row #2: CSV conversion error to double"),
        (HEAD + "2024-01-02T10:00:00,1,2,1,1.5,10.5,3,1.25\n", "CSV conversion error to int64"),
        (HEAD + "2024-01-02T10:00:00,1,2\n", "Expected 8 columns, got 3"),
        (HEAD + ",1,2,1,1.5,10,3,1.25\n", "column timestamp has times like ''"),
        (HEAD + "02.01.2024 10:00,1,2,1,1.5,10,3,1.25\n", "column timestamp has times like '02.01.2024 10:00'"),
        (HEAD + f"2024-01-02T10:00:00{CELLS}2024-01-02T15:01:00Z{CELLS}", "either all with Z or an offset"),
        ("symbol," + HEAD + "MSFT,2024-01-02T10:00:00" + CELLS, "a row of 'MSFT' is not of AAPL"),
    ],
)
def test_a_wrong_csv_is_refused_with_its_name_and_what_to_do(folder: Folder, text: str, words: str) -> None:
    path = folder.csv(BARS, text)

    with pytest.raises(ProviderRefused) as caught:
        folder.fetch(BARS)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "correct the file and ask again under a new id" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not caught.value.retriable


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"timestamp": 5}, "column timestamp is of type int64 and should hold times"),
        ({"timestamp": None}, "column timestamp"),
        ({"bid": None}, "column bid"),
        ({"bid": float("nan")}, "column bid has nan, which is no number"),
        ({"bid": "1.5"}, "column bid is of type string and should hold numbers"),
        ({"bid_size": 2**31}, "column bid_size should hold whole numbers of 32 bits"),
        ({"bid_size": 1.5}, "column bid_size should hold whole numbers of 32 bits"),
        ({"bid_size": True}, "column bid_size is of type bool"),
        ({"right": "SIDE"}, "column right has 'SIDE', which is no right: CALL and PUT are"),
        ({"right": 1}, "column right is of type int64 and should hold text"),
        ({"strike": 0.00005}, "more than three decimals"),
        ({"strike": -1.0}, "a strike is not between 0 and"),
        ({"expiration": "soon"}, "Failed to parse string: 'soon'"),
        ({"expiration": naive("2024-01-05T09:00")}, "column expiration should hold dates and has times of the day"),
        ({"expiration": 20240105}, "column expiration is of type int64 and should hold dates"),
        ({"root": "SPX"}, "a row of 'SPX' is not of SPXW"),
        ({"root": None}, "column root"),
    ],
)
def test_a_wrong_parquet_file_is_refused(folder: Folder, changes: dict[str, Any], words: str) -> None:
    path = folder.parquet(QUOTES, [{**quote(naive("2024-01-02T10:00"), FRIDAY), **changes}])

    with pytest.raises(ProviderRefused) as caught:
        folder.fetch(QUOTES)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ([1, 2, 3, 4, 5], "a row with 5 codes; 4 are the most"),
        ([-1], "the code -1, which is below 0"),
        ([32_767], "a condition code is out of range"),
        ([None], "an empty code"),
        (["x"], "should hold whole numbers"),
        (7, "should hold lists of numbers"),
    ],
)
def test_conditions_that_do_not_fit_are_refused(folder: Folder, codes: Any, words: str) -> None:
    folder.parquet(TRADES, [{"timestamp": naive("2024-01-02T10:00"), **TRADE, "ext_conditions": codes}])

    with pytest.raises(ProviderRefused, match=words):
        folder.fetch(TRADES)


def test_a_report_at_another_time_than_midnight_is_refused(folder: Folder) -> None:
    rows = [{column.name: 1 for column in EOD.record.columns if column.name != "symbol"}]
    moment = naive("2024-01-02T17:15")
    folder.parquet(EOD, [{**rows[0], "timestamp": moment, "created": moment, "last_trade": moment}])

    with pytest.raises(ProviderRefused, match="give its session in a column named date"):
        folder.fetch(EOD)


def test_what_is_no_parquet_is_refused(folder: Folder) -> None:
    path = folder.place(BARS, ".parquet")
    path.write_bytes(b"PAR1 and then nothing of the kind")

    with pytest.raises(ProviderRefused, match=r"aapl\.parquet: "):
        folder.fetch(BARS)


def test_a_cell_that_is_wrong_on_a_day_not_asked_for_is_not_seen(folder: Folder) -> None:
    folder.csv(BARS, HEAD + f"2024-01-02T10:00:00{CELLS}2024-01-03T10:00:00,1,2,,1.5,10,3,1.25\n")

    assert len(folder.fetch(BARS, "2024-01-02")) == 1
    with pytest.raises(ProviderRefused):
        folder.fetch(BARS, "2024-01-03")


# --- away -------------------------------------------------------------------------------------------------


def test_a_folder_that_is_away_is_waited_for(tmp_path: Path) -> None:
    provider = FilesProvider(tmp_path / "nowhere")

    assert provider.state() == "MISSING"
    assert provider.refuses(BARS, JAN_2) is None
    with pytest.raises(ProviderUnavailable, match="mount it again, or correct FILES_DIR") as caught:
        provider.fetch(BARS, Chunk(JAN_2, JAN_2, 1), MOST)
    assert caught.value.patience == "wait"


def test_a_file_that_vanishes_is_tried_a_few_times(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder.csv(BARS, HEAD)
    monkeypatch.setattr("app.files.client.files_of", lambda root, series: (path,))
    path.unlink()

    with pytest.raises(ProviderGlitch, match=r"aapl\.csv cannot be read") as caught:
        folder.fetch(BARS)
    assert caught.value.patience == "few"


def test_a_provider_that_is_closed_gives_up(folder: Folder) -> None:
    folder.csv(BARS, HEAD + "2024-01-02T10:00:00" + CELLS)
    folder.provider.close()

    with pytest.raises(ProviderUnavailable, match="closed"):
        folder.fetch(BARS)


# --- size -------------------------------------------------------------------------------------------------


def test_a_large_file_is_read_in_pieces(folder: Folder) -> None:
    """One row group of two million rows would be 128 MB as columns."""
    count = 2_000_000
    stamps = pa.array(utc("2024-01-02T09:30") + np.arange(count) * 86_400_000 * 30, pa.timestamp("us", "UTC"))
    numbers = pa.array(np.arange(count))
    names = ("open", "high", "low", "close", "session_vwap")
    table = pa.table({"timestamp": stamps} | dict.fromkeys(names, numbers) | {"volume": numbers, "count": numbers})
    folder.parquet(BARS, table, row_group_size=count)
    del table, numbers, stamps
    before = pa.total_allocated_bytes()
    pool = pa.default_memory_pool()
    peak = 0

    original = folder.provider._go_on

    def measured() -> None:
        nonlocal peak
        peak = max(peak, pool.bytes_allocated() - before)
        original()

    folder.provider._go_on = measured  # type: ignore[method-assign]
    found = folder.fetch(BARS, "2024-01-02", "2024-01-31", (dt.time(0), dt.time(23, 59)))

    assert 0 < len(found) < 1_000
    assert 0 < peak < 48_000_000


def test_a_csv_is_not_read_again_for_days_it_does_not_have(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.csv(BARS, HEAD + f"2024-01-02T10:00:00{CELLS}", "2024-01-02.csv")
    path = folder.csv(BARS, HEAD + f"2024-01-03T15:00:00Z{CELLS}", "2024-01-03.csv")
    assert len(folder.fetch(BARS, "2024-01-02", "2024-01-03")) == 2
    opened: list[Path] = []
    monkeypatch.setattr("app.files.reading.open_table", lambda path: opened.append(path) or _opened(path))

    assert len(folder.fetch(BARS, "2024-01-03")) == 1
    assert opened == [path]
    assert len(folder.fetch(BARS, "2024-01-08")) == 0
    assert opened == [path]
    path.write_text(HEAD + f"2024-01-08T10:00:00{CELLS}")
    assert len(folder.fetch(BARS, "2024-01-08")) == 1


def _opened(path: Path) -> Any:
    from app.files.tables import open_table

    return open_table(path)


def test_row_groups_of_other_days_and_expirations_are_not_read(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        quote(naive(f"{day}T10:00"), expiration)
        for day in ("2024-01-02", "2024-01-03")
        for expiration in (FRIDAY, MONDAY)
    ]
    folder.parquet(QUOTES, rows, row_group_size=1)
    read: list[list[int]] = []
    original = pa.parquet.ParquetFile.iter_batches

    def noted(self: Any, *arguments: Any, row_groups: list[int], **named: Any) -> Any:
        read.append(row_groups)
        return original(self, *arguments, row_groups=row_groups, **named)

    monkeypatch.setattr(pa.parquet.ParquetFile, "iter_batches", noted)

    assert len(folder.fetch(QUOTES, "2024-01-03")) == 2
    assert len(folder.fetch(QUOTES, "2024-01-03", contracts=Contracts(expirations=(FRIDAY,)))) == 1
    assert read == [[2, 3], [2]]
