"""``app.client`` against the platform: what a program gets that asks by Python."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness import Platform, until
from live import market

from app import client
from app.client import AsyncPlatform, BacktestCancelled, BacktestFailed, Conflict, InvalidRequest, NotFound

pytestmark = pytest.mark.integration

BARS: dict[str, Any] = {"start": "2024-07-01", "end": "2024-07-03", "schema": "ohlcv", "interval": "5m"}


@pytest.fixture
def fdp(platform: Platform) -> Iterator[client.Platform]:
    with client.Platform(str(platform.http.base_url)) as found:
        yield found


def test_a_backtest_is_a_data_frame_in_one_expression(platform: Platform, fdp: client.Platform) -> None:
    backtest = fdp.backtest(platform.new_id("client"), tickers=["KO", "GE"], **BARS)
    frame = backtest.to_pandas()
    expected = [row for topic in backtest.topics for row in platform.rows(topic)]
    assert frame["timestamp"].tolist() == [row["timestamp"] for row in expected]
    assert frame["close"].tolist() == [row["close"] for row in expected]
    assert str(frame["timestamp"].dtype) == "datetime64[us, UTC]"
    assert set(frame["symbol"]) == {"KO", "GE"}
    assert backtest.to_polars().height == len(frame)


def test_waiting_gives_the_receipts(platform: Platform, fdp: client.Platform) -> None:
    backtest = fdp.backtest(platform.new_id("client"), tickers=["KO"], **BARS)
    status = backtest.wait(timeout=60)
    (receipt,) = status.receipts
    rows = platform.rows(receipt.topic)
    assert (status.state, receipt.rows) == ("complete", len(rows))
    assert (receipt.first, receipt.last) == (rows[0]["timestamp"], rows[-1]["timestamp"])
    assert [str(session.date) for session in receipt.sessions] == ["2024-07-01", "2024-07-02", "2024-07-03"]
    assert receipt.sessions[-1].status == "early_close"
    assert backtest.receipts() == status.receipts
    assert fdp.open(backtest.id).topics == backtest.topics
    assert backtest.id in [one.backtest_id for one in fdp.backtests()]


def test_rows_are_those_of_the_topic(platform: Platform, fdp: client.Platform) -> None:
    backtest = fdp.backtest(platform.new_id("client"), tickers=["KO"], **{**BARS, "schema": "trade", "interval": None})
    (series,) = backtest.series
    expected = platform.rows(series.topic) if backtest.wait(60) else []
    assert list(series.rows()) == expected
    assert [row for batch in series.batches() for row in batch.to_pylist()] == expected
    assert list(series.rows(limit=3, columns=["price"])) == [{"price": row["price"]} for row in expected[:3]]
    third = expected[len(expected) // 3]["timestamp"]
    assert list(series.rows(start=third)) == [row for row in expected if row["timestamp"] >= third]


def test_a_chain_is_read_by_contract(platform: Platform, fdp: client.Platform) -> None:
    contracts = {"expirations": ["2024-01-12"], "strikes": [4750, 4800], "right": "both"}
    backtest = fdp.backtest(
        platform.new_id("client"),
        root="SPXW",
        contracts=contracts,  # type: ignore[arg-type]
        start="2024-01-08",
        end="2024-01-12",
        schema="quote",
        interval="1h",
    )
    every = backtest.to_arrow()
    one = backtest.to_arrow(contract="SPXW  240112C04750000")
    assert every.num_rows == 4 * one.num_rows > 0
    assert set(one["strike"].to_pylist()) == {4750.0}


def test_a_file_of_each_format_holds_the_same_rows(platform: Platform, fdp: client.Platform, tmp_path: Path) -> None:
    backtest = fdp.backtest(platform.new_id("client"), tickers=["KO"], **BARS)
    (series,) = backtest.series
    expected = series.to_arrow()
    parquet = series.save(tmp_path / "rows.parquet")
    assert pq.read_table(parquet).to_pylist() == expected.to_pylist()
    assert pa.ipc.open_file(series.save(tmp_path / "rows.arrow")).read_all().equals(expected)
    assert pa.ipc.open_stream(series.save(tmp_path / "rows.arrows")).read_all().to_pylist() == expected.to_pylist()
    lines = series.save(tmp_path / "rows.ndjson").read_text().splitlines()
    assert len(lines) == expected.num_rows
    table = series.save(tmp_path / "rows.csv").read_text().splitlines()
    assert len(table) == expected.num_rows + 1
    assert table[0].split(",") == expected.schema.names


def test_the_same_request_is_the_same_backtest_and_another_one_a_conflict(
    platform: Platform, fdp: client.Platform
) -> None:
    name = platform.new_id("client")
    first = fdp.backtest(name, tickers=["KO"], **BARS)
    assert fdp.backtest(name, tickers=["KO"], **BARS).told.accepted_at == first.told.accepted_at
    with pytest.raises(Conflict, match="taken by another request"):
        fdp.backtest(name, tickers=["GE"], **BARS)


def test_what_is_wrong_with_a_request_is_named(platform: Platform, fdp: client.Platform) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fdp.backtest("Wrong_Id", tickers=["A B"], **{**BARS, "interval": "2m"})
    assert {"backtest_id", "tickers[0]", "interval"} <= {error["field"] for error in caught.value.errors}
    with pytest.raises(NotFound, match="there is no backtest 'nowhere'"):
        fdp.open("nowhere")


def test_a_plan_is_told(fdp: client.Platform) -> None:
    plan = fdp.plan(tickers=["KO"], **BARS)
    assert (plan.requests, plan.sessions, len(plan.series)) == (1, 3, 1)
    assert "StockOhlcv" in fdp.schemas()


def test_events_go_on_to_the_end(platform: Platform, fdp: client.Platform) -> None:
    backtest = fdp.backtest(platform.new_id("client"), tickers=["KO", "GE"], **BARS)
    states = list(backtest.events())
    assert states[-1].state == "complete"
    assert all(not one.is_final for one in states[:-1])
    assert states[-1].progress.rows == backtest.to_arrow().num_rows


def test_a_series_that_fails_raises_its_reason_wherever_it_is_waited_for(
    platform: Platform, fdp: client.Platform
) -> None:
    platform.simulator.set_faults([{"match": {"symbol": "GE"}, "fault": {"status": 471}}])
    backtest = fdp.backtest(platform.new_id("client"), tickers=["KO", "GE"], **BARS)
    with pytest.raises(client.PartialBacktest, match="471") as caught:
        backtest.wait(60)
    good, bad = backtest.series
    assert list(caught.value.reasons) == [bad.topic]
    assert good.to_arrow().num_rows > 0
    for read in (bad.to_arrow, lambda: list(bad.rows()), backtest.to_pandas):
        with pytest.raises(BacktestFailed, match="471"):
            read()
    platform.simulator.set_faults([])
    assert backtest.retry().wait(60).state == "complete"
    assert backtest.to_arrow().num_rows == 2 * good.to_arrow().num_rows


def test_a_backtest_is_cancelled_and_deleted(platform: Platform, fdp: client.Platform) -> None:
    platform.simulator.set_faults([{"match": {"symbol": "GE"}, "fault": {"kind": "stall", "seconds": 2}}])
    backtest = fdp.backtest(platform.new_id("client"), tickers=["GE"], start="2024-01-02", end="2024-06-28")
    backtest.cancel()
    with pytest.raises(BacktestCancelled):
        backtest.wait(60)
    backtest.delete()
    with contextlib.suppress(Conflict):
        backtest.delete()

    def gone() -> bool:
        try:
            fdp.open(backtest.id)
        except NotFound:
            return True
        return False

    until("the backtest to be unknown", gone)


def test_live_topics_are_subscribed_to_and_ended(platform: Platform, fdp: client.Platform) -> None:
    with market(platform, "2024-05-06T10:00:00", 5):
        (one,) = fdp.live.subscribe(tickers=["IBM"], schema="trade")
        assert one.topic == "stock-ibm-trade-live"
        assert one.topic in [each.topic for each in fdp.live.list()]
        until("a trade", lambda: fdp.live.get(one.topic).rows > 0)
        assert fdp.live.get(one.topic).last is not None
        assert fdp.live.unsubscribe(one.topic) in ("ended", "ending")


def test_many_backtests_are_read_at_once_without_blocking(platform: Platform) -> None:
    async def one(fdp: AsyncPlatform, ticker: str) -> tuple[str, int, int]:
        backtest = await fdp.backtest(platform.new_id("client"), tickers=[ticker], **BARS)
        states = [status.state async for status in backtest.events()]
        frame = await backtest.to_pandas()
        rows = [row async for row in backtest.series[0].rows()]
        return states[-1], len(frame), len(rows)

    async def every() -> list[tuple[str, int, int]]:
        async with AsyncPlatform(str(platform.http.base_url)) as fdp:
            return await asyncio.gather(*(one(fdp, ticker) for ticker in ("KO", "GE", "IBM")))

    found = asyncio.run(every())
    assert all(state == "complete" and table == rows > 0 for state, table, rows in found)


def test_reading_and_waiting_outlive_a_coordinator_that_is_killed(platform: Platform, fdp: client.Platform) -> None:
    """What was sent already is more than any buffer holds, so that the rest has to be asked for again."""
    body = {"start": "2024-07-01", "end": "2024-07-09", "schema": "quote", "interval": "1s"}
    backtest = fdp.backtest(platform.new_id("client"), tickers=["KO", "GE"], **body)
    rows = backtest.wait(120).progress.rows // 2
    first, second = backtest.series
    batches = first.batches()
    lines = second.rows(columns=["timestamp", "bid"])
    found = next(batches).num_rows
    some = [next(lines) for _ in range(10)]
    killed = platform.pids()["coordinator"]
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert found + sum(batch.num_rows for batch in batches) == rows
    some += lines
    assert len(some) == rows
    assert [row["timestamp"] for row in some] == sorted(row["timestamp"] for row in some)
    assert backtest.wait(60).state == "complete"

    def back() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return platform.http.get("/health/ready").status_code == 200
        return False

    until("the coordinator to be ready again", back)
