"""``python -m app local`` as a process of its own, as a user starts it, and a further worker beside it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil  # type: ignore[import-untyped]

from app.errors import LocalServiceError
from app.local import simulated
from app.local.children import Child
from app.local.platform import ENDPOINTS
from app.local.roles import environment_of, web_url
from app.settings import ROLES, Settings, load
from bench.ports import free_port, web_ports
from bench.services import ROOT
from bench.waiting import until_ready

_LONGEST, _LOOK_EVERY = 180.0, 0.02
#: What the whole platform is called beside its parts.
SUPERVISOR = "local"


@dataclass(frozen=True)
class Local:
    """What runs. ``seconds``: from the program's start until every role says that it is ready."""

    settings: Settings
    endpoints: dict[str, Any]
    child: Child
    seconds: float

    def processes(self) -> dict[str, psutil.Process]:
        """Those of the roles and services, and of the supervisor itself."""
        found = {name: psutil.Process(pid) for name, pid in self.endpoints["pids"].items()}
        supervisor = psutil.Process(self.child.pid)
        others = [one for one in supervisor.children(recursive=True) if one not in found.values()]
        (simulator,) = (one for one in others if simulated.NAME in one.cmdline())
        return found | {simulated.NAME: simulator, SUPERVISOR: supervisor}

    @contextmanager
    def worker(self, folder: Path) -> Iterator[float]:
        """Within, one more history worker runs; seconds from its start until it says that it is ready."""
        places = {
            "kafka_bootstrap_servers": self.endpoints["kafka"],
            "schema_registry_url": self.endpoints["registry"],
            "theta_url": self.endpoints["theta_http"],
            "theta_ws_url": self.endpoints["theta_ws"],
            "history_web_port": free_port(),
        }
        settings = self.settings.model_copy(update=places)
        command = [sys.executable, "-m", "app", "worker", "--role", "history"]
        begun = time.perf_counter()
        child = Child.start(command, log=folder / "worker.log", environment=environment_of(settings), folder=ROOT)
        try:
            urls = [web_url(settings.web_host, settings.history_web_port)]
            until_ready(urls, ended(child, folder / "worker.log"))
            yield time.perf_counter() - begun
        finally:
            child.stop(15)


@contextmanager
def local(folder: Path) -> Iterator[Local]:
    """Within, ``local`` runs on a state folder; the jars have to be there (or the download is in its seconds)."""
    settings = load(state_dir=folder / "state", **web_ports())
    log = folder / "local.log"
    urls = [web_url(settings.web_host, settings.web_port_of(role)) for role in ROLES]
    begun = time.perf_counter()
    command = [sys.executable, "-m", "app", "local"]
    child = Child.start(command, log=log, environment=environment_of(settings), folder=ROOT)
    try:
        until_ready(urls, ended(child, log))
        seconds = time.perf_counter() - begun
        yield Local(settings, _endpoints(settings.state_dir), child, seconds)
    finally:
        child.stop(30)


def _endpoints(state_dir: Path) -> dict[str, Any]:
    """What ``local`` writes once it has seen itself that all is ready."""
    deadline = time.monotonic() + _LONGEST
    while time.monotonic() < deadline:
        try:
            found: dict[str, Any] = orjson.loads((state_dir / ENDPOINTS).read_bytes())
        except (OSError, ValueError):
            time.sleep(_LOOK_EVERY)
        else:
            return found
    raise LocalServiceError("local does not say where its services are")


def ended(child: Child, log: Path) -> Callable[[], str | None]:
    """Tells what a child that is no more has logged last."""
    return lambda: log.read_text("utf-8", "replace")[-2000:] if child.exit_code() is not None else None
