"""A terminal that is pinned to the address of its first caller."""

from __future__ import annotations

import httpx

from simulator.cli import parser
from simulator.server import Simulator

STATUS = "/v3/terminal/mdds/status"


def caller(address: str, terminal: Simulator) -> httpx.Client:
    """A client that calls from one of the addresses of the loopback."""
    return httpx.Client(base_url=terminal.url, transport=httpx.HTTPTransport(local_address=address))


def test_a_pinned_terminal_answers_the_first_address_and_refuses_any_other_with_476() -> None:
    with (
        Simulator.in_thread(pin_caller=True) as terminal,
        caller("127.0.0.2", terminal) as first,
        caller("127.0.0.3", terminal) as second,
    ):
        assert first.get(STATUS).text == "CONNECTED"
        refused = second.get(STATUS)
        assert (refused.status_code, refused.reason_phrase) == (476, "WRONG_IP")
        assert refused.text == "You cannot switch between 127.0.0.1 and localhost"
        assert second.get("/v3/stock/list/symbols").status_code == 476
        assert first.get("/v3/stock/list/symbols").status_code == 200


def test_the_simulator_s_own_paths_neither_pin_nor_are_refused() -> None:
    with (
        Simulator.in_thread(pin_caller=True) as terminal,
        caller("127.0.0.2", terminal) as watcher,
        caller("127.0.0.3", terminal) as first,
    ):
        assert watcher.get("/sim/stats").status_code == 200
        assert first.get(STATUS).status_code == 200
        assert watcher.get("/sim/stats").json()["by_status"] == {"200": 1}


def test_a_terminal_is_pinned_only_when_told_so() -> None:
    assert not parser().parse_args([]).pin_caller
    assert parser().parse_args(["--pin-caller"]).pin_caller
    with (
        Simulator.in_thread() as terminal,
        caller("127.0.0.2", terminal) as first,
        caller("127.0.0.3", terminal) as second,
    ):
        assert [client.get(STATUS).status_code for client in (first, second)] == [200, 200]
