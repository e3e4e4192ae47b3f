"""The commands that ask a coordinator, as a shell runs them."""

from __future__ import annotations

import csv
import io
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import run_command
from console import Terminal
from harness import Platform, until

pytestmark = pytest.mark.integration

SHORT = ["--ticker", "KO", "--schema", "ohlcv", "--interval", "5m", "--start", "2024-07-01", "--end", "2024-07-03"]


def fdp(platform: Platform, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    done = run_command(*arguments, FDP_URL=str(platform.http.base_url), **environment)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def out(platform: Platform, *arguments: str) -> str:
    """What a command that succeeds writes."""
    done = fdp(platform, *arguments)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def bars(platform: Platform) -> tuple[str, str]:
    """A complete backtest of one series; its id and its topic."""
    name = platform.new_id("cli")
    done = fdp(platform, "submit", "--wait", "--id", name, *SHORT)
    assert done.returncode == 0, done.stderr.decode()
    return name, f"stock-ko-ohlcv5m-historical-{name}"


# -- submit -----------------------------------------------------------------------------------------------------------


def test_submit_asks_and_says_how_to_go_on(platform: Platform) -> None:
    name = platform.new_id("cli")
    said = out(platform, "submit", "--id", name, *SHORT)
    assert said.startswith(f"{name} is asked for: ")
    assert f"fdp status {name} --watch" in said
    assert platform.finished(name)["state"] == "complete"
    assert json.loads(out(platform, "submit", "--json", "--id", name, *SHORT))["backtest_id"] == name


def test_submit_takes_a_file_or_standard_input(platform: Platform, tmp_path: Path) -> None:
    name = platform.new_id("cli")
    body = {"backtest_id": name, "tickers": ["KO"], "start": "2024-07-01", "end": "2024-07-03", "interval": "5m"}
    path = tmp_path / "request.json"
    path.write_text(json.dumps(body))
    assert json.loads(out(platform, "submit", str(path), "--wait", "--json"))["state"] == "complete"


def test_waiting_tells_lines_and_then_a_table(platform: Platform) -> None:
    name = platform.new_id("cli")
    done = fdp(platform, "submit", "--wait", "--id", name, "--ticker", "GE", *SHORT)
    assert done.returncode == 0
    told = done.stderr.decode()
    assert f"stock-ge-ohlcv5m-historical-{name}: complete, " in told
    assert "\x1b" not in told
    table = done.stdout.decode()
    assert f"stock-ko-ohlcv5m-historical-{name}" in table
    assert "2024-07-01 13:30:00" in table
    assert f"{name}: complete, " in table


def test_waiting_for_what_fails_is_exit_code_1_with_the_reason(platform: Platform) -> None:
    platform.simulator.set_faults([{"match": {"symbol": "GE"}, "fault": {"status": 471}}])
    name = platform.new_id("cli")
    done = fdp(platform, "submit", "--wait", "--id", name, "--ticker", "GE", *SHORT)
    assert done.returncode == 1
    assert "471" in done.stderr.decode()
    assert f"{name}: partial, " in done.stdout.decode()
    platform.simulator.set_faults([])
    retried = fdp(platform, "retry", name, "--wait", "--json")
    assert (retried.returncode, json.loads(retried.stdout)["state"]) == (0, "complete")


def test_a_terminal_sees_bars_and_an_interrupt_leaves_the_backtest_alone(platform: Platform) -> None:
    # The backtest must not end before it is interrupted, however slowly the command starts.
    platform.simulator.set_faults([{"match": {"symbol": "GE"}, "fault": {"kind": "stall", "seconds": 20}}])
    name = platform.new_id("cli")
    url = str(platform.http.base_url)
    with Terminal("submit", "--wait", "--url", url, "--id", name, "--ticker", "GE", *SHORT) as shown:
        shown.until(f"stock-ge-ohlcv5m-historical-{name}")
        shown.interrupt()
        assert shown.ended() == 130
        assert f"fdp cancel {name}" in shown.seen
        assert "Traceback" not in shown.seen
    platform.simulator.set_faults([])
    assert platform.finished(name)["state"] == "complete"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["submit"], 2, "name a FILE with a request, or what to fetch"),
        (["submit", "--id", "x", "--ticker", "A B", "--start", "2024-07-01", "--end", "soon"], 2, "  end: 'soon' is"),
        (["submit", "/no/such/file"], 2, "cannot be read"),
        (["status", "nowhere"], 2, "there is no backtest 'nowhere'"),
        (["read", "nowhere"], 2, "there is no backtest 'nowhere'"),
        (["cancel", "nowhere"], 2, "there is no backtest 'nowhere'"),
        (["retry", "nowhere"], 2, "there is no backtest 'nowhere'"),
        (["delete", "nowhere"], 2, "there is no backtest 'nowhere'"),
        (["live", "unsubscribe", "nothing"], 2, "there is no live topic 'nothing'"),
        (["live", "subscribe"], 2, "--ticker or --root"),
        (["live", "--json", "list"], 2, "put the options behind `live list`"),
        (["status", "--watch"], 2, "needs a terminal"),
        (["status", "--url", "localhost"], 2, "is not the address of a coordinator"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_exit_code_2(
    platform: Platform, arguments: list[str], code: int, said: str
) -> None:
    done = fdp(platform, *arguments)
    assert (done.returncode, done.stdout) == (code, b"")
    assert said in done.stderr.decode()


@pytest.mark.parametrize("command", ["status", "read x", "cancel x", "retry x", "delete x", "live", "orphans"])
def test_no_coordinator_is_a_sentence_and_exit_code_1(command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = run_command(*command.split(), FDP_URL=url)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(f"error: no coordinator answers at {url}")
    assert done.stderr.count(b"\n") == 1


# -- status -----------------------------------------------------------------------------------------------------------


def test_status_is_a_table_or_json(platform: Platform, bars: tuple[str, str]) -> None:
    name, topic = bars
    assert topic in out(platform, "status", name)
    assert json.loads(out(platform, "status", name, "--json")) == platform.http.get(f"/backtests/{name}").json()
    assert name in out(platform, "status")
    assert name in [one["backtest_id"] for one in json.loads(out(platform, "status", "--json"))]
    events = [json.loads(line) for line in out(platform, "status", name, "--json", "--watch").splitlines()]
    assert events[-1]["state"] == "complete"
    assert topic in out(platform, "status", name, "--watch")


# -- read -------------------------------------------------------------------------------------------------------------


def test_read_writes_every_row_in_each_format(platform: Platform, bars: tuple[str, str], tmp_path: Path) -> None:
    name, topic = bars
    expected = platform.rows(topic)
    table = list(csv.DictReader(io.StringIO(out(platform, "read", name))))
    assert [float(row["close"]) for row in table] == [row["close"] for row in expected]
    lines = [json.loads(line) for line in out(platform, "read", name, "--format", "ndjson").splitlines()]
    assert [row["close"] for row in lines] == [row["close"] for row in expected]
    piped = fdp(platform, "read", name, "--format", "arrow").stdout
    assert pa.ipc.open_stream(piped).read_all().to_pylist() == expected
    piped = fdp(platform, "read", name, "--format", "parquet").stdout
    assert pq.read_table(pa.BufferReader(piped)).to_pylist() == expected
    for form, file in (("", "rows.parquet"), ("", "rows.arrow"), ("csv", "rows.txt")):
        path = tmp_path / file
        out(platform, "read", name, "-o", str(path), *(["--format", form] if form else []))
        assert path.stat().st_size > 0
    assert pq.read_table(tmp_path / "rows.parquet").to_pylist() == expected
    assert pa.ipc.open_file(tmp_path / "rows.arrow").read_all().to_pylist() == expected


def test_read_takes_what_is_asked_of_it(platform: Platform, bars: tuple[str, str]) -> None:
    name, topic = bars
    chosen = [
        "--start",
        "2024-07-02",
        "--end",
        "2024-07-02",
        "--limit",
        "3",
        "--columns",
        "timestamp,close",
        "--follow",
    ]
    said = out(platform, "read", name, "--series", topic, *chosen)
    assert said.splitlines()[:2] == ["timestamp,close", said.splitlines()[1]]
    assert [line[:11] for line in said.splitlines()[1:]] == ["2024-07-02T"] * 3


def test_a_terminal_sees_a_table_and_how_much_of_it_that_is(platform: Platform, bars: tuple[str, str]) -> None:
    name, topic = bars
    with Terminal("read", name, "--url", str(platform.http.base_url)) as shown:
        assert shown.ended() == 0
    assert topic in shown.seen
    assert "2024-07-01T13:30:00Z" in shown.seen
    assert "the first 20 rows; --limit N shows more, -o FILE or --format csv writes all" in shown.seen
    with Terminal("read", name, "--format", "parquet", "--url", str(platform.http.base_url)) as shown:
        assert shown.ended() == 2
    assert "parquet is not for a terminal" in shown.seen
    assert "of 3 rows" not in out(platform, "read", name, "--format", "table", "--limit", "3")


def test_a_reader_that_has_seen_enough_is_no_error(platform: Platform) -> None:
    name = platform.ask(tickers=["KO"], start="2024-07-01", end="2024-07-05", schema="quote", interval="1s")
    platform.finished(name)
    command = [sys.executable, "-m", "app", "read", name, "--url", str(platform.http.base_url)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 0


def test_several_series_have_to_be_chosen_from(platform: Platform) -> None:
    name = platform.ask(tickers=["KO", "GE"], start="2024-07-01", end="2024-07-03", interval="1h")
    done = fdp(platform, "read", name)
    assert done.returncode == 2
    assert f"  stock-ge-ohlcv1h-historical-{name}\n" in done.stderr.decode()


def test_what_is_not_whole_is_said_to_be_so(platform: Platform) -> None:
    platform.simulator.set_faults([{"match": {"symbol": "GE"}, "fault": {"status": 471}}])
    name = platform.ask(tickers=["GE"], start="2024-07-01", end="2024-07-03")
    platform.finished(name)
    done = fdp(platform, "read", name, "--format", "ndjson")
    assert f"note: stock-ge-ohlcv1m-historical-{name} is failed, these are the rows so far" in done.stderr.decode()
    followed = fdp(platform, "read", name, "--format", "ndjson", "--follow")
    assert (followed.returncode, followed.stdout) == (1, b"")
    assert "471" in followed.stderr.decode()


# -- ending -----------------------------------------------------------------------------------------------------------


def test_what_runs_is_cancelled_and_what_is_there_deleted(platform: Platform) -> None:
    platform.simulator.set_faults([{"match": {"symbol": "GE"}, "fault": {"kind": "stall", "seconds": 2}}])
    name = platform.ask(tickers=["GE"], start="2024-01-02", end="2024-06-28")
    said = out(platform, "cancel", name, "--wait")
    assert said == f"{name} is cancelled\n"
    refused = fdp(platform, "delete", name)
    assert refused.returncode == 2
    assert "say --yes" in refused.stderr.decode()
    assert "is being deleted" in out(platform, "delete", name, "--yes")
    until("the backtest to be unknown", lambda: platform.http.get(f"/backtests/{name}").status_code == 404)


# -- live -------------------------------------------------------------------------------------------------------------


def test_live_topics_are_subscribed_to_listed_and_ended(platform: Platform) -> None:
    topic = "stock-ge-quote-live"
    assert topic in out(platform, "live", "subscribe", "--ticker", "GE", "--schema", "quote")
    assert topic in out(platform, "live")
    assert topic in [one["topic"] for one in json.loads(out(platform, "live", "list", "--json"))]
    assert out(platform, "live", "unsubscribe", topic).startswith(f"{topic}: end")


# -- the shell --------------------------------------------------------------------------------------------------------


def completed(platform: Platform, line: str, url: str | None = None) -> list[str]:
    """What bash is offered for the last word of a line."""
    words = line.split(" ")
    environment: dict[str, Any] = {
        "_FDP_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    code = "from app.cli import cli; cli(prog_name='fdp')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "FDP_URL": url or str(platform.http.base_url), **environment},
    )
    assert done.stderr == "", done.stderr
    return done.stdout.split()


def test_a_shell_completes_ids_and_topics(platform: Platform, bars: tuple[str, str]) -> None:
    name, topic = bars
    assert "submit" in completed(platform, "fdp su")
    assert name in completed(platform, f"fdp status {name[:3]}")
    assert completed(platform, f"fdp read {name} --series ") == [topic]


def test_a_shell_completes_nothing_where_nobody_answers(platform: Platform) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # It takes connections and never answers.
        assert completed(platform, "fdp status c", f"http://127.0.0.1:{silent.getsockname()[1]}") == []
    assert completed(platform, "fdp status c", "nonsense") == []


def test_the_version_is_told() -> None:
    done = run_command("--version")
    assert done.returncode == 0
    assert done.stdout.startswith(b"fdp 0.")
