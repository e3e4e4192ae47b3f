"""The processes of a platform, to be killed, frozen and woken: roles, broker and registry."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
from harness import Platform, until

from app.local.children import started_at
from app.settings import Role

#: Seconds that a process may take to come back on a machine that is busy with other things.
PATIENCE = 90.0


@dataclass(frozen=True)
class Process:
    """A supervised process: it is started again whenever it ends. ``pid_of`` tells the present one's id."""

    name: str
    log: Path
    pid_of: Callable[[], int]

    @property
    def pid(self) -> int:
        return self.pid_of()

    def send(self, number: signal.Signals) -> int:
        """Send a signal; the id of the process that got it."""
        pid = self.pid
        os.kill(pid, number)
        return pid

    def kill(self) -> None:
        """kill -9, and wait until another process has taken its place."""
        self.followed(self.send(signal.SIGKILL))

    def followed(self, pid: int) -> None:
        """Wait until another process than this one has its place."""
        until(f"another {self.name}", lambda: self.pid != pid, PATIENCE)

    def ended(self, timeout: float) -> float:
        """Seconds until the present process has ended, of which it is asked to by SIGTERM."""
        pid = self.pid
        mark, begun = started_at(pid), time.monotonic()
        os.kill(pid, signal.SIGTERM)
        until(f"{self.name} to end", lambda: started_at(pid) != mark, timeout)
        return time.monotonic() - begun

    def text(self) -> str:
        """Everything that it and its predecessors have logged."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


@dataclass(frozen=True)
class Worker(Process):
    """A process of a role, with a web port of its own."""

    role: Role
    port: int

    def get(self, path: str, timeout: float = 2) -> httpx.Response | None:
        """What it answers; None when nobody does."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=timeout, trust_env=False)
        except httpx.TransportError:
            return None

    @property
    def is_ready(self) -> bool:
        response = self.get("/health/ready")
        return response is not None and response.status_code == 200

    def ready(self) -> None:
        """Wait until it does its work."""
        until(f"{self.name} to be ready", lambda: self.is_ready, PATIENCE)

    def metric(self, name: str) -> float | None:
        """One of its metrics; None when it does not answer."""
        response = self.get("/metrics")
        found = response and re.search(rf"^{name}(?:_total)? (\S+)$", response.text, re.MULTILINE)
        return float(found[1]) if found else None


def process_of(platform: Platform, name: str) -> Process:
    """One of the platform's own processes: ``broker`` or ``registry``."""
    return Process(name, _log(platform, name), lambda: _pid(platform, name))


def worker_of(platform: Platform, role: Role) -> Worker:
    """The platform's own process of a role."""
    port = platform.local.settings.web_port_of(role)
    return Worker(role, _log(platform, role), lambda: _pid(platform, role), role, port)


def _log(platform: Platform, name: str) -> Path:
    return platform.local.state_dir / "logs" / f"{name}.log"


def _pid(platform: Platform, name: str) -> int:
    return int(json.loads((platform.local.state_dir / "endpoints.json").read_text())["pids"][name])
