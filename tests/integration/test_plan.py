"""``POST /plan`` and ``python -m app plan``: what a backtest would do, told without doing it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from harness import Platform

pytestmark = pytest.mark.integration

GOOD: dict[str, Any] = {"tickers": ["KO"], "start": "2024-07-01", "end": "2024-07-03", "interval": "1h"}
OPTION: dict[str, Any] = {"root": "SPXW", "start": "2024-01-08", "end": "2024-01-12", "interval": "1h"}


def planned(platform: Platform, **body: Any) -> dict[str, Any]:
    response = platform.http.post("/plan", json={"backtest_id": "planned", **body})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json"), response.text
    answer: dict[str, Any] = response.json()
    return answer


def run_cli(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", "plan", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), **environment},
    )


# -- stocks -----------------------------------------------------------------------------------------------------------


def test_a_plan_of_stock_bars_is_what_the_run_then_does(platform: Platform) -> None:
    told = planned(platform, **GOOD)
    done = platform.run(**GOOD)

    (one,) = told["series"]
    assert one["topic"] == "stock-ko-ohlcv1h-historical-planned"
    assert told["requests"] == one["requests"] == done["progress"]["chunks_total"] == 1
    assert told["rows"] == one["rows"] == 3 * 7
    assert done["progress"]["rows"] + done["receipts"][0]["empty_bars"] <= told["rows"]
    assert (told["sessions"], one["sessions"], one["exact"], one["listed"]) == (3, 3, True, True)
    assert (told["listings"], told["refused"]) == (0, [])
    assert 0 < told["seconds"] < 5


def test_the_bytes_of_a_plan_are_near_those_of_the_messages(platform: Platform) -> None:
    body = {"tickers": ["AAPL"], "start": "2024-07-02", "end": "2024-07-02", "interval": "1m"}
    told = planned(platform, **body)
    (topic,) = [one["topic"] for one in platform.run(**body)["series"]]
    messages = platform.messages(topic)

    per_row = sum(len(message.key()) + len(message.value()) for message in messages) / len(messages)

    assert per_row < told["bytes"] / told["rows"] < 1.3 * per_row


def test_nothing_is_published_and_no_topic_is_made(platform: Platform) -> None:
    admin = AdminClient({"bootstrap.servers": platform.kafka})
    consumer = Consumer({"bootstrap.servers": platform.kafka, "group.id": platform.new_id("group")})
    try:
        requests = TopicPartition("requests", 0)
        before = consumer.get_watermark_offsets(requests, 10)
        name = platform.new_id("only-planned")
        planned(platform, **{**GOOD, "backtest_id": name})
        assert consumer.get_watermark_offsets(requests, 10) == before
    finally:
        consumer.close()
    assert platform.http.get(f"/backtests/{name}").status_code == 404
    assert not [topic for topic in admin.list_topics(timeout=10).topics if name in topic]


def test_the_full_form_is_taken_too(platform: Platform) -> None:
    series = [
        {"asset": "stock", "tickers": ["KO", "GE"], "interval": "1h"},
        {"asset": "stock", "ticker": "KO", "schema": "eod"},
        {"asset": "stock", "ticker": "KO", "schema": "trade"},
    ]
    told = planned(platform, start="2024-07-01", end="2024-07-03", series=series)
    assert [one["rows"] for one in told["series"][:3]] == [21, 21, 3]
    assert [one["exact"] for one in told["series"]] == [True, True, True, False]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tickers": ["AA PL"]}, "tickers[0]"),
        ({"end": "2999-01-04"}, "end"),
        ({"backtest_id": "my_test"}, "backtest_id"),
        ({"adjust": "splits"}, "adjust"),
        ({"root": "SPXW"}, "tickers"),
    ],
)
def test_a_plan_is_checked_as_a_request_is(platform: Platform, change: dict[str, Any], field: str) -> None:
    response = platform.http.post("/plan", json={"backtest_id": "planned", **GOOD, **change})
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert field in [error["field"] for error in response.json()["errors"]]
    assert platform.http.post("/plan", content=b"{").status_code == 400


def test_what_the_tier_does_not_allow_is_told(platform: Platform) -> None:
    told = planned(
        platform,
        start="2012-03-01",
        end="2012-03-02",
        series=[{"asset": "stock", "ticker": "KO", "schema": "eod"}],
    )
    (refused,) = told["refused"]
    assert refused["topic"] == "stock-ko-eod-historical-planned"
    assert "THETA_TIER" in refused["reason"]
    assert told["series"][0]["refused"] == refused["reason"]
    assert (told["requests"], told["rows"]) == (0, 0)


def test_ten_thousand_series_are_planned_in_a_second(platform: Platform) -> None:
    tickers = [f"T{number}" for number in range(10_000)]
    begin = time.monotonic()
    told = planned(platform, tickers=tickers, start="2023-01-03", end="2023-12-29")
    assert time.monotonic() - begin < 3  # a second, and the machine may be busy with other tests
    assert len(told["series"]) == 10_000
    assert told["requests"] == 120_000


# -- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"root": None}, "root"),
        ({"root": "TOOLONG"}, "root"),
        ({"tickers": ["SPY"]}, "tickers"),
        ({"schema": "bars"}, "schema"),
        ({"schema": "open_interest"}, "interval"),
        ({"contracts": {"expirations": ["2024-02-30"]}}, "contracts.expirations[0]"),
        ({"contracts": {"strikes": [0]}}, "contracts.strikes[0]"),
        ({"contracts": {"strikes": [4800.0005]}}, "contracts.strikes[0]"),
        ({"contracts": {"right": "straddle"}}, "contracts.right"),
        ({"contracts": {"max_dte": -1}}, "contracts.max_dte"),
        ({"contracts": {"max_dte": "7"}}, "contracts.max_dte"),
        ({"contracts": {"strikes": [100], "strike_range": 5}}, "contracts.strike_range"),
        ({"contracts": {"delta": 0.5}}, "contracts.delta"),
        ({"contracts": [1]}, "contracts"),
    ],
)
def test_option_input_that_is_wrong_is_a_422_that_names_the_field(
    platform: Platform, change: dict[str, Any], field: str
) -> None:
    for path in ("/historical/option", "/plan"):
        response = platform.http.post(path, json={"backtest_id": "wrong", **OPTION, **change})
        if path == "/plan" and change.get("root", "") is None:
            continue  # without a root the short form means stocks
        assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
        assert field in [error["field"] for error in response.json()["errors"]], response.json()
    assert platform.http.get("/backtests/wrong").status_code == 404


def test_options_are_asked_for_by_root_and_contracts(platform: Platform) -> None:
    name = platform.new_id()
    body = {"backtest_id": name, **OPTION, "contracts": {"expirations": ["2024-01-12"], "strikes": [4750]}}
    response = platform.http.post("/historical/option", json=body)
    assert (response.status_code, response.headers["location"]) == (202, f"/backtests/{name}")
    assert [one["topic"] for one in response.json()["series"]] == [f"option-spxw-ohlcv1h-historical-{name}"]
    platform.finished(name)


def test_a_chain_is_planned_from_its_listing(platform: Platform) -> None:
    day = "2024-01-12"
    response = httpx.get(
        f"{platform.simulator.url}/v3/option/list/contracts/quote",
        params={"symbol": "SPXW", "date": "20240112"},
        trust_env=False,
    )
    listed = [dt.date.fromisoformat(row["expiration"]) for row in csv.DictReader(io.StringIO(response.text))]
    near = [expiration for expiration in listed if 0 <= (expiration - dt.date.fromisoformat(day)).days <= 7]
    told = planned(platform, **{**OPTION, "start": day, "schema": "quote", "contracts": {"max_dte": 7}})

    (one,) = told["series"]
    assert (one["listed"], one["exact"], told["listings"]) == (True, True, 1), one
    assert len(near) * 7 <= one["rows"] <= len(near) * 7 + 10


def test_a_week_of_a_chain_is_planned_from_the_last_sessions_listing(platform: Platform) -> None:
    told = planned(platform, **OPTION, schema="quote", contracts={"max_dte": 3, "right": "call"})
    (one,) = told["series"]
    assert (one["listed"], one["exact"], one["listings"], one["sessions"]) == (True, False, 5, 5), one
    assert one["rows"] > 5 * 100


def test_what_a_plan_of_options_says_bounds_what_the_run_writes(platform: Platform) -> None:
    contracts = {"expirations": ["2024-01-12"], "strikes": [4750, 4800]}
    body = {**OPTION, "contracts": contracts, "schema": "quote"}
    told = planned(platform, **body)
    name = platform.new_id()
    assert platform.http.post("/historical/option", json={"backtest_id": name, **body}).status_code == 202
    done = platform.finished(name)
    assert done["state"] == "complete", done
    assert told["series"][0]["exact"]
    assert 0 < done["progress"]["rows"] <= told["rows"] == 5 * 4 * 7


@pytest.mark.parametrize("fault", [{"status": 474}, {"status": 471}, {"kind": "drop"}])
def test_a_provider_that_fails_does_not_fail_the_plan(platform: Platform, fault: dict[str, Any]) -> None:
    platform.simulator.set_faults([{"match": {"symbol": "SPXW"}, "fault": fault}])
    told = planned(platform, **OPTION, schema="quote")
    (one,) = told["series"]
    assert (one["listed"], one["exact"]) == (False, False)
    assert "the terminal" in one["why"]
    assert one["rows"] > 0


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_prints_a_table(platform: Platform) -> None:
    url = str(platform.http.base_url)
    given = "--ticker KO --ticker GE --interval 1h --start 2024-07-01 --end 2024-07-03"
    done = run_cli("--url", url, *given.split())
    assert done.returncode == 0, done.stderr
    assert "stock-ko-ohlcv1h-historical-plan" in done.stdout
    assert "stock-ge-ohlcv1h-historical-plan" in done.stdout
    assert "2 series over 3 sessions: requests 2, rows ≤ 42, " in done.stdout


def test_the_command_reads_a_file_or_standard_input_and_prints_json(platform: Platform, tmp_path: Path) -> None:
    url = str(platform.http.base_url)
    body = {"backtest_id": "filed", **GOOD}
    path = tmp_path / "request.json"
    path.write_text(json.dumps(body))
    told = planned(platform, **body)
    assert json.loads(run_cli(str(path), "--json", "--url", url).stdout) == told
    assert json.loads(run_cli("-", "--json", "--url", url, stdin=json.dumps(body)).stdout) == told


def test_the_command_takes_options_of_a_chain(platform: Platform) -> None:
    url = str(platform.http.base_url)
    given = "--id o --root SPXW --schema quote --interval 1h --start 2024-01-08 --end 2024-01-12"
    chosen = "--expiration 2024-01-12 --strike 4750 --strike 4800.5 --right call --max-dte 3"
    done = run_cli("--json", "--url", url, *given.split(), *chosen.split())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 4 * 2 * 7  # the Tuesday before to the Friday itself


def test_the_command_tells_each_field_that_is_wrong(platform: Platform) -> None:
    done = run_cli("--url", str(platform.http.base_url), "--ticker", "A B", "--start", "2024-07-01", "--end", "soon")
    assert (done.returncode, done.stdout) == (2, "")
    assert "  tickers[0]: 'A B' is not a ticker" in done.stderr
    assert "  end: 'soon' is not a date" in done.stderr


def test_the_command_tells_what_is_refused(platform: Platform) -> None:
    done = run_cli(
        *("--url", str(platform.http.base_url), "--ticker", "KO", "--schema", "eod"),
        *("--start", "2012-03-01", "--end", "2012-03-02"),
    )
    assert done.returncode == 0
    assert "1 of them refused" in done.stdout
    assert "THETA_TIER" in done.stdout


def test_no_coordinator_is_one_sentence_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = run_cli("--url", url, "--ticker", "KO")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: no coordinator answers at {url}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        ([], "", "name a FILE"),
        (["/no/such/file"], "", "cannot be read"),
        (["-"], "{", "standard input is not JSON"),
        (["-", "--ticker", "KO"], "{}", "not both"),
        (["--ticker", "KO", "--url", "localhost"], "", "is not the address of a coordinator"),
    ],
)
def test_wrong_use_of_the_command_is_exit_code_2(arguments: list[str], stdin: str, said: str) -> None:
    done = run_cli(*arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
