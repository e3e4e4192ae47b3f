"""What a user writes into a file is what comes out, whichever way it was written."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import sessions
from app.domain.contracts import Contracts
from app.domain.hours import AskedHours
from app.domain.kinds import Kind
from app.domain.plan import Chunk, Plan, Step
from app.domain.rows import Rows, constant
from app.domain.schema import RECORDS, RecordType
from app.domain.series import SeriesName
from app.domain.times import micros_of
from tests.unit.files.made import MOST, TRADES, Folder, csv_of, table_of

RECORD_TYPES = pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)
#: Both Sundays on which the clocks change lie within, and a half-day.
START, END = dt.date(2024, 3, 1), dt.date(2024, 11, 29)
DAYS = [one.date for one in sessions.sessions(START, END)]


def series_of(record: RecordType) -> SeriesName:
    symbol = "AAPL" if record.asset == "stock" else "SPXW"
    return SeriesName(record.asset, symbol, record.schema, record.default_interval, "1")


def random_rows(record: RecordType, seed: int, most: int = 40) -> Rows:
    """Rows of sessions and their regular hours, no moment of a contract twice, in the order of ``fetch``."""
    random = np.random.default_rng(seed)
    count = int(random.integers(1, most))
    columns = {}
    for column in record.columns:
        match column.kind:
            case Kind.STRING:
                columns[column.name] = constant(series_of(record).symbol, count)
            case Kind.INT:
                columns[column.name] = random.integers(-(2**31), 2**31, count).astype(np.int32)
            case Kind.LONG:
                columns[column.name] = random.integers(0, 2**62, count)
            case Kind.TIMESTAMP:
                # About noon: a time without a zone in the hour that comes twice a year names no instant.
                days = random.integers(0, 24_000, count) * 86_400_000_000
                columns[column.name] = days + random.integers(12 * 3_600_000_000, 20 * 3_600_000_000, count)
            case Kind.DOUBLE:
                columns[column.name] = random.normal(0, 10.0 ** random.integers(-8, 9), count)
            case Kind.NULLABLE:
                columns[column.name] = np.where(random.random(count) < 0.3, np.nan, random.normal(0, 1, count))
            case Kind.DATE:
                columns[column.name] = random.choice([20_100, 20_101, 21_000], count).astype(np.int32)
            case Kind.RIGHT:
                columns[column.name] = random.integers(0, 2, count).astype(np.int8)
            case Kind.CODES:
                codes = random.integers(0, 3, count)
                columns[column.name] = (codes > 0) * random.integers(1, 2**15 - 1, count) + (codes > 1) * (7 << 16)
    if record.asset == "option":
        columns["strike"] = random.integers(1, 4, count) * 12.5
    days = random.choice(len(DAYS), count)
    times = [dt.time(int(random.integers(10, 16)), int(random.integers(0, 60)), 0, int(us)) for us in range(count)]
    if not record.has_hours:
        times = [dt.time()] * count if record.schema == "eod" else [dt.time(6, 30, 0, int(us)) for us in range(count)]
        days = random.permutation(len(DAYS))[:count]
    columns["timestamp"] = np.array([micros_of(DAYS[day], time) for day, time in zip(days, times, strict=True)])
    rows = Rows.of(record, columns)
    order = [rows.timestamps] if rows.contracts is None else [rows.timestamps, rows.contracts]
    return rows.take(np.lexsort(order))


def assert_same(found: Rows, expected: Rows) -> None:
    assert found.record is expected.record
    for name, data in expected.columns.items():
        assert found.columns[name].dtype == data.dtype == expected.record.by_name[name].kind.dtype
        np.testing.assert_array_equal(found.columns[name], data, err_msg=name)
    if expected.contracts is None:
        assert found.contracts is None
    else:
        np.testing.assert_array_equal(found.contracts, expected.contracts)


@RECORD_TYPES
@settings(max_examples=15)
@given(st.integers(0, 2**32), st.sampled_from(["UTC", "America/New_York", "+03:00", None]), st.booleans())
def test_rows_survive_a_file_in_any_order(record: RecordType, seed: int, zone: str | None, as_csv: bool) -> None:
    rows, series = random_rows(record, seed), series_of(record)
    shuffled = rows.take(np.random.default_rng(seed).permutation(len(rows)))
    table = table_of(shuffled)
    for name in table.column_names:
        if pa.types.is_timestamp(table[name].type):
            at = table.column_names.index(name)
            local = table[name].cast(pa.timestamp("us", zone or "America/New_York"))
            plain = local if zone else pa.compute.local_timestamp(local)

            table = table.set_column(at, name, plain)
    with tempfile.TemporaryDirectory() as root:
        folder = Folder(Path(root))
        if as_csv:
            folder.csv(series, csv_of(table))
        else:
            folder.parquet(series, table, row_group_size=7)
        found = folder.fetch(series, START.isoformat(), END.isoformat())

    assert_same(found, rows)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(2, 9))
def test_the_parts_of_a_series_in_many_files_are_one(seed: int, files: int) -> None:
    record = RECORDS["option", "quote"]
    rows, series = random_rows(record, seed), series_of(record)
    owner = np.random.default_rng(seed).integers(0, files, len(rows))
    with tempfile.TemporaryDirectory() as root:
        folder = Folder(Path(root))
        for number in range(files):
            table = table_of(rows.take(owner == number))
            if number % 2:
                folder.csv(series, csv_of(table), f"{number}.csv")
            else:
                folder.parquet(series, table, f"{number}.parquet")
        found = folder.fetch(series, START.isoformat(), END.isoformat())

    assert_same(Rows.joined([found]), rows)


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_a_plan_that_is_split_to_windows_loses_nothing(seed: int) -> None:
    """Windows end a millisecond before the next one begins; ticks are finer than that."""
    random = np.random.default_rng(seed)
    edge = AskedHours(TRADES, None, None).windows(2)[1][0]
    begin = micros_of(DAYS[0], edge) - 2_000
    rows = random_rows(TRADES.record, seed)
    stamps = np.sort(begin + random.integers(0, 4_000, len(rows)))
    rows = Rows.of(TRADES.record, {**rows.columns, "timestamp": stamps})
    plan = Plan((Step((Chunk(DAYS[0], DAYS[0], 1),)),))
    for _ in range(3):
        split = plan.split(range(len(plan.steps)), TRADES)
        assert split is not None
        plan = split
    with tempfile.TemporaryDirectory() as root:
        folder = Folder(Path(root))
        folder.parquet(TRADES, table_of(rows))
        found = [folder.provider.fetch(TRADES, chunk, MOST) for chunk in plan.chunks]

    assert len(plan.chunks) == 8
    assert_same(Rows.joined(found), rows)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 600), st.sampled_from(["both", "call", "put"]))
def test_contracts_are_those_that_the_filters_mean(seed: int, max_dte: int, right: str) -> None:
    record = RECORDS["option", "quote"]
    rows, series = random_rows(record, seed), series_of(record)
    asked = Contracts(strikes=(12_500, 25_000), right=right, max_dte=max_dte)  # type: ignore[arg-type]
    expected = [
        row
        for row in rows.as_dicts()
        if row["strike"] in (12.5, 25.0)
        and right.upper() in (row["right"], "BOTH")
        and 0 <= row["expiration"] - session_of(row["timestamp"]) <= max_dte
    ]
    with tempfile.TemporaryDirectory() as root:
        folder = Folder(Path(root))
        folder.parquet(series, table_of(rows))
        found = folder.fetch(series, START.isoformat(), END.isoformat(), contracts=asked)

    assert found.as_dicts() == expected


def session_of(micros: int) -> int:
    moment = dt.datetime.fromtimestamp(micros // 1_000_000, sessions.NEW_YORK)
    return (moment.date() - dt.date(1970, 1, 1)).days
