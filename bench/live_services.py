"""What the live measurements run against: broker, registry, a terminal that sends what it is told, and the platform's
coordinator and live roles, each a process of its own, in a folder that is removed afterwards."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil  # type: ignore[import-untyped]

from app.errors import LocalServiceError
from app.kafka.topics import Topics
from app.local.children import Child, end_leftovers, write_down
from app.local.jars import JarStore
from app.local.kafka import EmbeddedKafka
from app.local.ports import KeptPorts
from app.local.registry import EmbeddedRegistry
from app.local.roles import environment_of, role_service, web_url
from app.local.service import Service
from app.local.state import StateDir
from app.local.supervisor import Supervisor
from app.settings import Role, Settings, load
from bench.live_frames import Stream
from bench.services import ROOT

_ROLES: tuple[Role, ...] = ("coordinator", "live")
_LONGEST = 60.0


@dataclass(frozen=True)
class LiveServices:
    """Where they are."""

    settings: Settings
    folder: Path
    supervisor: Supervisor
    http: httpx.Client

    @property
    def topics(self) -> Topics:
        return Topics(self.settings)

    def process(self, name: str) -> psutil.Process:
        """``broker``, ``terminal``, ``live`` or ``coordinator``."""
        return psutil.Process(self.supervisor.pids()[name])

    def start(self, module: str, *arguments: str, name: str) -> Child:
        """Start ``python -m module``."""
        command = [sys.executable, "-m", module, *arguments]
        log = self.folder / f"{name}.log"
        return Child.start(command, log=log, environment=environment_of(self.settings), folder=ROOT)

    def ready(self, child: Child, name: str) -> None:
        """Wait until a child says so."""
        deadline = time.monotonic() + _LONGEST
        while child.last_line() != "ready":
            if child.exit_code() is not None or time.monotonic() > deadline:
                self.result(child, name)
            time.sleep(0.05)

    def result(self, child: Child, name: str) -> dict[str, Any]:
        """The JSON object in the last line of a child, once it has ended."""
        code = child.wait(_LONGEST)
        if code != 0:
            text = (self.folder / f"{name}.log").read_text("utf-8", "replace")
            raise LocalServiceError(f"{name} ended with code {code}: {text[-2000:]}")
        found: dict[str, Any] = orjson.loads(child.last_line())
        return found

    # --- the terminal -----------------------------------------------------------------------------------------

    def send(self, of: Sequence[Stream], rate: int, seconds: float) -> int:
        """Have the terminal send events; the first one's time, milliseconds since 1970."""
        body = {"streams": [(one.symbol, one.what) for one in of], "rate": rate, "seconds": seconds}
        answer = self.http.post(f"{self.settings.theta_url}/run", json=body, timeout=120).raise_for_status()
        return int(answer.json()["begin"])

    def sent(self) -> dict[str, Any]:
        """How the sending went; waits for its end."""
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.http.get(f"{self.settings.theta_url}/run").json()
            if found:
                return found
            time.sleep(0.2)
        raise LocalServiceError("the terminal does not come to an end")

    # --- the platform -----------------------------------------------------------------------------------------

    @property
    def web(self) -> str:
        return web_url(self.settings.web_host, self.settings.web_port)

    def subscribe(self, of: Sequence[Stream]) -> None:
        """Subscribe to all day long, and wait until every topic is live."""
        hours = {"start_time": "00:00:00", "end_time": "23:59:59"}
        for what in ("trade", "quote"):
            tickers = [one.symbol for one in of if one.what == what]
            if tickers:
                body = {"tickers": tickers, "schema": what, **hours}
                self.http.post(f"{self.web}/live/stock", json=body).raise_for_status()
        wanted = {one.topic for one in of}
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            told = self.http.get(f"{self.web}/live").json()
            if wanted <= {one["topic"] for one in told if one["state"] == "live"}:
                return
            time.sleep(0.1)
        raise LocalServiceError("the topics do not get live")

    def unsubscribe(self, of: Sequence[Stream]) -> None:
        for one in of:
            self.http.delete(f"{self.web}/live/{one.topic}").raise_for_status()

    def counters(self) -> dict[str, float]:
        """The live role's metrics."""
        url = web_url(self.settings.web_host, self.settings.live_web_port)
        lines = self.http.get(f"{url}/metrics").text.splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if line.startswith("fdp_")]
        return {name: float(value) for name, value in pairs}


@contextmanager
def live_services(say: Callable[[str], None]) -> Iterator[LiveServices]:
    """Everything up and ready. The broker is the one that other measurements use, too."""
    with tempfile.TemporaryDirectory(prefix="fdp-bench-") as temporary:
        folder = Path(temporary)
        state = StateDir(folder)
        try:
            end_leftovers(state)
            given = load(state_dir=folder)
            jars, ports = JarStore.of(given, say), KeptPorts(state)
            broker = EmbeddedKafka(state, ports, jars, benchmark=True)
            registry = EmbeddedRegistry(state, ports, jars)
            rest, stream = ports.port("terminal-rest"), ports.port("terminal-stream")
            settings = given.model_copy(
                update={
                    "kafka_bootstrap_servers": broker.bootstrap,
                    "schema_registry_url": registry.url,
                    "theta_url": f"http://127.0.0.1:{rest}",
                    "theta_ws_url": f"ws://127.0.0.1:{stream}/v1/events",
                    "web_port": ports.port("web_port"),
                    "live_web_port": ports.port("live_web_port"),
                    "series_partitions": 16,
                }
            )
            terminal = Service(
                name="terminal",
                command=lambda: (sys.executable, "-m", "bench.live_terminal", str(rest), str(stream)),
                log=state.log("terminal"),
                ready=lambda: _answers(settings.theta_url),
                environment=environment_of(settings),
                folder=ROOT,
            )
            roles = [role_service(role, settings, state) for role in _ROLES]
            supervisor = Supervisor(
                [broker.service(), registry.service(), terminal, *roles],
                on_event=say,
                on_pids=lambda pids, _ready: write_down(state, pids),
            )
            try:
                supervisor.start()
                supervisor.wait_ready()
                with httpx.Client(timeout=60, trust_env=False) as http:
                    yield LiveServices(settings, folder, supervisor, http)
            finally:
                supervisor.stop()
        finally:
            state.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v3/terminal/mdds/status", trust_env=False, timeout=1).status_code == 200
    except httpx.HTTPError:
        return False
