"""A platform of its own to be broken: broker, registry, terminal, and several workers of a role on one cluster."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from harness import Platform, free_port, port_setting, until, web_ports
from workers import PATIENCE, Process, Worker, process_of, worker_of

from app.local.platform import LocalPlatform
from app.local.roles import role_service
from app.local.state import StateDir
from app.local.supervisor import Supervisor
from app.settings import Role, Settings
from simulator.clock import MarketClock
from simulator.server import Simulator

#: Seconds that a series of these tests waits for a terminal that does not answer.
THETA_WAIT = 600


class Coordinators(httpx.Client):
    """A client of whichever coordinator lives: who gets no answer asks the next one, as behind a load balancer."""

    def __init__(self) -> None:
        super().__init__(timeout=30, trust_env=False)
        self.ports: list[int] = []

    def request(self, method: str, url: httpx.URL | str, **given: Any) -> httpx.Response:
        if not str(url).startswith("/"):
            return super().request(method, url, **given)
        deadline = time.monotonic() + PATIENCE
        while True:
            for port in list(self.ports):
                try:
                    response = super().request(method, f"http://127.0.0.1:{port}{url}", **given)
                except httpx.TransportError:
                    response = None
                if response is not None and (response.status_code < 500 or time.monotonic() > deadline):
                    return response
                # The next one first, from now on: what one has just told, another may not have read yet.
                if self.ports[0] == port:
                    self.ports = [*self.ports[1:], port]
            if time.monotonic() > deadline:
                raise httpx.ConnectError(f"no coordinator answers {method} {url}")
            time.sleep(0.1)


class Terminal:
    """The simulator on two ports that stay its own while it is away."""

    def __init__(self) -> None:
        self.clock = MarketClock()
        self._http_port, self._ws_port = free_port(), free_port()
        self._running = ExitStack()
        self.simulator = self.open()

    def open(self) -> Simulator:
        """Begin to answer, as a terminal that was started again."""
        started = Simulator.in_thread(
            seed=7, tier="pro", clock=self.clock, http_port=self._http_port, ws_port=self._ws_port
        )
        self.simulator = self._running.enter_context(started)
        return self.simulator

    def close(self) -> None:
        """Be away: nobody listens, what was asked is dropped."""
        self._running.close()


@dataclass
class Crew:
    """A platform and its extra workers. ``workers`` by name; those of a role share its partitions."""

    platform: Platform
    terminal: Terminal
    workers: dict[str, Worker]
    broker: Process
    registry: Process
    #: What the supervisors say, such as how a process ended.
    events: list[str]
    #: Sessions of the live market, none of which comes again: a live topic keeps what it was once brought.
    days: Iterator[str]
    _state: StateDir
    _supervisors: dict[str, Supervisor] = field(default_factory=dict)
    _numbers: dict[str, Iterator[int]] = field(default_factory=lambda: defaultdict(lambda: itertools.count(2)))

    def of(self, role: Role) -> list[Worker]:
        """The workers of a role."""
        return [worker for worker in self.workers.values() if worker.role == role]

    def join(self, *roles: Role) -> list[Worker]:
        """Start one more worker of each of these roles; they are ready."""
        joined = [self._start(role) for role in roles]
        for worker in joined:
            worker.ready()
        return joined

    def leave(self, worker: Worker) -> None:
        """Stop a worker that joined, for good, as an operator does: with SIGTERM."""
        del self.workers[worker.name]
        self._tell()
        self._supervisors.pop(worker.name).stop()

    def ready(self) -> None:
        """Wait until every worker does its work."""
        for worker in self.workers.values():
            worker.ready()

    def away(self) -> None:
        """Take the terminal away."""
        self.terminal.close()

    def back(self) -> None:
        """Bring the terminal back."""
        self.platform.simulator = self.terminal.open()

    def stop(self) -> None:
        for supervisor in self._supervisors.values():
            supervisor.stop()
        self._state.close()

    def _start(self, role: Role) -> Worker:
        name, port = f"{role}-{next(self._numbers[role])}", free_port()
        # Those that join write history the other way, so that each way takes over from the other.
        other = {port_setting(role): port, "history_writer": "batches"}
        settings = self.platform.local.settings.model_copy(update=other)
        service = replace(role_service(role, settings, self._state), name=name, log=self._state.log(name), after=())
        supervisor = Supervisor([service], on_event=self.events.append)
        supervisor.start()
        self._supervisors[name] = supervisor
        until(f"{name} to be started", lambda: supervisor.pids().get(name), PATIENCE)
        worker = Worker(name, service.log, lambda: supervisor.pids()[name], role, port)
        self.workers[name] = worker
        self._tell()
        return worker

    def _tell(self) -> None:
        http = self.platform.http
        assert isinstance(http, Coordinators)
        http.ports = [worker.port for worker in self.of("coordinator")]


@contextmanager
def crew_on(folder: Path) -> Iterator[Crew]:
    """A platform on a folder of its own, with two coordinators and two history workers."""
    terminal, events = Terminal(), list[str]()
    settings = Settings(
        theta_url=terminal.simulator.url,
        theta_ws_url=terminal.simulator.ws_url,
        theta_wait=THETA_WAIT,
        theta_tier="pro",
        state_dir=folder / "local",
        **web_ports(),  # type: ignore[arg-type]
    )
    local = LocalPlatform(settings, events.append)
    with ExitStack() as stack:
        stack.callback(terminal.close)
        stack.callback(local.stop)
        local.start()
        http = stack.enter_context(Coordinators())
        platform = Platform(local, terminal.simulator, http, local.endpoints.kafka, local.endpoints.registry)
        workers = {role: worker_of(platform, role) for role in ("coordinator", "history", "live")}
        extra = StateDir(folder / "extra")
        days = (f"2024-05-{day}" for day in (14, 15, 16, 17, 20, 21, 22, 23, 24, 28, 29, 30, 31))
        broker, registry = process_of(platform, "broker"), process_of(platform, "registry")
        crew = Crew(platform, terminal, workers, broker, registry, events, days, extra)
        stack.callback(crew.stop)
        crew.join("coordinator", "history")
        yield crew
