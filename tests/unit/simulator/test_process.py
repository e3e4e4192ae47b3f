"""The simulator as a process: ready line, ready file, signals, shutdown, wrong settings."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from simulator.cache import LeafCache
from simulator.cli import main, parser, ws_port_of
from simulator.server import Simulator

ROOT = Path(__file__).parents[3]


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A simulator and its URL, once it has said that it is ready."""
    command = [sys.executable, "-m", "simulator", "--http-port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            line = running.stdout.readline()
            assert line.startswith("simulator ready: http://127.0.0.1:")
            yield running, line.split(": ", 1)[1].split()[0]
        finally:
            running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_promptly_even_in_the_middle_of_a_request(number: int, tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('[{"fault": {"kind": "stall", "seconds": 600}}]')
    with process("--faults", str(faults)) as (running, url):
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(url + "/v3/stock/list/symbols", timeout=0.1)
        os.kill(running.pid, number)
        assert running.wait(timeout=10) == 0


def test_shutdown_answers_ok_and_ends_it_and_the_ready_file_names_the_url(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    with process("--ready-file", str(ready)) as (running, url):
        told = json.loads(ready.read_text())
        assert told == {"theta_http": url, "theta_ws": told["theta_ws"]}
        assert told["theta_ws"].startswith("ws://127.0.0.1:")
        assert httpx.get(url + "/v3/terminal/shutdown").text == "OK"
        assert running.wait(timeout=10) == 0


def test_clock_and_speed_set_rest_and_stream_and_a_replay_the_stream_alone() -> None:
    def told(url: str) -> tuple[str, float, str, float]:
        rest, stream = (httpx.get(f"{url}/sim/{name}").json() for name in ("clock", "stream"))
        return rest["now"][:16], rest["speed"], stream["clock"][:16], stream["speed"]

    with process("--clock", "2024-07-02T09:29:50", "--speed", "0.5") as (_, url):
        assert told(url) == ("2024-07-02T13:29", 0.5, "2024-07-02T09:29", 0.5)
    began = (dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)).isoformat()
    replay = ("--replay", "2024-07-02", "--epoch", began, "--speed", "30", "--clock", "2025-01-02T12:00:00")
    with process(*replay) as (_, url):
        assert told(url)[:2] == ("2025-01-02T17:00", 1)
        assert "2024-07-02T10:00" <= told(url)[2] < "2024-07-02T10:10"
        assert told(url)[3] == 30


@pytest.mark.parametrize(
    "arguments", [["--clock", "noon"], ["--replay", "noon"], ["--epoch", "2024-07-02"], ["--speed", "-1"]]
)
def test_a_wrong_time_ends_the_start(arguments: list[str]) -> None:
    assert main(["--http-port", "0", *arguments]) == 2


def test_a_wrong_setting_ends_the_start_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--faults", str(tmp_path / "missing.json")]) == 2
    wrong = tmp_path / "wrong.json"
    wrong.write_text('[{"fault": {"kind": "flood"}}]')
    assert main(["--faults", str(wrong)]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["--http-port", str(taken.getsockname()[1])]) == 2
        with (
            pytest.raises(OSError, match="address already in use"),
            Simulator.in_thread(http_port=taken.getsockname()[1]),
        ):
            pass


def test_the_options_have_the_terminal_s_ports() -> None:
    options = parser().parse_args([])
    assert (options.http_port, options.host) == (25503, "127.0.0.1")
    assert [ws_port_of(http, ws) for http, ws in ((25503, None), (0, None), (25503, 7), (1, 7))] == [25520, 0, 7, 7]


def test_the_cache_drops_what_was_used_least_recently() -> None:
    cache = LeafCache(3_000)
    for key in "abc":
        cache.put(key, (b"x" * 600,))
    assert cache.get("a") is not None
    cache.put("d", (b"x" * 600,))
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.size <= 3_000
    cache.put("huge", (b"x" * 5_000,))
    assert (cache.get("huge"), len(cache)) == (None, 3)


def test_a_cached_day_is_not_made_again() -> None:
    with Simulator.in_thread() as terminal:
        query = {"symbol": "AAPL", "start_date": "20240102", "end_date": "20240105", "interval": "1h"}
        first = httpx.get(terminal.url + "/v3/stock/history/ohlc", params=query)
        again = httpx.get(terminal.url + "/v3/stock/history/ohlc", params=query)
        assert first.text == again.text
        assert terminal.stats()["cache"]["hits"] == 4
