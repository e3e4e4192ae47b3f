"""Every schema of stocks and options: what is in the topic is what the terminal answers, row for row."""

from __future__ import annotations

from typing import Any

import pytest
from harness import Platform
from oracle import expected, occ

pytestmark = pytest.mark.integration

#: Schema, interval, the endpoint and its parameters beside symbol and date.
STOCK = [
    ("quote", "1m", "quote", {"interval": "1m"}),
    ("quote", "1s", "quote", {"interval": "1s"}),
    ("quote", None, "quote", {"interval": "tick"}),
    ("trade", None, "trade", {}),
    ("trade_quote", None, "trade_quote", {}),
]
OPTION = [
    ("ohlcv", "5m", "ohlc", {"interval": "5m"}),
    ("quote", "5m", "quote", {"interval": "5m"}),
    ("quote", None, "quote", {"interval": "tick"}),
    ("trade", None, "trade", {}),
    ("trade_quote", None, "trade_quote", {}),
    ("open_interest", None, "open_interest", {}),
    ("greeks", "15m", "greeks/all", {"interval": "15m"}),
    ("greeks", None, "greeks/all", {"interval": "tick"}),
    ("implied_volatility", "15m", "greeks/implied_volatility", {"interval": "15m"}),
]


def body_of(schema: str, interval: str | None) -> dict[str, Any]:
    tick = {"interval": "tick"} if schema in ("quote", "greeks") else {}
    return {"schema": schema, **({"interval": interval} if interval else tick)}


@pytest.mark.parametrize(("schema", "interval", "endpoint", "params"), STOCK)
@pytest.mark.parametrize("day", ["2024-03-08", "2024-03-11", "2024-07-03"])
def test_stock_rows_equal_the_terminals_answer(
    platform: Platform, schema: str, interval: str | None, endpoint: str, params: dict[str, str], day: str
) -> None:
    done = platform.run(tickers=["QUIET"], start=day, end=day, **body_of(schema, interval))
    answer = platform.table(f"/v3/stock/history/{endpoint}", symbol="QUIET", date=day.replace("-", ""), **params)
    topic = done["series"][0]["topic"]
    assert topic == f"stock-quiet-{schema}{interval or ''}-historical-{done['backtest_id']}"
    messages = platform.messages(topic)
    rows = platform.decoded(messages)
    assert rows == expected(answer, "QUIET", schema)
    assert len(rows) > 100
    for message, row in zip(messages, rows, strict=True):
        assert message.key() == b"QUIET"
        assert message.timestamp()[1] == int(row["timestamp"].timestamp() * 1000)


def test_ticks_of_several_days_follow_one_another(platform: Platform) -> None:
    done = platform.run(tickers=["QUIET"], start="2024-03-07", end="2024-03-12", schema="trade")
    days = ["20240307", "20240308", "20240311", "20240312"]
    answers = [platform.table("/v3/stock/history/trade", symbol="QUIET", date=day) for day in days]
    rows = [row for answer in answers for row in answer]
    assert platform.rows(done["series"][0]["topic"]) == expected(rows, "QUIET", "trade")
    sessions = [(one["date"], one["rows"]) for one in done["receipts"][0]["sessions"]]
    assert sessions == [(f"{day[:4]}-{day[4:6]}-{day[6:]}", len(a)) for day, a in zip(days, answers, strict=True)]


@pytest.mark.parametrize(("schema", "interval", "endpoint", "params"), OPTION)
@pytest.mark.parametrize("day", ["2024-03-11", "2024-07-03"])
def test_option_rows_equal_the_terminals_answer(
    platform: Platform, schema: str, interval: str | None, endpoint: str, params: dict[str, str], day: str
) -> None:
    contracts = {"max_dte": 12, "strike_range": 3}
    done = platform.run("option", root="QUIET", start=day, end=day, contracts=contracts, **body_of(schema, interval))
    answer = platform.chain("QUIET", endpoint, day, contracts, **params)
    topic = done["series"][0]["topic"]
    assert topic == f"option-quiet-{schema}{interval or ''}-historical-{done['backtest_id']}"
    messages = platform.messages(topic)
    rows = platform.decoded(messages)
    assert rows == expected(answer, "QUIET", schema)
    assert len({occ(row) for row in rows}) >= 4
    for message, row in zip(messages, rows, strict=True):
        assert message.key() == occ(row).encode()
        assert message.timestamp()[1] == int(row["timestamp"].timestamp() * 1000)


def test_end_of_day_reports_of_a_chain_equal_the_terminals_answer(platform: Platform) -> None:
    done = platform.run("option", root="QUIET", start="2024-03-07", end="2024-03-12", schema="eod")
    days = ["2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12"]
    answer = [row for day in days for row in platform.chain("QUIET", "eod", day, {})]
    assert platform.rows(done["series"][0]["topic"]) == expected(answer, "QUIET", "eod")


def test_bars_of_a_whole_chain_are_asked_for_expiration_by_expiration_over_several_days(platform: Platform) -> None:
    platform.simulator.reset()
    done = platform.run("option", root="QUIET", start="2024-03-07", end="2024-03-12", schema="ohlcv", interval="30m")
    asked = [one for one in platform.simulator.stats()["recent"] if "/option/history/ohlc" in one["path"]]
    days = ["2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12"]
    answer = [row for day in days for row in platform.chain("QUIET", "ohlc", day, {}, interval="30m")]
    assert platform.rows(done["series"][0]["topic"]) == expected(answer, "QUIET", "ohlcv")
    assert len(asked) == len({row["expiration"] for row in answer}), "one request for each expiration"
    assert {one["status"] for one in asked} == {200}, "nothing was asked for in vain"


def test_a_receipt_of_a_chain_accounts_for_half_days_holidays_and_days_without_anything(platform: Platform) -> None:
    contracts = {"expirations": ["2024-07-05"], "strike_range": 2}
    done = platform.run(
        "option", root="QUIET", start="2024-07-02", end="2024-07-09", schema="quote", interval="1h", contracts=contracts
    )
    receipt = done["receipts"][0]
    assert [(one["date"], one["status"]) for one in receipt["sessions"]] == [
        ("2024-07-02", "complete"),
        ("2024-07-03", "early_close"),
        ("2024-07-04", "holiday"),
        ("2024-07-05", "complete"),
        ("2024-07-08", "no_data"),
        ("2024-07-09", "no_data"),
    ]
    days = ["2024-07-02", "2024-07-03", "2024-07-05"]
    answer = [row for day in days for row in platform.chain("QUIET", "quote", day, contracts, interval="1h")]
    wanted = [row for row in answer if row["expiration"].isoformat() == "2024-07-05"]
    assert platform.rows(done["series"][0]["topic"]) == expected(wanted, "QUIET", "quote")
    assert receipt["rows"] == len(wanted) > 0
