"""What is asked for once more before a series goes on after a pause."""

from __future__ import annotations

import datetime as dt

from app.domain.contracts import Contracts
from app.domain.overlap import overlap
from app.domain.plan import Chunk, Plan, Step
from app.domain.series import SeriesName
from app.domain.sessions import NEW_YORK

DAYS = [dt.date(2024, 7, 1), dt.date(2024, 7, 2), dt.date(2024, 7, 3)]


def micros(day: dt.date, time: str) -> int:
    return int(dt.datetime.combine(day, dt.time.fromisoformat(time), NEW_YORK).timestamp() * 1_000_000)


def test_bars_of_a_stock_are_asked_for_by_the_whole_last_day() -> None:
    name = SeriesName("stock", "AAPL", "ohlcv", "1m", "b")
    plan = Plan(
        (Step((Chunk(DAYS[0], DAYS[2], 1_000),)), Step((Chunk(dt.date(2024, 7, 5), dt.date(2024, 7, 9), 1_000),)))
    )

    found = overlap(name, plan, 1, micros(DAYS[2], "13:00:00"), whole_days=True)

    assert found is not None
    assert (found.chunk.start, found.chunk.end) == (DAYS[2], DAYS[2])
    assert (found.chunk.start_time, found.chunk.end_time) == (None, None)
    assert (found.begin, found.end) == (micros(DAYS[2], "00:00:00"), micros(DAYS[2], "13:00:00"))
    assert found.alone


def test_ticks_are_asked_for_by_their_last_millisecond() -> None:
    name = SeriesName("stock", "AAPL", "trade", None, "b")
    windows = [(dt.time(9, 30), dt.time(11, 59, 59, 999_000)), (dt.time(12), dt.time(16))]
    plan = Plan(tuple(Step((Chunk(DAYS[0], DAYS[0], 1_000, begin, end),)) for begin, end in windows))
    last = micros(DAYS[0], "11:59:59.999")

    found = overlap(name, plan, 1, last, whole_days=False)

    assert found is not None
    assert (found.chunk.start_time, found.chunk.end_time) == (dt.time(11, 59, 59, 999_000),) * 2, (
        "not beyond its window"
    )
    assert (found.begin, found.end) == (last, last)


def test_a_tick_at_a_whole_second_is_asked_for_with_its_millisecond() -> None:
    name = SeriesName("stock", "AAPL", "trade", None, "b")
    plan = Plan((Step((Chunk(DAYS[0], DAYS[0], 1_000),)),))
    last = micros(DAYS[0], "11:59:59.000456")

    found = overlap(name, plan, 1, last, whole_days=False)

    assert found is not None
    assert (found.chunk.start_time, found.chunk.end_time) == (dt.time(11, 59, 59), dt.time(11, 59, 59, 1_000))
    assert (found.begin, found.end) == (last - 456, last)


def test_a_row_of_a_grid_is_asked_for_with_all_that_it_is_made_of() -> None:
    name = SeriesName("option", "AAPL", "ohlcv", "5m", "b")
    contracts = Contracts()
    plan = Plan((Step((Chunk(DAYS[0], DAYS[0], 1_000, None, None, contracts),)),))

    middle = overlap(name, plan, 1, micros(DAYS[0], "10:05:00"), whole_days=False)
    close = overlap(name, plan, 1, micros(DAYS[0], "16:00:00"), whole_days=False)

    assert middle is not None
    assert close is not None
    assert (middle.chunk.start_time, middle.chunk.end_time) == (dt.time(10, 5), dt.time(10, 9, 59, 999_000))
    assert (close.chunk.start_time, close.chunk.end_time) == (dt.time(16), dt.time(16)), "as it was asked for then"


def test_of_several_chunks_one_speaks_for_its_contracts_alone() -> None:
    name = SeriesName("option", "AAPL", "quote", "1h", "b")
    parts = [Contracts(expirations=(day,)) for day in (dt.date(2024, 7, 5), dt.date(2024, 7, 12))]
    plan = Plan((Step(tuple(Chunk(DAYS[0], DAYS[2], 1_000, None, None, part) for part in parts)),))

    found = overlap(name, plan, 1, micros(DAYS[1], "12:30:00"), whole_days=False)

    assert found is not None
    assert not found.alone
    assert found.chunk.contracts in parts


def test_days_without_rows_are_passed_over() -> None:
    name = SeriesName("stock", "AAPL", "eod", None, "b")
    plan = Plan(tuple(Step((Chunk(day, day, 1),)) for day in DAYS))

    found = overlap(name, plan, 3, micros(DAYS[0], "00:00:00"), whole_days=False)

    assert found is not None
    assert (found.chunk.start, found.chunk.end) == (DAYS[0], DAYS[0])
    assert overlap(name, plan, 3, micros(dt.date(2024, 6, 3), "00:00:00"), whole_days=False) is None
