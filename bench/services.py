"""What a measurement runs against: its own broker, registry and simulator, in a folder that is removed after it."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import orjson

from app.errors import LocalServiceError
from app.local.children import Child, end_leftovers, write_down
from app.local.jars import JarStore
from app.local.kafka import EmbeddedKafka
from app.local.ports import KeptPorts
from app.local.registry import EmbeddedRegistry
from app.local.roles import environment_of
from app.local.simulated import SimulatedTerminal
from app.local.state import StateDir
from app.local.supervisor import Supervisor
from app.settings import Settings, load
from bench.request_log import logging_requests

ROOT = Path(__file__).resolve().parent.parent
#: Both formats of every day that is asked for stay in the simulator's memory.
_CACHE_MB = 2048
_LONGEST = 1800.0


@dataclass(frozen=True)
class Services:
    """Where they are. ``settings`` have every address filled in; ``folder`` is scratch; ``pids`` tells the processes
    by name: ``broker``, ``registry``, ``simulator``."""

    settings: Settings
    folder: Path
    pids: Callable[[], Mapping[str, int]] = dict

    def run(self, module: str, *arguments: str) -> dict[str, Any]:
        """Run ``python -m module`` to its end; the JSON object in its last line."""
        line = self.run_to_end([sys.executable, "-m", module, *arguments], module, environment_of(self.settings))
        found: dict[str, Any] = orjson.loads(line)
        return found

    def run_to_end(self, command: Sequence[str], name: str, environment: dict[str, str]) -> str:
        """Run a program as a child that does not outlive us; its last line. Raises ``LocalServiceError``."""
        log = self.folder / f"{name}.log"
        child = Child.start(command, log=log, environment=environment, folder=ROOT)
        try:
            code = child.wait(_LONGEST)
        finally:
            child.stop(2)
        if code != 0:
            raise LocalServiceError(f"{name} ended with code {code}: {log.read_text('utf-8', 'replace')[-2000:]}")
        return child.last_line()


#: What sections that follow one another have together.
_SHARED: ContextVar[Services | None] = ContextVar("shared", default=None)


@contextmanager
def shared_services(say: Callable[[str], None]) -> Iterator[None]:
    """Within, ``bench_services`` gives the same ones to all that ask, for bringing them up takes ten seconds."""
    with _started(say, None) as services:
        before = _SHARED.set(services)
        try:
            yield
        finally:
            _SHARED.reset(before)


@contextmanager
def bench_services(say: Callable[[str], None], *, request_log: Path | None = None) -> Iterator[Services]:
    """Broker (with the optimising compiler and more threads than in `local`), registry and simulator.

    The simulator is a process of its own, so that it does not take its turns from the clients' interpreters. With
    ``request_log`` the broker writes a line there for every request, which makes it slow.
    """
    shared = _SHARED.get()
    if shared is not None and request_log is None:
        yield shared
        return
    with _started(say, request_log) as services:
        yield services


@contextmanager
def _started(say: Callable[[str], None], request_log: Path | None) -> Iterator[Services]:
    with tempfile.TemporaryDirectory(prefix="fdp-bench-") as temporary:
        folder = Path(temporary)
        state = StateDir(folder)
        try:
            end_leftovers(state)
            given = load(state_dir=folder)
            jars, ports = JarStore.of(given, say), KeptPorts(state)
            broker = EmbeddedKafka(state, ports, jars, benchmark=True)
            registry = EmbeddedRegistry(state, ports, jars)
            simulator = SimulatedTerminal(state, ports, environment_of(given), None)
            terminal = simulator.service()
            prepare = terminal.command
            terminal = replace(terminal, command=lambda: [*prepare(), "--cache-mb", str(_CACHE_MB)])
            kafka = broker.service()
            supervisor = Supervisor(
                [logging_requests(kafka, request_log) if request_log else kafka, registry.service(), terminal],
                on_event=say,
                on_pids=lambda pids, _ready: write_down(state, pids),
            )
            try:
                supervisor.start()
                supervisor.wait_ready()
                found = {
                    "kafka_bootstrap_servers": broker.bootstrap,
                    "schema_registry_url": registry.url,
                    "theta_url": simulator.url,
                }
                yield Services(given.model_copy(update=found), folder, supervisor.pids)
            finally:
                supervisor.stop()
        finally:
            state.close()


def exit_on_signals() -> None:
    """SIGTERM and SIGHUP end the program the way Ctrl-C does, so that everything is cleaned up."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
