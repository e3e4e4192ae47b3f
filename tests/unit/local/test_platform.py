"""What `local` brings up, what it tells about it, and how it ends; with stand-ins for the platform's processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from app.errors import SettingError
from app.local import roles, simulated
from app.local.platform import Endpoints, LocalPlatform, run_local
from app.local.roles import web_url
from app.settings import Settings, load

from .conftest import eventually, is_gone

PROGRAM = (sys.executable, "-S", str(Path(__file__).with_name("program.py")))
ELSEWHERE = {"kafka_bootstrap_servers": "kafka.example:9092", "schema_registry_url": "http://registry.example/api"}


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(roles, "PROGRAM", PROGRAM)
    monkeypatch.setattr(simulated, "PROGRAM", PROGRAM)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))


def endpoints_of(platform: LocalPlatform) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((platform.state_dir / "endpoints.json").read_text())
    return found


def test_only_what_is_not_set_is_brought_up() -> None:
    with LocalPlatform(load(**ELSEWHERE)) as platform:
        told = endpoints_of(platform)
        assert told["kafka"] == "kafka.example:9092"
        assert told["registry"] == "http://registry.example/api"
        assert told["theta_http"].startswith("http://127.0.0.1:")
        assert told["theta_ws"].startswith("ws://127.0.0.1:")
        assert set(told["pids"]) == {"broker", "registry", "coordinator", "history", "live"}
        assert [name for name, pid in told["pids"].items() if pid] == ["coordinator", "history", "live"]
        pids = [pid for pid in told["pids"].values() if pid]
    assert not (platform.state_dir / "endpoints.json").exists()
    assert all(is_gone(pid) for pid in pids)


def test_with_a_terminal_set_no_simulator_is_started() -> None:
    with LocalPlatform(load(**ELSEWHERE, theta_url="http://terminal.example:25503")) as platform:
        assert endpoints_of(platform)["theta_http"] == "http://terminal.example:25503"
        assert not (platform.state_dir / "simulator").exists()


def test_the_roles_get_every_address_and_what_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKENS", "secret")
    with LocalPlatform(load(**ELSEWHERE, log_level="DEBUG")) as platform:
        for role in ("coordinator", "history", "live"):
            got = json.loads((platform.state_dir / f"{role}.env.json").read_text())
            assert got["KAFKA_BOOTSTRAP_SERVERS"] == "kafka.example:9092"
            assert got["SCHEMA_REGISTRY_URL"] == "http://registry.example/api"
            assert got["THETA_URL"] == platform.endpoints.theta_http
            assert got["SERIES_PARTITIONS"] == "16"
            assert got["LOG_LEVEL"] == "DEBUG"
            assert got["API_TOKENS"] == "secret"


def test_a_number_of_partitions_that_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERIES_PARTITIONS", "3")
    with LocalPlatform(load(**ELSEWHERE)) as platform:
        assert platform.settings.series_partitions == 3


def test_endpoints_follow_a_pid_that_changes() -> None:
    with LocalPlatform(load(**ELSEWHERE)) as platform:
        before = endpoints_of(platform)
        os.kill(before["pids"]["history"], signal.SIGKILL)
        eventually(lambda: endpoints_of(platform)["pids"]["history"] != before["pids"]["history"])
        after = endpoints_of(platform)
        after["pids"]["history"] = before["pids"]["history"]
        assert after == before


def test_the_ports_stay_from_start_to_start() -> None:
    told = []
    for _ in range(2):
        with LocalPlatform(load(**ELSEWHERE)) as platform:
            told.append(platform.endpoints)
    assert told[0] == told[1]


def test_the_web_port_is_the_one_that_is_set() -> None:
    with LocalPlatform(load(**ELSEWHERE)) as platform:
        free = int(platform.endpoints.web.rpartition(":")[2])
    with LocalPlatform(load(**ELSEWHERE, web_port=free)) as platform:
        assert platform.endpoints.web == f"http://127.0.0.1:{free}"


def test_a_second_local_on_the_folder_is_refused_and_the_first_not_disturbed() -> None:
    with LocalPlatform(load(**ELSEWHERE)) as platform:
        before = endpoints_of(platform)
        with pytest.raises(SettingError, match=rf"^STATE_DIR: {platform.state_dir} is in use"):
            LocalPlatform(load(**ELSEWHERE)).start()
        assert endpoints_of(platform) == before


def test_a_role_with_a_wrong_setting_ends_local_with_its_line() -> None:
    platform = LocalPlatform(load(**ELSEWHERE, app_id="wrong"))
    with pytest.raises(SettingError, match=r"^KAFKA_BOOTSTRAP_SERVERS: nobody answers at kafka.example:9092$"):
        platform.start()
    assert not (platform.state_dir / "endpoints.json").exists()
    with LocalPlatform(load(**ELSEWHERE)):  # the folder was given up
        pass


def test_run_local_ends_when_told() -> None:
    stop = threading.Event()
    events: list[str] = []
    told: list[Endpoints] = []

    def ready(endpoints: Endpoints) -> None:
        told.append(endpoints)
        stop.set()

    run_local(load(**ELSEWHERE), stop=stop, on_event=events.append, on_ready=ready)
    assert told
    assert events[0] == "starting simulator, coordinator, history, live"
    # The keepers tell of their services from threads of their own, so the last word may be one of theirs.
    assert "stopping" in events


RUN = """
import sys
from app.local import roles, simulated
from app.local.platform import run_local
from app.settings import load
roles.PROGRAM = simulated.PROGRAM = tuple(sys.argv[1:])
run_local(load())
"""


def run_as_process(tmp_path: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    environment = os.environ | {name.upper(): value for name, value in ELSEWHERE.items()}
    process = subprocess.Popen([sys.executable, "-c", RUN, *PROGRAM], env=environment, start_new_session=True)
    endpoints = tmp_path / "state/endpoints.json"
    eventually(endpoints.exists, within=20, what="endpoints.json")
    children = json.loads((tmp_path / "state/children.json").read_text())
    return process, [entry["pid"] for entry in children.values()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_stops_everything(tmp_path: Path, number: signal.Signals) -> None:
    process, children = run_as_process(tmp_path)
    os.killpg(process.pid, number)  # as a terminal does: the children are in sessions of their own
    assert process.wait(10) == 0
    assert len(children) == 4
    assert all(is_gone(pid) for pid in children)
    assert not (tmp_path / "state/endpoints.json").exists()


def test_kill_9_leaves_nothing_and_the_next_start_works(tmp_path: Path) -> None:
    process, children = run_as_process(tmp_path)
    process.kill()
    process.wait()
    eventually(lambda: all(is_gone(pid) for pid in children), what="the children's end")
    with LocalPlatform(load(**ELSEWHERE)) as platform:
        assert endpoints_of(platform)["pids"]["coordinator"] not in children


def test_a_web_server_that_listens_everywhere_is_reached_at_home() -> None:
    assert web_url("0.0.0.0", 1) == "http://127.0.0.1:1"
    assert web_url("::", 1) == "http://[::1]:1"
    assert web_url("10.0.0.7", 1) == "http://10.0.0.7:1"
