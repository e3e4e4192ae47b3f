"""Bars made of trades as a reader of the stream makes them: the same as those of ``history/ohlc``, field by field.

Volume, count and vwap take every trade; open, high, low and close those whose condition makes prices: of stocks 0 and
95, of options all but 124. vwap is the session's, from the open on, to the cent, half of one up.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.unit.simulator.conftest import Get

Rows = list[dict[str, str]]
Bar = dict[str, str | int | Decimal]

CONTRACT = {"symbol": "SPXW", "expiration": "20240311", "strike": "4775", "right": "put"}


def rows(get: Get, path: str, **query: str) -> Rows:
    response = get(path, **query)
    assert response.status_code == 200, response.text
    return list(csv.DictReader(response.text.splitlines()))


def barred(trades: Rows, stamps: list[str], makes_prices: Callable[[str], bool]) -> list[Bar]:
    made: list[Bar] = []
    value, volume, at = Decimal(0), 0, 0
    for place, stamp in enumerate(stamps):
        end = stamps[place + 1] if place + 1 < len(stamps) else "9"
        first = at
        while at < len(trades) and trades[at]["timestamp"] < end:
            value += Decimal(trades[at]["price"]) * int(trades[at]["size"])
            volume += int(trades[at]["size"])
            at += 1
        prices = [Decimal(trade["price"]) for trade in trades[first:at] if makes_prices(trade["condition"])]
        made.append(
            {
                "timestamp": stamp,
                "open": prices[0] if prices else Decimal(0),
                "high": max(prices, default=Decimal(0)),
                "low": min(prices, default=Decimal(0)),
                "close": prices[-1] if prices else Decimal(0),
                "volume": sum(int(trade["size"]) for trade in trades[first:at]),
                "count": at - first,
                "vwap": int(200 * value / volume + 1) // 2 / Decimal(100) if volume else Decimal(0),
            }
        )
    return made


def read(bars: Rows) -> list[Bar]:
    prices = ("open", "high", "low", "close", "vwap")
    return [
        {
            "timestamp": bar["timestamp"],
            **{name: Decimal(bar[name]) for name in prices},
            **{name: int(bar[name]) for name in ("volume", "count")},
        }
        for bar in bars
    ]


@pytest.mark.parametrize(
    ("symbol", "date", "interval", "end"),
    [
        ("AAPL", "20240311", "1m", "09:36:00"),
        ("KO", "20240311", "1m", "16:00:00"),
        ("SYM7", "20240311", "1s", "16:00:00"),
        ("SYM7", "20240311", "5m", "19:59:59.999"),
        ("KO", "20240703", "1m", "16:00:00"),
    ],
)
def test_a_stock_s_bars_are_made_of_its_trades(get: Get, symbol: str, date: str, interval: str, end: str) -> None:
    window = {"symbol": symbol, "date": date, "start_time": "09:30:00", "end_time": end}
    bars = read(rows(get, "/v3/stock/history/ohlc", interval=interval, **window))
    trades = rows(get, "/v3/stock/history/trade", **window)
    assert barred(trades, [str(bar["timestamp"]) for bar in bars], {"0", "95"}.__contains__) == bars


def test_the_bar_stamped_at_the_close_holds_the_trades_of_that_very_millisecond(get: Get) -> None:
    window = {"symbol": "KO", "date": "20240311", "start_time": "09:30:00", "end_time": "16:00:00"}
    last = rows(get, "/v3/stock/history/ohlc", interval="1m", **window)[-1]
    trades = rows(get, "/v3/stock/history/trade", **window)
    closing = [trade for trade in trades if trade["timestamp"] == "2024-03-11T16:00:00"]
    assert last["timestamp"] == "2024-03-11T16:00:00"
    assert int(last["count"]) == len(closing) > 0
    assert trades[-1] == closing[-1]


@pytest.mark.parametrize("contract", [CONTRACT, CONTRACT | {"strike": "4655", "right": "call"}])
@pytest.mark.parametrize("interval", ["1s", "1m", "1h"])
def test_a_contract_s_bars_are_made_of_its_trades(get: Get, contract: dict[str, str], interval: str) -> None:
    window = {**contract, "date": "20240311"}
    bars = read(rows(get, "/v3/option/history/ohlc", interval=interval, **window))
    trades = rows(get, "/v3/option/history/trade", **window)
    stamps = [str(bar["timestamp"]) for bar in bars]
    assert barred(trades, stamps, lambda condition: condition != "124") == bars
    assert dt.datetime.fromisoformat(stamps[0]).time() == dt.time(9, 30)
