"""Historical series, from the request to the rows that a consumer group reads."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pytest
from harness import NEW_YORK, Platform

pytestmark = pytest.mark.integration

TRADED = ("open", "high", "low", "close", "volume", "count")


def expected_bars(answer: list[dict[str, Any]], symbol: str) -> list[dict[str, Any]]:
    """The contract's light processing, in the plainest way: zero rows dropped, vwap under its true name."""
    return [
        {"symbol": symbol, **{name: row[name] for name in ("timestamp", *TRADED)}, "session_vwap": row["vwap"]}
        for row in answer
        if any(row[name] for name in TRADED)
    ]


def test_minute_bars_across_a_dst_change_equal_the_terminals_answer(platform: Platform) -> None:
    done = platform.run(backtest_id="1", tickers=["AAPL", "MSFT"], start="2024-03-01", end="2024-03-28")
    assert [one["topic"] for one in done["series"]] == [
        "stock-aapl-ohlcv1m-historical-1",
        "stock-msft-ohlcv1m-historical-1",
    ]
    for symbol, topic in zip(("AAPL", "MSFT"), [one["topic"] for one in done["series"]], strict=True):
        answer = platform.answer(
            "/v3/stock/history/ohlc", symbol=symbol, interval="1m", start_date="20240301", end_date="20240328"
        )
        rows = platform.rows(topic)
        assert rows == expected_bars(answer, symbol)
        opens = {row["timestamp"].astimezone(dt.UTC).time() for row in rows if _is_open(row)}
        assert opens == {dt.time(14, 30), dt.time(13, 30)}, "both sides of the change must be in the range"


def _is_open(row: dict[str, Any]) -> bool:
    return bool(row["timestamp"].astimezone(NEW_YORK).time() == dt.time(9, 30))


def test_messages_carry_key_event_time_and_the_registered_schema(platform: Platform) -> None:
    done = platform.run(tickers=["brk.b"], start="2024-07-01", end="2024-07-05")
    topic = done["series"][0]["topic"]
    assert topic == f"stock-brk.b-ohlcv1m-historical-{done['backtest_id']}"
    messages = platform.messages(topic)
    for message, row in zip(messages, platform.rows(topic), strict=True):
        assert message.key() == b"BRK.B"
        assert message.timestamp()[1] == int(row["timestamp"].timestamp() * 1000)
        assert message.value()[0] == 0
    ids = {message.value()[1:5] for message in messages}
    assert len(ids) == 1
    versions = platform.http.get(f"{platform.registry}/subjects/StockOhlcv/versions/latest").json()
    assert int.from_bytes(ids.pop(), "big") == versions["id"]


def test_rows_are_there_once_each_and_in_order(platform: Platform) -> None:
    done = platform.run(tickers=["AMD"], start="2024-01-02", end="2024-06-28", interval="5m")
    times = [message.timestamp()[1] for message in platform.messages(done["series"][0]["topic"])]
    assert times == sorted(set(times))
    assert len(times) == done["series"][0]["rows"] > 9_000


@pytest.mark.parametrize("interval", ["1s", "5s", "10s", "15s", "30s", "1m", "5m", "10m", "15m", "30m", "1h"])
def test_every_interval_equals_the_terminals_answer(platform: Platform, interval: str) -> None:
    done = platform.run(tickers=["F"], start="2024-07-03", end="2024-07-03", interval=interval)
    answer = platform.answer("/v3/stock/history/ohlc", symbol="F", interval=interval, date="20240703")
    assert platform.rows(done["series"][0]["topic"]) == expected_bars(answer, "F")
    receipt = done["receipts"][0]
    assert receipt["sessions"][0]["status"] == "early_close"
    assert receipt["empty_bars"] == len(answer) - receipt["rows"] > 0


def test_real_end_of_day_rows_arrive_as_they_were_recorded(platform: Platform) -> None:
    done = platform.run(tickers=["AAPL"], start="2024-01-02", end="2024-01-05", schema="eod")
    rows = platform.rows(done["series"][0]["topic"])
    assert [row["close"] for row in rows] == [185.64, 184.25, 181.91, 181.18]
    assert rows[0] == {
        "symbol": "AAPL",
        "timestamp": dt.datetime(2024, 1, 2, 5, tzinfo=dt.UTC),
        "open": 187.03,
        "high": 188.44,
        "low": 183.885,
        "close": 185.64,
        "volume": 80680243,
        "count": 1003582,
        "bid": 185.34,
        "bid_size": 2,
        "bid_exchange": 7,
        "bid_condition": 0,
        "ask": 185.36,
        "ask_size": 2,
        "ask_exchange": 1,
        "ask_condition": 0,
        "created": dt.datetime(2024, 1, 2, 22, 17, 53, 606_000, tzinfo=dt.UTC),
        "last_trade": dt.datetime(2024, 1, 2, 22, 17, 51, 877_000, tzinfo=dt.UTC),
    }


def test_end_of_day_over_years_equals_the_terminals_answer(platform: Platform) -> None:
    done = platform.run(tickers=["MSFT"], start="2022-03-01", end="2024-02-29", schema="eod")
    answer = (
        platform.answer("/v3/stock/history/eod", symbol="MSFT", start_date="20220301", end_date="20230227")
        + platform.answer("/v3/stock/history/eod", symbol="MSFT", start_date="20230228", end_date="20240226")
        + platform.answer("/v3/stock/history/eod", symbol="MSFT", start_date="20240227", end_date="20240229")
    )
    rows = platform.rows(done["series"][0]["topic"])
    assert [{name: row[name] for name in answer[0]} for row in rows] == answer
    assert done["progress"]["chunks_total"] == 3


