"""Children: started, stopped, and never left behind, however their parent ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.local.children import Child, end_leftovers, started_at, write_down
from app.local.jvm import JvmService, java_environment
from app.local.state import StateDir

from .conftest import STAND_IN, eventually, is_gone

#: Does not listen to SIGTERM.
DEAF = STAND_IN.replace("pathlib.Path", "signal.signal(15, signal.SIG_IGN); pathlib.Path").replace(
    "signal.pause()", "[signal.pause() for _ in range(9)]"
)


def start(tmp_path: Path, code: str) -> Child:
    mark = tmp_path / "mark"
    command = [sys.executable, "-S", "-c", code, str(mark)]
    child = Child.start(command, log=tmp_path / "log", environment=dict(os.environ), folder=tmp_path)
    eventually(lambda: mark.exists() or child.exit_code() is not None)
    return child


def test_a_child_ends_when_asked(tmp_path: Path) -> None:
    child = start(tmp_path, STAND_IN)
    assert child.exit_code() is None
    child.stop(grace=10)
    assert child.exit_code() == -signal.SIGTERM


def test_a_child_that_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    child = start(tmp_path, DEAF)
    child.stop(grace=0.1)
    assert child.exit_code() == -signal.SIGKILL


def test_a_child_has_a_session_of_its_own(tmp_path: Path) -> None:
    child = start(tmp_path, STAND_IN)
    assert os.getsid(child.pid) == child.pid != os.getsid(0)
    child.stop(grace=5)


def test_a_childs_output_is_appended_and_its_last_line_found(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("of the former run\n")
    silent = start(tmp_path, "pass")
    silent.wait()
    assert silent.last_line() == ""
    child = start(tmp_path, "import sys; print('one'); print('two\\n', file=sys.stderr); sys.exit(7)")
    assert child.wait(10) == 7
    assert child.last_line() in ("one", "two")  # stdout and stderr share the file, not a buffer
    assert (tmp_path / "log").read_text().startswith("of the former run\n")


def test_a_program_that_does_not_exist_says_so_in_the_log(tmp_path: Path) -> None:
    child = Child.start(["/no/such/program"], log=tmp_path / "log", environment={}, folder=None)
    assert child.wait(10) == 1
    assert child.last_line() == "/no/such/program cannot be run: No such file or directory"


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_the_parents_kill_9_ends_the_children(tmp_path: Path) -> None:
    parent_code = f"""
import os, pathlib, signal, threading
from app.local.children import Child
def start(i):
    print(Child.start([{sys.executable!r}, "-S", "-c", {DEAF!r}, f"{tmp_path}/mark{{i}}"],
        log=pathlib.Path("{tmp_path}/log"), environment=dict(os.environ), folder=None).pid, flush=True)
starter = threading.Thread(target=start, args=(0,)); starter.start(); starter.join()  # that thread is no more
start(1)
signal.pause()
"""
    parent = subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(parent.stdout.readline()) for _ in range(2)]
    eventually(lambda: all((tmp_path / f"mark{i}").exists() for i in range(2)))
    assert not any(is_gone(pid) for pid in children)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: all(is_gone(pid) for pid in children), what="the children's end")


def test_leftovers_of_a_former_run_are_ended(state: StateDir, tmp_path: Path) -> None:
    child = start(tmp_path, DEAF)
    write_down(state, {"broker": child.pid})
    assert end_leftovers(state) == ["broker"]
    assert child.wait(0) == -signal.SIGKILL
    assert end_leftovers(state) == []


def test_a_recycled_pid_is_not_killed(state: StateDir, tmp_path: Path) -> None:
    child = start(tmp_path, STAND_IN)
    state.write("children.json", {"broker": {"pid": child.pid, "started": "long ago"}})
    assert end_leftovers(state) == []
    assert child.exit_code() is None
    child.stop(grace=5)


def test_the_time_of_start_tells_processes_apart(tmp_path: Path) -> None:
    child = start(tmp_path, STAND_IN)
    assert started_at(child.pid) == started_at(child.pid) is not None
    child.stop(grace=5)
    assert started_at(child.pid) is None


def test_a_jvm_service_is_a_command_line_for_the_packaged_java(tmp_path: Path) -> None:
    service = JvmService("x", ("-jar", "x.jar"), logs=tmp_path, tmp=tmp_path, heap_mb=64, properties={"a": "b c"})
    command = service.command()
    assert Path(command[0]).name == "java"
    assert command[-3:] == ["-Da=b c", "-jar", "x.jar"]
    assert "-XX:TieredStopAtLevel=1" in command
    assert subprocess.run([command[0], *command[1:-3], "-version"], env=java_environment(), check=False).returncode == 0


def test_a_jvm_does_not_inherit_what_would_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx1m")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    assert not {"JAVA_TOOL_OPTIONS", "LOG_LEVEL"} & set(java_environment())
