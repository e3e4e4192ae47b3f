"""The whole container with the simulator in the vendor's place: started, asked through the proxy, stopped."""

from __future__ import annotations

import signal
import sys

import httpx
import pytest

from terminal.cli import main
from tests.unit.terminal.conftest import Place, alive, until

STATUS = "/v3/terminal/mdds/status"


def status(place: Place, address: str) -> str:
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(base_url=f"http://127.0.0.1:{place.proxy_http_port}", transport=transport) as client:
        return client.get(STATUS).text


def test_refused_while_it_boots_then_well_and_there_for_all_addresses_and_gone_after_a_stop(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = [sys.executable, "-m", "simulator", "--pin-caller", "--tier", "pro"]
    simulator += ["--http-port", str(place.http_port), "--ws-port", str(place.ws_port)]
    place.java(f"while not os.path.exists('go'): time.sleep(0.01)\nos.execv({sys.executable!r}, {simulator!r})")
    running = place.start()
    pid = place.told()["pid"]
    with pytest.raises(httpx.TransportError):
        status(place, "127.0.0.2")
    assert main(["health"], place.environment) == 1

    (place.home / "go").touch()
    running.until_said("simulator ready")
    assert main(["health"], place.environment) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "CONNECTED"
    assert [status(place, address) for address in ("127.0.0.2", "127.0.0.3")] == ["CONNECTED"] * 2

    running.signal(signal.SIGTERM)
    assert running.ended() == 0
    assert not alive(pid)
    with pytest.raises(httpx.ConnectError):
        status(place, "127.0.0.2")


def test_a_shutdown_over_http_ends_it_with_java_s_code(place: Place) -> None:
    simulator = [sys.executable, "-m", "simulator", "--http-port", str(place.http_port), "--ws-port", "0"]
    place.java(f"os.execv({sys.executable!r}, {simulator!r})")
    running = place.start()
    running.until_said("simulator ready")
    with httpx.Client(base_url=f"http://127.0.0.1:{place.proxy_http_port}") as client:
        assert client.get("/v3/terminal/shutdown").text == "OK"
    assert running.ended() == 0
    assert running.lines[-1] == "terminal: Java ended by itself with 0"
    until(lambda: not alive(place.told()["pid"]))
