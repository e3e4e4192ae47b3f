"""Trades and quotes of stocks: the same market as the bars, whatever window, interval or pairing is asked for."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from decimal import Decimal

import httpx
import numpy as np
import pytest

from app.domain import sessions
from simulator import quotes as books
from simulator import routes, ticks
from simulator import tape as tapes
from simulator.formats import Csv, JsonNew, Ndjson
from simulator.instruments import instrument
from simulator.server import Simulator
from simulator.tables import Codes, Columns, Integers, Picked, Table
from tests.unit.simulator.conftest import NOW, example_table, golden

Get = Callable[..., httpx.Response]
Rows = list[dict[str, str]]
Ohlc = Callable[..., Rows]
Fetch = Callable[..., Rows]
QUOTE, TRADE, TRADE_QUOTE = (f"/v3/stock/history/{name}" for name in ("quote", "trade", "trade_quote"))
NAMES = {QUOTE: "stock__history__quote", TRADE: "stock__history__trade", TRADE_QUOTE: "stock__history__trade_quote"}
DAY, HALF_DAY = "20240311", "20240703"
MAKES_PRICES = {"0": True, "95": True, "115": False, "1": False, "124": False}
"""The flags High, Low and Last of the vendor's table of trade conditions, which agree in all of these."""


@pytest.fixture(scope="module")
def fetch(get: Get) -> Fetch:
    def call(path: str, **parameters: str) -> Rows:
        response = get(path, **parameters)
        assert response.status_code == 200, response.text
        return list(csv.DictReader(response.text.splitlines()))

    return call


@pytest.fixture(scope="module")
def quiet() -> str:
    """The one of many names that trades least."""

    def busy(symbol: str) -> float:
        found = instrument(1, symbol)
        assert found is not None
        return found.trades

    return min((f"SYM{n}" for n in range(300)), key=busy)


def columns_of(path: str) -> Columns:
    found = routes.find(path)
    assert found is not None
    return found[0].columns


def session(date: str) -> sessions.Session:
    found = sessions.session(dt.date.fromisoformat(date))
    assert found is not None
    return found


def milliseconds(stamp: str) -> int:
    time = dt.datetime.fromisoformat(stamp).time()
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 1000 + time.microsecond // 1000


