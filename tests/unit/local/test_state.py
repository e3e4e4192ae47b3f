"""The state folder and the ports kept in it."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from app.errors import SettingError
from app.local.ports import KeptPorts, is_free
from app.local.state import StateDir

from .conftest import eventually


def test_a_second_user_of_the_folder_is_told_in_one_line(state: StateDir) -> None:
    with pytest.raises(SettingError) as told:
        StateDir(state.path)
    assert str(told.value).startswith(f"STATE_DIR: {state.path} is in use")
    assert "\n" not in str(told.value)


def test_a_killed_user_leaves_the_folder_free(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    taken = context.Event()

    def take() -> None:
        _kept = StateDir(tmp_path)
        taken.set()
        signal.pause()

    user = context.Process(target=take)
    user.start()
    assert taken.wait(10)
    with pytest.raises(SettingError):
        StateDir(tmp_path)
    assert user.pid is not None
    os.kill(user.pid, signal.SIGKILL)
    user.join(10)
    StateDir(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_a_wrong_setting() -> None:
    with pytest.raises(SettingError, match=r"^STATE_DIR: /proc/none cannot be used"):
        StateDir(Path("/proc/none"))


def test_a_reader_never_sees_half_a_file(state: StateDir) -> None:
    state.write("endpoints.json", {"n": 0})
    stop = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        while not stop.is_set():
            seen.add(json.loads((state.path / "endpoints.json").read_text())["n"])

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(300):
        state.write("endpoints.json", {"n": n, "padding": "x" * 20_000})
    eventually(lambda: 299 in seen or not reader.is_alive())
    stop.set()
    reader.join()
    assert 299 in seen
    assert not list(state.path.glob(".endpoints*"))


def test_a_damaged_file_reads_as_empty(state: StateDir) -> None:
    (state.path / "ports.json").write_text('{"kafka": 2')
    assert state.read("ports.json") == {}


def test_ports_are_kept_and_below_the_ephemeral_range(state: StateDir) -> None:
    first = {name: KeptPorts(state).port(name) for name in ("kafka", "registry")}
    assert {name: KeptPorts(state).port(name) for name in ("registry", "kafka")} == first
    assert len(set(first.values())) == 2
    assert all(1024 < port < 32_768 for port in first.values())


def test_a_kept_port_that_somebody_took_is_replaced(state: StateDir) -> None:
    port = KeptPorts(state).port("kafka")
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        other = KeptPorts(state).port("kafka")
    assert other != port
    assert KeptPorts(state).port("kafka") == other


def test_the_preferred_port_is_taken_if_free(state: StateDir) -> None:
    wanted = KeptPorts(state).port("probe")
    assert KeptPorts(state).port("web_port", preferred=wanted) == wanted
    ports = KeptPorts(state)
    assert ports.port("a", preferred=wanted) == wanted
    assert ports.port("b", preferred=wanted) != wanted


def test_a_port_that_is_set_and_in_use_is_a_wrong_setting(state: StateDir) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(SettingError, match=f"^WEB_PORT: port {port} on 127.0.0.1 is in use"):
            KeptPorts(state).reserve("web_port", port, "127.0.0.1")
    assert KeptPorts(state).reserve("web_port", port, "127.0.0.1") == port