def test_hours_of_the_request_are_the_hours_of_the_rows(platform: Platform) -> None:
    hours = {"start_time": "08:00:00", "end_time": "10:00:00"}
    done = platform.run(tickers=["AAPL"], start="2024-11-01", end="2024-11-04", **hours)
    answer = platform.answer(
        "/v3/stock/history/ohlc", symbol="AAPL", interval="1m", start_date="20241101", end_date="20241104", **hours
    )
    assert platform.rows(done["series"][0]["topic"]) == expected_bars(answer, "AAPL")


def test_empty_bars_are_filled_with_the_last_close_when_asked(platform: Platform) -> None:
    quiet = {"tickers": ["QUIET"], "start": "2024-07-02", "end": "2024-07-03", "interval": "5s"}
    done = platform.run(**quiet, empty_bars="fill")
    answer = platform.answer(
        "/v3/stock/history/ohlc", symbol="QUIET", interval="5s", date="20240702"
    ) + platform.answer("/v3/stock/history/ohlc", symbol="QUIET", interval="5s", date="20240703")
    expected: list[dict[str, Any]] = []
    last: dict[dt.date, float] = {}
    for row in answer:
        local = row["timestamp"].astimezone(NEW_YORK)
        close = dt.time(13) if local.date() == dt.date(2024, 7, 3) else dt.time(16)
        if any(row[name] for name in TRADED):
            if row["close"]:
                last[local.date()] = row["close"]
            expected += expected_bars([row], "QUIET")
        elif local.date() in last and local.time() <= close:
            price = last[local.date()]
            filled = {**row, "open": price, "high": price, "low": price, "close": price}
            expected += expected_bars([{**filled, "volume": 0, "count": 0}], "QUIET")
    rows = platform.rows(done["series"][0]["topic"])
    assert rows == expected
    assert sum(row["volume"] == 0 for row in rows) > 100, "the symbol must be quiet enough to tell"
    assert done["receipts"][0]["empty_bars"] == len(answer) - len(rows)


def test_a_receipt_can_be_recomputed_by_a_reader(platform: Platform) -> None:
    done = platform.run(tickers=["NVDA"], start="2024-05-20", end="2024-06-04", interval="5s")
    (receipt,) = done["receipts"]
    messages = platform.messages(receipt["topic"])
    assert len(messages) == receipt["rows"] > 45_000
    chain = bytes(32)
    bodies = [message.value()[5:] for message in messages]
    for begin in range(0, len(bodies), 65_536):
        chain = hashlib.sha256(chain + hashlib.sha256(b"".join(bodies[begin : begin + 65_536])).digest()).digest()
    assert receipt["sha256"] == chain.hex()
    assert receipt["offsets"]["0"] == [messages[0].offset(), messages[-1].offset() + 1]
    rows = platform.rows(receipt["topic"])
    assert receipt["first"] == rows[0]["timestamp"].isoformat().replace("+00:00", "Z")
    assert receipt["last"] == rows[-1]["timestamp"].isoformat().replace("+00:00", "Z")
    statuses = {one["date"]: (one["rows"] > 0, one["status"]) for one in receipt["sessions"]}
    assert statuses["2024-05-27"] == (False, "holiday")
    assert len(statuses) == 12
    assert sum(one["rows"] for one in receipt["sessions"]) == receipt["rows"]


def test_the_same_data_has_the_same_digest_on_every_run(platform: Platform) -> None:
    body = {"tickers": ["INTC"], "start": "2024-02-01", "end": "2024-02-29"}
    one, other = platform.run(**body), platform.run(**body)
    assert one["backtest_id"] != other["backtest_id"]
    assert one["receipts"][0]["sha256"] == other["receipts"][0]["sha256"]


def test_a_series_without_rows_has_an_empty_receipt(platform: Platform) -> None:
    done = platform.run(tickers=["ZZNONE"], start="2024-07-02", end="2024-07-05")
    (receipt,) = done["receipts"]
    assert (receipt["rows"], receipt["first"], receipt["last"]) == (0, None, None)
    assert receipt["offsets"] == {"0": [0, 0]}
    assert receipt["sha256"] == "00" * 32
    assert [one["status"] for one in receipt["sessions"]] == ["no_data", "no_data", "holiday", "no_data"]
    assert platform.messages(receipt["topic"]) == []


def test_a_range_without_a_session_is_complete_and_asks_the_terminal_nothing(platform: Platform) -> None:
    path = "/v3/stock/history/ohlc"
    before = platform.simulator.stats()["by_path"].get(path, 0)
    done = platform.run(tickers=["AAPL"], start="2024-07-06", end="2024-07-07")
    assert done["receipts"][0]["sessions"] == []
    assert platform.simulator.stats()["by_path"].get(path, 0) == before


def test_many_series_of_one_request_all_arrive(platform: Platform) -> None:
    tickers = [f"T{i:03d}" for i in range(60)]
    done = platform.run(tickers=tickers, start="2024-07-02", end="2024-07-02", interval="30m")
    assert [one["state"] for one in done["series"]] == ["complete"] * 60
    assert [receipt["topic"] for receipt in done["receipts"]] == [one["topic"] for one in done["series"]]
    for ticker in tickers[::20]:
        topic = f"stock-{ticker.lower()}-ohlcv30m-historical-{done['backtest_id']}"
        answer = platform.answer("/v3/stock/history/ohlc", symbol=ticker, interval="30m", date="20240702")
        assert platform.rows(topic) == expected_bars(answer, ticker)