def clock(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def barred(trades: Rows, stamps: list[str]) -> Rows:
    """Bars by the definition: the condition decides whether a trade makes prices."""
    begins = [milliseconds(stamp) for stamp in stamps]
    bars: list[Rows] = [[] for _ in stamps]
    for trade in trades:
        bars[bisect_right(begins, milliseconds(trade["timestamp"])) - 1].append(trade)
    made = []
    for stamp, members in zip(stamps, bars, strict=True):
        prices = [trade["price"] for trade in members if MAKES_PRICES[trade["condition"]]]
        made.append(
            {
                "timestamp": stamp,
                "open": prices[0] if prices else "0.0",
                "high": max(prices, key=lambda text: (Decimal(text), len(text)), default="0.0"),
                "low": min(prices, key=lambda text: (Decimal(text), len(text)), default="0.0"),
                "close": prices[-1] if prices else "0.0",
                "volume": str(sum(int(trade["size"]) for trade in members)),
                "count": str(len(members)),
            }
        )
    return made


@pytest.mark.parametrize(
    ("symbol", "date", "interval", "start", "end"),
    [
        ("AAPL", DAY, "10ms", "09:30:00", "09:30:20"),
        ("AAPL", DAY, "10ms", "09:30:00.003", "09:30:09.997"),
        ("AAPL", DAY, "1s", "09:30:00", "09:40:00"),
        ("AAPL", DAY, "5m", "15:50:00", "16:00:00"),
        ("AAPL", DAY, "1m", "09:20:00", "09:33:33.330"),
        ("AAPL", DAY, "1h", "16:00:01", "20:00:00"),
        ("KO", HALF_DAY, "1m", "09:30:00", "16:00:00"),
        ("quiet", DAY, "1s", "09:30:00", "16:00:00"),
        ("quiet", DAY, "30m", "04:00:00", "20:00:00"),
        ("quiet", HALF_DAY, "1h", "04:00:00", "20:00:00"),
        ("PENNY1", DAY, "15m", "09:30:00", "16:00:00"),
    ],
)
def test_trades_aggregate_to_the_bars(
    fetch: Fetch, ohlc: Ohlc, quiet: str, symbol: str, date: str, interval: str, start: str, end: str
) -> None:
    window = {"symbol": quiet if symbol == "quiet" else symbol, "date": date, "start_time": start, "end_time": end}
    bars = ohlc(interval=interval, **window)
    for bar in bars:
        del bar["vwap"]
    assert barred(fetch(TRADE, **window), [bar["timestamp"] for bar in bars]) == bars
    assert sum(int(bar["count"]) for bar in bars) > 10


def test_many_thin_days_aggregate_to_their_bars_record_by_record(quiet: str) -> None:
    for symbol in (quiet, "THIN1", "THIN2", "PENNY1"):
        stock = instrument(1, symbol)
        assert stock is not None
        for day in sessions.sessions(dt.date(2024, 2, 1), dt.date(2024, 3, 31)):
            tape, made = tapes.extended(stock, day), ticks.trades(stock, day)
            first = np.cumsum(tape.count) - tape.count
            last = first + tape.count - 1
            eligible = np.isin(made.condition, [0, 95])
            assert eligible[first].all()
            assert eligible[last].all()
            assert (made.price[first] == tape.open).all()
            assert (made.price[last] == tape.close).all()
            assert (np.maximum.reduceat(np.where(eligible, made.price, 0), first) == tape.high).all()
            assert (np.minimum.reduceat(np.where(eligible, made.price, 2**62), first) == tape.low).all()
            assert (np.add.reduceat(made.size, first) == tape.volume).all()
            assert made.size.min() >= 1


def test_all_codes_of_a_trade_agree_whether_it_makes_prices() -> None:
    flags = {0: True, 32: True, 95: True, 255: True, 1: False, 115: False, 124: False}
    for codes in ticks.CONDITIONS.tolist():
        assert flags[codes[4]] == all(flags[code] for code in codes)


def test_rows_look_like_recorded_ones(fetch: Fetch) -> None:
    rows = fetch(TRADE, symbol="AAPL", date=DAY, start_time="10:00:00", end_time="10:20:00")
    share = {code: sum(row["condition"] == code for row in rows) / len(rows) for code in MAKES_PRICES}
    assert share["115"] > 0.5
    assert share["0"] > 0.05
    assert share["95"] > 0.05
    assert share["1"] == 0
    assert {row["ext_condition1"] for row in rows} == {"32"}
    assert "255" in {row["ext_condition2"] for row in rows}
    assert {len(row["price"].partition(".")[2]) for row in rows} <= {2, 3, 4}
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    numbers = [int(row["sequence"]) for row in rows]
    assert numbers != sorted(numbers)
    assert all(-(2**31) <= number < 2**31 for number in numbers)
    assert all(int(row["size"]) < 100 for row in rows if row["condition"] == "115")
    late = fetch(TRADE, symbol="AAPL", date=DAY, start_time="16:00:00.001", end_time="20:00:00")
    assert {row["condition"] for row in late} == {"0", "95", "1"}


@pytest.mark.parametrize("path", [TRADE, TRADE_QUOTE, QUOTE])
def test_windows_that_meet_are_the_whole_day(get: Get, path: str) -> None:
    edges = [14_400_000, 34_200_000, 36_000_000, 36_000_001, 41_234_567, 57_600_000, 57_600_001, 72_000_001]

    def rows(start: int, end: int) -> list[str]:
        query = {"symbol": "KO", "date": DAY, "start_time": clock(start), "end_time": clock(end), "interval": "tick"}
        response = get(path, **query)
        return response.text.split("\r\n")[1:-1] if response.status_code == 200 else []

    parts = [row for start, end in itertools.pairwise(edges) for row in rows(start, end - 1)]
    assert parts == rows(edges[0], edges[-1] - 1)
    assert len(parts) > 1000


@pytest.mark.parametrize(
    ("symbol", "interval", "date"), [("AAPL", "1s", DAY), ("KO", "5m", HALF_DAY), ("quiet", "1m", DAY)]
)
def test_a_quote_of_the_grid_is_the_last_one_strictly_before_its_stamp(
    fetch: Fetch, quiet: str, symbol: str, interval: str, date: str
) -> None:
    window = {"symbol": quiet if symbol == "quiet" else symbol, "date": date}
    changes = fetch(QUOTE, interval="tick", start_time="00:00:00", end_time="16:00:00", **window)
    times = [milliseconds(row["timestamp"]) for row in changes]
    grid = fetch(QUOTE, interval=interval, **window)
    step = {"1s": 1, "1m": 60, "5m": 300}[interval]
    assert len(grid) == 23_400 // step + 1
    assert [milliseconds(row["timestamp"]) for row in grid] == list(range(34_200_000, 57_600_001, 1000 * step))
    for row in grid:
        last = changes[bisect_left(times, milliseconds(row["timestamp"])) - 1]
        assert row == last | {"timestamp": row["timestamp"]}


def test_before_the_book_opens_the_grid_has_zeros_and_then_a_pre_open_quote(fetch: Fetch) -> None:
    rows = fetch(QUOTE, symbol="AAPL", date=DAY, interval="1h", start_time="03:00:00", end_time="04:00:00")
    assert (rows[0]["bid"], rows[0]["ask"], rows[0]["ask_size"]) == ("0.00", "0.00", "0")
    assert 0 < float(rows[1]["bid"]) < float(rows[1]["ask"])


def test_quotes_after_an_early_close_are_stale(fetch: Fetch) -> None:
    rows = fetch(QUOTE, symbol="AAPL", date=HALF_DAY, interval="1m", start_time="13:01:00")
    assert len(rows) == 180
    assert len({tuple(row.values())[1:] for row in rows}) == 1
    assert fetch(TRADE, symbol="KO", date=HALF_DAY)[-1]["timestamp"] == "2024-07-03T13:00:00"


def test_quotes_change_at_every_tick_and_never_cross(fetch: Fetch) -> None:
    rows = fetch(QUOTE, symbol="AAPL", date=DAY, interval="tick")
    assert 30_000 < len(rows) < 70_000
    times = [milliseconds(row["timestamp"]) for row in rows]
    assert all(a < b for a, b in itertools.pairwise(times))
    for before, after in itertools.pairwise(rows):
        assert tuple(before.values())[1:] != tuple(after.values())[1:]
    gaps = [Decimal(row["ask"]) - Decimal(row["bid"]) for row in rows]
    assert min(gaps) == 0
    assert sum(gap == 0 for gap in gaps) < len(rows) / 100
    assert sorted(gaps)[len(gaps) // 2] <= Decimal("0.05")


@pytest.mark.parametrize(("exclusive", "find"), [("true", bisect_left), ("false", bisect_right)])
def test_a_trade_is_paired_with_the_last_quote_before_it(
    fetch: Fetch, exclusive: str, find: Callable[[list[int], int], int]
) -> None:
    window = {"symbol": "KO", "date": DAY, "start_time": "09:25:00", "end_time": "10:00:00"}
    changes = fetch(QUOTE, interval="tick", **window | {"start_time": "00:00:00"})
    times = [milliseconds(row["timestamp"]) for row in changes]
    pairs = fetch(TRADE_QUOTE, exclusive=exclusive, **window)
    assert [row["trade_timestamp"] for row in pairs] == [row["timestamp"] for row in fetch(TRADE, **window)]
    for row, trade in zip(pairs, fetch(TRADE, **window), strict=True):
        quote = changes[find(times, milliseconds(row["trade_timestamp"])) - 1]
        assert row["quote_timestamp"] == quote["timestamp"]
        assert all(row[name] == trade[name] for name in trade if name != "timestamp")
        assert all(Decimal(row[name]) == Decimal(quote[name]) for name in quote if name != "timestamp")
    outside = sum(not Decimal(row["bid"]) <= Decimal(row["price"]) <= Decimal(row["ask"]) for row in pairs)
    assert outside == 0 if exclusive == "true" else 0 < outside < len(pairs) / 2


def test_exclusive_is_the_default_and_other_words_are_refused(get: Get) -> None:
    window = {"symbol": "KO", "date": DAY, "end_time": "09:31:00"}
    assert get(TRADE_QUOTE, **window).text == get(TRADE_QUOTE, exclusive="true", **window).text
    assert get(TRADE_QUOTE, **window).text != get(TRADE_QUOTE, exclusive="false", **window).text
    assert get(TRADE_QUOTE, exclusive="maybe", **window).status_code == 400


@pytest.mark.parametrize("path", [TRADE, TRADE_QUOTE, QUOTE])
def test_a_range_is_its_days_one_after_the_other(get: Get, quiet: str, path: str) -> None:
    query = {"symbol": quiet, "interval": "1m", "venue": "utp_cta"}
    whole = get(path, start_date="20240701", end_date="20240708", **query).text
    days = [get(path, date=f"202407{day:02d}", **query).text for day in (1, 2, 3, 5, 8)]
    assert whole == days[0] + "".join(day.partition("\r\n")[2] for day in days[1:])


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        (TRADE, {"start_date": "20240115", "end_date": "20240215"}, 200),
        (TRADE, {"start_date": "20240115", "end_date": "20240216"}, 400),
        (TRADE_QUOTE, {"start_date": "20240115", "end_date": "20240216"}, 400),
        (QUOTE, {"start_date": "20240115", "end_date": "20240215", "interval": "1m"}, 200),
        (QUOTE, {"start_date": "20240115", "end_date": "20240216", "interval": "1m"}, 400),
        (QUOTE, {"start_date": "20240115", "end_date": "20240116", "interval": "30s"}, 400),
        (QUOTE, {"start_date": "20240115", "end_date": "20240116", "interval": "tick"}, 400),
        (QUOTE, {"start_date": "20240115", "end_date": "20240116"}, 400),
        (QUOTE, {"date": "20240116", "interval": "2m"}, 400),
        (TRADE, {"date": "20240116", "start_time": "12:00:00", "end_time": "11:59:59.999"}, 400),
        (TRADE, {"date": "20240101"}, 472),
        (QUOTE, {"date": "20240106"}, 472),
        (TRADE, {"date": "20240116", "start_time": "02:00:00", "end_time": "03:00:00"}, 472),
        (QUOTE, {"date": "20240116", "start_time": "02:00:00", "end_time": "03:00:00", "interval": "tick"}, 472),
    ],
)
def test_limits_of_ranges_and_nothing_to_tell(
    get: Get, quiet: str, path: str, query: dict[str, str], status: int
) -> None:
    assert get(path, symbol=quiet, **query).status_code == status


