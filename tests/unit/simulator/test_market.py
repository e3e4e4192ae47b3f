"""The market: deterministic, continuous, and the same at every interval."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest

from app.domain import sessions
from simulator import market, tape, ticks
from simulator.instruments import Instrument, instrument

Rows = list[dict[str, str]]
Ohlc = Callable[..., Rows]
DAY = dt.date(2024, 3, 11)
HALF_DAY = dt.date(2024, 7, 3)


def stock(symbol: str, seed: int = 1) -> Instrument:
    found = instrument(seed, symbol)
    assert found is not None
    return found


def session(date: dt.date) -> sessions.Session:
    found = sessions.session(date)
    assert found is not None
    return found


def aggregated(rows: Rows, seconds: int) -> Rows:
    """Bars made of finer bars by the definition, cell by cell."""
    begin = dt.datetime.fromisoformat(rows[0]["timestamp"])
    bars: dict[int, Rows] = {}
    for row in rows:
        bars.setdefault(
            int((dt.datetime.fromisoformat(row["timestamp"]) - begin).total_seconds()) // seconds, []
        ).append(row)
    made = []
    for number, members in bars.items():
        traded = [row for row in members if row["count"] != "0"]
        bar = dict.fromkeys(("open", "high", "low", "close"), "0.0")
        if traded:
            bar = {
                "open": traded[0]["open"],
                "high": max((row["high"] for row in traded), key=lambda text: (Decimal(text), len(text))),
                "low": min((row["low"] for row in traded), key=lambda text: (Decimal(text), len(text))),
                "close": traded[-1]["close"],
            }
        made.append(
            {
                "timestamp": (begin + dt.timedelta(seconds=number * seconds)).isoformat(),
                **bar,
                "volume": str(sum(int(row["volume"]) for row in members)),
                "count": str(sum(int(row["count"]) for row in members)),
                "vwap": members[-1]["vwap"],
            }
        )
    return made


@pytest.mark.parametrize(("interval", "seconds", "rows"), [("1m", 60, 391), ("5m", 300, 79), ("1h", 3600, 7)])
@pytest.mark.parametrize("symbol", ["AAPL", "QUIET"])
def test_coarse_bars_are_the_aggregate_of_the_one_second_bars(
    ohlc: Ohlc, symbol: str, interval: str, seconds: int, rows: int
) -> None:
    coarse = ohlc(symbol, date="20240311", interval=interval)
    assert coarse == aggregated(ohlc(symbol, date="20240311", interval="1s"), seconds)
    assert len(coarse) == rows


def test_bars_below_a_second_aggregate_to_those_of_a_second(ohlc: Ohlc) -> None:
    window = {"date": "20240311", "start_time": "09:30:00", "end_time": "09:34:59.999"}
    seconds = ohlc("AAPL", interval="1s", **window)
    assert seconds == aggregated(ohlc("AAPL", interval="10ms", **window), 1)
    assert len(seconds) == 300


def test_vwap_is_the_session_s_running_average_carried_through_empty_bars() -> None:
    made = ticks.trades(stock("QUIET"), session(DAY))
    counted = made.ms >= 34_200_000
    value = (tape.units(made.price) / 10_000 * made.size * counted).cumsum()
    last = np.searchsorted(made.record, np.arange(made.record[-1] + 1), side="right") - 1
    last = last[counted[last]]
    running = value[last] / (made.size * counted).cumsum()[last]
    assert np.abs(ticks.vwap(stock("QUIET"), session(DAY))[-len(last) :] / 100 - running).max() <= 0.005 + 1e-9


def test_vwap_counts_from_the_open_when_the_window_starts_later(ohlc: Ohlc) -> None:
    whole = ohlc("QUIET", date="20240311", interval="1m")
    late = ohlc("QUIET", date="20240311", interval="1m", start_time="12:00:00")
    assert late == whole[150:]


def test_vwap_is_zero_before_the_first_trade_and_carried_after(ohlc: Ohlc) -> None:
    rows = ohlc("QUIET", date="20240311", interval="1m", start_time="03:00:00", end_time="20:30:00")
    first = next(i for i, row in enumerate(rows) if row["count"] != "0")
    assert first >= 60
    assert {row["vwap"] for row in rows[:first]} == {"0.00"}
    empty = [i for i in range(first, len(rows)) if rows[i]["count"] == "0"]
    assert empty
    assert all(rows[i]["vwap"] == rows[i - 1]["vwap"] for i in empty)


def test_empty_bars_are_zeros_and_a_quiet_stock_has_some_of_a_minute(ohlc: Ohlc) -> None:
    quiet = min((f"SYM{n}" for n in range(20)), key=lambda symbol: stock(symbol).trades)
    rows = ohlc(quiet, date="20240311", interval="1m")
    empty = [row for row in rows if row["count"] == "0"]
    assert 0 < len(empty) < len(rows) / 2
    assert {tuple(row[name] for name in ("open", "high", "low", "close", "volume")) for row in empty} == {
        ("0.0", "0.0", "0.0", "0.0", "0")
    }


def test_every_record_is_consistent_and_within_the_day() -> None:
    for symbol in ("AAPL", "F", "QUIET", "PENNY1"):
        day = market.day(stock(symbol), session(DAY))
        record = tape.regular(stock(symbol), session(DAY))
        low, high = tape.units(record.low), tape.units(record.high)
        for column in (record.open, record.close):
            assert (low <= tape.units(column)).all()
            assert (tape.units(column) <= high).all()
        assert day.low <= low.min()
        assert high.max() <= day.high
        assert tape.units(record.open)[0] == day.open
        assert tape.units(record.close)[-1] == day.close
        assert (record.volume >= record.count).all()
        assert (np.diff(record.ms) > 0).all()


@pytest.mark.parametrize("symbol", ["AAPL", "F", "SYM7", "PENNY1"])
def test_no_price_has_more_decimals_than_are_shown(symbol: str) -> None:
    for day in sessions.sessions(dt.date(2024, 7, 1), dt.date(2024, 7, 12)):
        made = ticks.trades(stock(symbol), day)
        assert not (tape.units(made.price) % 10 ** (4 - tape.decimals(made.price))).any()


def test_the_closing_auction_trades_at_the_close(ohlc: Ohlc) -> None:
    assert ohlc("QUIET", date="20240311", interval="1s")[-1]["timestamp"] == "2024-03-11T16:00:00"
    assert int(ohlc("QUIET", date="20240311", interval="1s")[-1]["count"]) > 0
    half = ohlc("QUIET", date="20240703", interval="1m")
    assert int(half[210]["volume"]) > 0
    assert half[210]["timestamp"] == "2024-07-03T13:00:00"


def test_a_half_day_has_the_full_grid_and_nothing_after_its_close(ohlc: Ohlc) -> None:
    rows = ohlc("AAPL", date=HALF_DAY.isoformat(), interval="1m")
    assert len(rows) == 391
    assert {row["count"] for row in rows[211:]} == {"0"}
    assert {row["vwap"] for row in rows[211:]} == {rows[210]["vwap"]}


def test_nothing_trades_after_an_early_close_in_the_late_hours_either(ohlc: Ohlc) -> None:
    rows = ohlc("AAPL", date=HALF_DAY.isoformat(), interval="1h", start_time="04:00:00", end_time="20:00:00")
    assert [row["timestamp"][11:13] for row in rows if row["count"] != "0"] == [f"{hour:02d}" for hour in range(4, 14)]


def test_vwap_runs_on_through_the_late_hours_and_begins_anew_at_the_open() -> None:
    core, whole = (make(stock("TSLA"), session(DAY)) for make in (tape.regular, tape.extended))
    vwap = ticks.vwap(stock("TSLA"), session(DAY))
    late = whole.ms > 57_600_000
    early = whole.ms < 34_200_000
    first = int(early.sum())
    assert tape.units(whole.low)[first] / 100 <= vwap[first] <= tape.units(whole.high)[first] / 100
    assert late.sum() > 100
    # The late hours trade little: they cannot move the day's average by more than their share of its volume.
    close = vwap[~late][-1]
    assert np.abs(vwap[late] - close).max() < 0.05 * close * whole.volume[late].sum() / core.volume.sum()


@pytest.mark.parametrize("date", ["2024-03-08", "2024-03-11", "2023-11-03", "2023-11-06"])
def test_times_are_new_york_wall_clock_on_both_sides_of_the_clock_changes(ohlc: Ohlc, date: str) -> None:
    rows = ohlc("AAPL", date=date, interval="1h")
    assert [rows[0]["timestamp"], rows[-1]["timestamp"]] == [f"{date}T09:30:00", f"{date}T15:30:00"]


def test_nothing_after_the_end_of_the_window_is_in_its_last_bar(ohlc: Ohlc) -> None:
    rows = ohlc("AAPL", date="20240311", interval="1m", end_time="09:36:00")
    assert len(rows) == 7
    assert int(rows[-1]["count"]) == 0
    assert rows[-1]["vwap"] == rows[-2]["vwap"]


def test_the_grid_begins_at_the_start_of_the_window(ohlc: Ohlc) -> None:
    rows = ohlc("AAPL", date="20240311", interval="5m", start_time="09:31:30", end_time="09:45:00")
    assert [row["timestamp"][11:] for row in rows] == ["09:31:30", "09:36:30", "09:41:30"]


def test_early_and_late_hours_trade_sparsely(ohlc: Ohlc) -> None:
    rows = ohlc("AAPL", date="20240311", interval="30m", start_time="04:00:00", end_time="20:00:00")
    volumes = {row["timestamp"][11:16]: int(row["volume"]) for row in rows}
    assert 0 < volumes["05:00"] < volumes["12:00"] / 10
    assert 0 < volumes["18:00"] < volumes["12:00"] / 10
    assert volumes["20:00"] == 0


def test_the_market_is_a_function_of_seed_symbol_and_date() -> None:
    tape.regular.cache_clear()
    first = tape.regular(stock("AAPL"), session(DAY))
    tape.regular.cache_clear()
    again = tape.regular(stock("AAPL"), session(DAY))
    assert all((getattr(first, name) == getattr(again, name)).all() for name in first.__dataclass_fields__)
    others = [(stock("AAPL", seed=2), DAY), (stock("MSFT"), DAY), (stock("AAPL"), DAY + dt.timedelta(days=1))]
    for other, date in others:
        assert tape.regular(other, session(date)).volume[:50].tolist() != first.volume[:50].tolist()


def test_a_day_alone_is_the_day_within_its_year() -> None:
    year = sessions.sessions(dt.date(2023, 1, 1), dt.date(2023, 12, 31))
    together = market.daily_bars(stock("KO"), year)
    for i in (0, 100, len(year) - 1):
        alone = market.day(stock("KO"), year[i])
        assert (alone.open, alone.close) == (together.open[i], together.close[i])
        if i:
            assert alone.previous_close == together.close[i - 1]


def test_prices_walk_from_day_to_day_by_the_stock_s_volatility() -> None:
    year = sessions.sessions(dt.date(2022, 1, 1), dt.date(2023, 12, 31))
    for symbol in ("AAPL", "TSLA", "ANY1", "ANY2"):
        returns = np.diff(np.log(market.daily_bars(stock(symbol), year).close))
        assert 0.5 < returns.std() / stock(symbol).volatility < 1.6
        assert np.abs(returns).max() < 8 * stock(symbol).volatility


def test_known_stocks_close_2024_01_02_at_their_price() -> None:
    assert market.day(stock("AAPL"), session(dt.date(2024, 1, 2))).close == 1_856_400


def test_the_day_s_tape_has_about_the_volume_of_its_daily_bar() -> None:
    for symbol in ("AAPL", "F", "ANY1"):
        bar = market.daily_bars(stock(symbol), [session(DAY)])
        assert 0.85 < tape.regular(stock(symbol), session(DAY)).volume.sum() / bar.volume[0] < 1.15


@pytest.mark.parametrize("symbol", ["ZZTOP", "aapl", "", "A B", "TOOLONGSYMBOLNAME", "1ABC"])
def test_some_names_are_no_stocks(symbol: str) -> None:
    assert instrument(1, symbol) is None


@pytest.mark.parametrize("symbol", ["BRK.B", "SYM0001", "ZZ", "ZZ1", "F"])
def test_any_other_ticker_trades(symbol: str) -> None:
    assert stock(symbol).price > 0
