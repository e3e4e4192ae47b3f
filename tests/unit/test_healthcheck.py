"""The container's health check, against web servers that answer as roles do."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.healthcheck import PORTS, ill
from app.settings import Settings


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A role whose probe answers with a status; its port."""

    class Probe(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Probe)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def nobody() -> int:
    """A port where nobody listens."""
    with answering(200) as port:
        return port


def environment(*ports: int) -> dict[str, str]:
    return {name: str(port) for name, port in zip(PORTS, ports, strict=True)}


def test_a_container_of_one_role_is_healthy_when_that_role_is_ready() -> None:
    with answering(200) as history:
        assert ill(environment(nobody(), history, nobody()), []) is None


def test_a_role_that_is_not_ready_is_named() -> None:
    with answering(200) as coordinator, answering(503) as live:
        assert ill(environment(coordinator, nobody(), live), []) == f"http://127.0.0.1:{live}/health/ready: 503"


def test_a_role_that_listens_and_says_nothing_is_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another role's answer must not cover for one whose loop hangs."""
    monkeypatch.setattr("app.healthcheck.PATIENCE", 0.2)
    with answering(200) as history, socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        words = ill(environment(port, history, nobody()), [])
    assert words is not None
    assert words.startswith(f"http://127.0.0.1:{port}/health/ready: no answer")


def test_a_container_where_nobody_answers_is_ill() -> None:
    words = ill(environment(nobody(), nobody(), nobody()), [])
    assert words is not None
    assert words.startswith("no role answers")


def test_listening_for_everybody_is_asked_on_loopback() -> None:
    with answering(200) as port:
        assert ill(environment(port, nobody(), nobody()) | {"WEB_HOST": "0.0.0.0"}, []) is None


def test_an_empty_setting_is_its_default() -> None:
    words = ill({"WEB_HOST": "127.0.0.2", "WEB_PORT": ""}, [])
    assert words == "no role answers at 127.0.0.2, ports 6066, 6067, 6068"


def test_each_address_that_is_named_has_to_answer() -> None:
    with ExitStack() as stack:
        first, second = (stack.enter_context(answering(200)) for _ in range(2))
        assert ill({}, [f"http://127.0.0.1:{port}/health/ready" for port in (first, second)]) is None
        gone = f"http://127.0.0.1:{nobody()}/health/ready"
        assert ill({}, [f"http://127.0.0.1:{first}/health/ready", gone]) == f"{gone}: refused"


def test_the_ports_are_the_settings_defaults() -> None:
    assert {name: Settings.model_fields[name.lower()].default for name in PORTS} == dict(PORTS)


def test_the_program_ends_with_1_and_one_line() -> None:
    gone = f"http://127.0.0.1:{nobody()}/"
    ended = subprocess.run(
        [sys.executable, "-m", "app.healthcheck", gone], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stderr.strip()) == (1, f"{gone}: refused")