def test_an_unknown_stock_is_472(get: Get) -> None:
    assert [get(path, symbol="ZZTOP", date=DAY).status_code for path in NAMES] == [472, 472, 472]


def test_quotes_need_the_value_tier_and_trades_the_standard_one(quiet: str) -> None:
    query = {"symbol": quiet, "date": DAY}
    for tier, statuses in (("free", [403, 403, 403]), ("value", [200, 403, 403]), ("standard", [200, 200, 200])):
        with Simulator.in_thread(tier=tier) as terminal:
            assert [httpx.get(terminal.url + path, params=query).status_code for path in NAMES] == statuses


@pytest.mark.parametrize("path", [TRADE, TRADE_QUOTE, QUOTE])
def test_the_running_session_has_rows_up_to_now(get: Get, path: str) -> None:
    query = {"symbol": "KO", "date": "20240801", "interval": "1s", "start_time": "11:00:00"}
    seen = get(path, **query).text.split("\r\n")[1:-1]
    assert "2024-08-01T11:59" < seen[-1] < "2024-08-01T12:00:00z"
    with Simulator.in_thread(tier="pro", clock=lambda: NOW + dt.timedelta(days=1)) as later:
        whole = httpx.get(later.url + path, params=query).text.split("\r\n")[1:-1]
    assert whole[: len(seen)] == seen
    assert len(whole) > len(seen)


