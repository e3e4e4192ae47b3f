"""A folder that has all a start needs, a Java of our own, and a launcher as a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PATIENCE = 30.0
PASSWORD = "correct-horse"
API_KEY = "td1_0123456789abcdef"

_JAVA = """\
#!{python} -S
import json, os, signal, sys, time
def say(text): os.write(1, (text + "\\n").encode())  # print() does not bear a signal in its middle
with open("told.part", "w") as told:
    json.dump(dict(arguments=sys.argv[1:], environment=dict(os.environ), folder=os.getcwd(), pid=os.getpid()), told)
os.rename("told.part", "told.json")
{body}
"""


def until(holds: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait for a condition with a deadline; what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "still not so"
        time.sleep(0.005)
    return found


def free_ports(count: int) -> list[int]:
    """Ports that nobody has."""
    tried = [socket.socket() for _ in range(count)]
    try:
        for one in tried:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in tried]
    finally:
        for one in tried:
            one.close()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but is not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Running:
    """A launcher as a process; ``lines`` are what it and its Java have printed so far."""

    def __init__(self, environment: dict[str, str], command: list[str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def until_said(self, words: str) -> None:
        until(lambda: words in self.output or self.process.poll() is not None)
        assert words in self.output, self.output

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, seconds: float = PATIENCE) -> int:
        """Its exit code, once all that it printed is read."""
        code = self.process.wait(seconds)
        self._reading.join(seconds)
        assert "Traceback" not in self.output, self.output
        return code


class Place:
    """What a start finds; each test changes what it is about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.credentials = folder / "credentials"
        self.credentials.write_text(f"me@example.com\n{PASSWORD}\n")
        self.jar = folder / "launcher.jar"
        with zipfile.ZipFile(self.jar, "w") as made:
            made.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
        self.http_port, self.ws_port, self.proxy_http_port, self.proxy_ws_port = free_ports(4)
        config = folder / "config.toml"
        config.write_text(f"port = {self.http_port}\n[fpss]\nws_port = {self.ws_port}\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "THETA_CREDENTIALS_FILE": str(self.credentials),
            "THETA_HOME": str(self.home),
            "THETA_JAR": str(self.jar),
            "THETA_JAVA": str(folder / "java"),
            "THETA_CONFIG_FILE": str(config),
            "THETA_HTTP_PORT": str(self.http_port),
            "THETA_WS_PORT": str(self.ws_port),
            "PROXY_HOST": "127.0.0.1",
            "PROXY_HTTP_PORT": str(self.proxy_http_port),
            "PROXY_WS_PORT": str(self.proxy_ws_port),
        }
        self._running: list[Running] = []
        self.java("signal.pause()")

    def java(self, body: str) -> None:
        """What our Java does after it has written down how it was started."""
        made = self.folder / "java"
        made.write_text(_JAVA.format(python=sys.executable, body=body))
        made.chmod(0o755)

    def start(self, *before: str) -> Running:
        # Without any installed package: it needs none.
        running = Running(self.environment, [sys.executable, "-S", *(before or ("-m", "terminal"))])
        self._running.append(running)
        return running

    def told(self) -> dict[str, Any]:
        """How Java was started, once it is."""
        until((self.home / "told.json").exists)
        found: dict[str, Any] = json.loads((self.home / "told.json").read_text())
        return found

    def refused(self) -> str:
        """The one line that a start in vain says; Java was not started."""
        running = self.start()
        assert running.ended() == 2, running.output
        assert not (self.home / "told.json").exists()
        assert len(running.lines) == 1, running.output
        return running.output

    def close(self) -> None:
        for running in self._running:
            running.process.kill()
            running.process.wait()
        told = self.home / "told.json"
        if told.exists() and alive(pid := json.loads(told.read_text())["pid"]):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()
