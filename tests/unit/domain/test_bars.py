"""Empty bars: dropped or filled, held against a slow oracle in plain Python."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bars import missing_bars, process_bars, rows_by_session
from app.domain.rows import Rows
from app.domain.schema import RECORDS, STOCK_OHLCV

NEW_YORK = ZoneInfo("America/New_York")
FULL, HALF, NEXT = dt.date(2024, 7, 2), dt.date(2024, 7, 3), dt.date(2024, 7, 5)
OPTION_OHLCV = RECORDS["option", "ohlcv"]
PRICES = ("open", "high", "low", "close")
Bar = dict[str, Any]


def bar(day: dt.date, time: str, **values: float) -> Bar:
    """A bar; without values one in which nothing traded."""
    moment = dt.datetime.combine(day, dt.time.fromisoformat(time), NEW_YORK)
    empty = dict.fromkeys([*PRICES, "volume", "count"], 0)
    return {"symbol": "A", "timestamp": int(moment.timestamp()) * 1_000_000, **empty, "session_vwap": 0.0, **values}


def traded(day: dt.date, time: str, price: float) -> Bar:
    prices = {"open": price - 1, "high": price + 1, "low": price - 2, "close": price}
    return bar(day, time, **prices, volume=100, count=3, session_vwap=price)


def unpriced(day: dt.date, time: str) -> Bar:
    """Volume of trades that are not eligible for a price."""
    return bar(day, time, volume=5, count=1, session_vwap=9.5)


def table(bars: list[Bar]) -> Rows:
    columns = {
        column.name: np.array([one[column.name] for one in bars], dtype=column.kind.dtype)
        for column in STOCK_OHLCV.columns
    }
    for column in columns.values():
        column.setflags(write=False)
    return Rows(STOCK_OHLCV, columns)


def slow_oracle(bars: list[Bar], how: str, half_day: dt.time = dt.time(13)) -> tuple[list[Bar], int]:
    """What the contract says, bar by bar."""
    kept: list[Bar] = []
    left_out, last = 0, None
    day_before = None
    for one in bars:
        local = dt.datetime.fromtimestamp(one["timestamp"] // 1_000_000, NEW_YORK)
        if local.date() != day_before:
            day_before, last = local.date(), None
        if any(one[name] != 0 for name in (*PRICES, "volume", "count")):
            kept.append(one)
            last = one["close"] if one["close"] != 0 else last
        elif how == "fill" and last is not None and local.time() <= (half_day if day_before == HALF else dt.time(16)):
            kept.append({**one, **dict.fromkeys(PRICES, last)})
        else:
            left_out += 1
    return kept, left_out


@st.composite
def tables(draw: st.DrawFn) -> list[Bar]:
    """Bars of up to three sessions, at times before, in and after their hours."""
    bars: list[Bar] = []
    for day in (FULL, HALF, NEXT):
        minutes = draw(st.lists(st.integers(4 * 12, 20 * 12 - 1), unique=True, max_size=25).map(sorted))
        for step in minutes:
            time = f"{step // 12:02}:{step % 12 * 5:02}:00"
            kind = draw(st.sampled_from(["empty", "empty", "traded", "unpriced"]))
            if kind == "empty":
                bars.append(bar(day, time, session_vwap=draw(st.sampled_from([0.0, 7.25]))))
            elif kind == "traded":
                bars.append(traded(day, time, draw(st.sampled_from([10.0, 11.5, 250.125]))))
            else:
                bars.append(unpriced(day, time))
    return bars


@given(tables(), st.sampled_from(["drop", "fill"]))
def test_bars_become_what_a_slow_oracle_makes_of_them(bars: list[Bar], how: Any) -> None:
    rows = table(bars)

    found, left_out = process_bars(rows, how)

    assert (found.as_dicts(), left_out) == slow_oracle(bars, how)
    # The input is not touched: its arrays are not writable, and hold what they held.
    assert rows.as_dicts() == bars
    assert {name: column.dtype for name, column in found.columns.items()} == {
        name: column.dtype for name, column in rows.columns.items()
    }


def times_of(rows: Rows) -> list[str]:
    return [dt.datetime.fromtimestamp(t // 1_000_000, NEW_YORK).strftime("%H:%M") for t in rows.timestamps.tolist()]


def test_empty_bars_are_dropped_and_counted() -> None:
    bars = [bar(FULL, "09:30:00"), traded(FULL, "09:31:00", 10), bar(FULL, "09:32:00"), bar(FULL, "16:00:00")]

    found, left_out = process_bars(table(bars), "drop")

    assert found.as_dicts() == [bars[1]]
    assert left_out == 3


def test_a_late_first_trade_leaves_the_bars_before_it_out() -> None:
    bars = [bar(FULL, "09:30:00"), bar(FULL, "09:31:00"), traded(FULL, "09:32:00", 10), bar(FULL, "09:33:00")]

    found, left_out = process_bars(table(bars), "fill")

    assert times_of(found) == ["09:32", "09:33"]
    assert left_out == 2
    assert [found.columns[name][1] for name in PRICES] == [10.0] * 4
    assert found.columns["volume"][1] == found.columns["count"][1] == 0


def test_filling_ends_at_a_half_days_close() -> None:
    bars = [traded(HALF, "12:58:00", 10), *(bar(HALF, t) for t in ("12:59:00", "13:00:00", "13:01:00", "16:00:00"))]

    found, left_out = process_bars(table(bars), "fill")

    assert times_of(found) == ["12:58", "12:59", "13:00"]
    assert left_out == 2


def test_a_session_without_a_trade_has_no_bar() -> None:
    bars = [bar(FULL, "09:30:00"), bar(FULL, "09:31:00")]

    for how in ("drop", "fill"):
        found, left_out = process_bars(table(bars), how)
        assert (len(found), left_out) == (0, 2)


def test_a_session_is_never_filled_from_the_one_before() -> None:
    bars = [traded(FULL, "15:59:00", 10), bar(NEXT, "09:30:00"), traded(NEXT, "09:31:00", 20), bar(NEXT, "09:32:00")]

    found, left_out = process_bars(table(bars), "fill")

    assert found.columns["close"].tolist() == [10.0, 20.0, 20.0]
    assert left_out == 1


def test_a_bar_with_volume_but_without_a_price_stays_and_fills_nothing() -> None:
    bars = [unpriced(FULL, "09:30:00"), bar(FULL, "09:31:00"), traded(FULL, "09:32:00", 10)]
    bars += [unpriced(FULL, "09:33:00"), bar(FULL, "09:34:00")]

    found, left_out = process_bars(table(bars), "fill")

    assert found.columns["close"].tolist() == [0.0, 10.0, 0.0, 10.0]
    assert found.columns["volume"].tolist() == [5, 100, 5, 0]
    assert left_out == 1


def test_the_sessions_vwap_is_left_as_the_provider_gave_it() -> None:
    bars = [traded(FULL, "09:30:00", 10), bar(FULL, "09:31:00", session_vwap=10.02)]

    found, _ = process_bars(table(bars), "fill")

    assert found.columns["session_vwap"].tolist() == [10.0, 10.02]


@pytest.mark.parametrize("how", ["drop", "fill"])
def test_a_table_without_empty_bars_is_passed_on_as_it_is(how: Any) -> None:
    rows = table([traded(FULL, "09:30:00", 10), unpriced(FULL, "09:31:00")])

    assert process_bars(rows, how) == (rows, 0)


@pytest.mark.parametrize("how", ["drop", "fill"])
def test_an_empty_table_stays_empty(how: Any) -> None:
    found, left_out = process_bars(table([]), how)

    assert (len(found), left_out) == (0, 0)


def test_rows_are_counted_by_the_date_in_new_york() -> None:
    late = bar(FULL, "23:30:00")  # already the next day in UTC
    rows = table([traded(FULL, "09:30:00", 10), late, traded(HALF, "09:30:00", 10)])

    days = {(day - dt.date(1970, 1, 1)).days: count for day, count in ((FULL, 2), (HALF, 1))}
    assert rows_by_session(rows) == days
    assert rows_by_session(table([])) == {}


def test_bars_that_the_provider_left_out_are_counted_on_the_days_it_sent_any() -> None:
    bars = [traded(FULL, "09:30:00", 10), bar(FULL, "09:31:00"), bar(FULL, "09:32:00"), traded(NEXT, "09:31:00", 10)]
    days = [(day - dt.date(1970, 1, 1)).days for day in (FULL, NEXT)]

    # Bars of zeros are there: they say that nothing traded.
    assert missing_bars(table(bars), 3) == {days[1]: 2}
    assert missing_bars(table(bars), 5) == {days[0]: 2, days[1]: 4}
    assert missing_bars(table([]), 391) == {}


# --- options ----------------------------------------------------------------------------------------------


def of_contract(strike: float, one: Bar, right: int = 0) -> Bar:
    contract = {"root": "SPXW", "expiration": 19_920, "strike": strike, "right": right}
    return contract | {name: value for name, value in one.items() if name != "symbol"}


def option_table(bars: list[Bar]) -> Rows:
    return Rows.of(
        OPTION_OHLCV,
        {
            column.name: np.array([one[column.name] for one in bars], dtype=column.kind.dtype)
            for column in OPTION_OHLCV.columns
        },
    )


@st.composite
def chains(draw: st.DrawFn) -> list[Bar]:
    """Bars of up to three contracts, in the order of time as a step has them."""
    contracts = [(4700.0, 0), (4700.0, 1), (4710.0, 0)]
    bars = [
        of_contract(strike, {**one, "session_vwap": 1.0}, right)
        for strike, right in draw(st.lists(st.sampled_from(contracts), unique=True, max_size=3))
        for one in draw(tables())
    ]
    return sorted(bars, key=lambda one: (one["timestamp"], one["strike"], one["right"]))


@given(chains(), st.sampled_from(["drop", "fill"]))
def test_each_contract_is_filled_by_itself(bars: list[Bar], how: Any) -> None:
    found, left_out = process_bars(option_table(bars), how)

    expected: list[Bar] = []
    for key in {(one["strike"], one["right"]) for one in bars}:
        own, _ = slow_oracle([one for one in bars if (one["strike"], one["right"]) == key], how, dt.time(13, 15))
        expected += own
    expected.sort(key=lambda one: (one["timestamp"], one["strike"], one["right"]))
    assert found.as_dicts() == [{**one, "right": ("CALL", "PUT")[one["right"]]} for one in expected]
    assert left_out == len(bars) - len(expected)
    assert found.contracts is not None
    assert found.contracts.tolist() == option_table(expected).contracts.tolist()  # type: ignore[union-attr]


def test_a_price_is_never_carried_from_one_contract_to_another() -> None:
    bars = [
        of_contract(4700.0, traded(FULL, "09:30:00", 10)),
        of_contract(4710.0, bar(FULL, "09:30:00")),
        of_contract(4700.0, bar(FULL, "09:31:00")),
        of_contract(4710.0, bar(FULL, "09:31:00")),
    ]

    found, left_out = process_bars(option_table(bars), "fill")

    assert (found.columns["strike"].tolist(), found.columns["close"].tolist()) == ([4700.0] * 2, [10.0] * 2)
    assert left_out == 2


def test_options_are_filled_a_quarter_of_an_hour_longer_on_a_half_day() -> None:
    times = ("12:59:00", "13:00:00", "13:14:00", "13:15:00", "13:16:00", "16:00:00")
    bars = [of_contract(4700.0, traded(HALF, times[0], 10)), *(of_contract(4700.0, bar(HALF, t)) for t in times[1:])]

    found, left_out = process_bars(option_table(bars), "fill")

    assert times_of(found) == ["12:59", "13:00", "13:14", "13:15"]
    assert left_out == 2