@pytest.mark.parametrize("path", [TRADE, TRADE_QUOTE, QUOTE])
def test_columns_and_their_order_are_the_vendor_s(get: Get, path: str) -> None:
    published = golden(f"{NAMES[path]}.example.csv")
    assert get(path, symbol="KO", date=DAY, end_time="09:30:30").text.splitlines()[0] == published.splitlines()[0]
    columns, table = columns_of(path), example_table(NAMES[path])
    assert b"".join(Csv().document(columns, [Csv().leaf(columns, table)])).decode() == published
    lines = b"".join(Ndjson().document(columns, [Ndjson().leaf(columns, table)])).decode()
    assert lines == golden(f"{NAMES[path]}.example.ndjson") + "\n"


@pytest.mark.parametrize("path", [TRADE, TRADE_QUOTE, QUOTE])
def test_json_has_the_rows_of_csv(get: Get, path: str) -> None:
    query = {"symbol": "KO", "date": DAY, "end_time": "09:30:10"}
    rows = get(path, format="json", **query).json()["response"]
    assert len(rows) == get(path, **query).text.count("\r\n") - 1
    assert set(rows[0]) == set(columns_of(path).names)


def test_ticks_are_a_function_of_seed_symbol_and_date() -> None:
    stock, other = instrument(1, "KO"), instrument(2, "KO")
    assert stock is not None
    assert other is not None
    for make in (ticks.trades, books.quotes):
        first = make(stock, session(DAY))
        make.cache_clear()
        again = make(stock, session(DAY))
        assert all((getattr(first, name) == getattr(again, name)).all() for name in first.__dataclass_fields__)
        assert make(other, session(DAY)).ms[:99].tolist() != first.ms[:99].tolist()


def test_picked_rows_repeat_the_texts_of_a_column() -> None:
    columns = Columns(("a", "b"))
    table = Table({"a": Picked(Integers(np.array([7, -12_345])), np.array([1, 0, 1])), "b": Codes(255)}, 3)
    assert Csv().leaf(columns, table) == (b"-12345,255\r\n7,255\r\n-12345,255\r\n",)
    assert b"\t\t" in JsonNew().leaf(columns, table)[0]
