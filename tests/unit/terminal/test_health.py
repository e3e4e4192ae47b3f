"""The health check: the terminal's word, and what else may come."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from simulator.server import Simulator
from terminal import health
from terminal.cli import main
from tests.unit.terminal.conftest import free_ports

STATUS = {"path": "/v3/terminal/mdds/status"}


def check(port: int, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["health"], {"THETA_HTTP_PORT": str(port)})
    return code, capsys.readouterr().out


def port_of(simulator: Simulator) -> int:
    return int(simulator.url.rpartition(":")[2])


def test_a_connected_terminal_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    with Simulator.in_thread() as simulator:
        assert check(port_of(simulator), capsys) == (0, "CONNECTED\n")


@pytest.mark.parametrize(
    ("fault", "code", "word"),
    [
        ({"kind": "status", "status": 429}, 0, "BUSY (429)\n"),
        ({"kind": "slow_boot", "seconds": 600}, 1, "DISCONNECTED\n"),
        ({"kind": "text200", "body": "UNVERIFIED"}, 1, "UNVERIFIED\n"),
        ({"kind": "status", "status": 476, "body": "other address"}, 1, "476 other address\n"),
        ({"kind": "status", "status": 503, "body": "CONNECTED"}, 1, "503 CONNECTED\n"),
    ],
)
def test_what_else_a_terminal_says(
    fault: dict[str, Any], code: int, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator.in_thread(faults=[{"match": STATUS, "fault": fault}]) as simulator:
        assert check(port_of(simulator), capsys) == (code, word)


def test_a_terminal_that_is_not_there_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    code, word = check(free_ports(1)[0], capsys)
    assert (code, word.startswith("UNREACHABLE (")) == (1, True)


def test_a_terminal_that_hangs_is_given_up() -> None:
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        assert health.ask(hanging.getsockname()[1], timeout=0.1) == (False, "UNREACHABLE (timed out)")


def test_it_waits_five_seconds_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def refuse(address: tuple[str, int], timeout: float, *_: object) -> socket.socket:
        seen.append((address, timeout))
        raise OSError("no")

    monkeypatch.setattr("socket.create_connection", refuse)
    assert main(["health"], {}) == 1
    assert seen == [(("127.0.0.1", 25503), 5.0)]


def test_other_words_are_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "me"], {}) == 2
    assert "python -m terminal health" in capsys.readouterr().err
    assert main(["--help"], {}) == 0
    assert "THETA_CREDENTIALS_FILE" in capsys.readouterr().out
