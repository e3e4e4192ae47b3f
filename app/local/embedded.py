"""The embedded broker and registry alone, without the platform's processes: for tests and measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.local.children import end_leftovers, write_down
from app.local.jars import JarStore
from app.local.kafka import EmbeddedKafka, SecuredListener
from app.local.ports import KeptPorts
from app.local.registry import EmbeddedRegistry
from app.local.state import StateDir
from app.local.supervisor import Supervisor
from app.settings import Settings, load


@dataclass(frozen=True)
class EmbeddedServices:
    """Where they are, and their supervisor (``pids()`` for who wants to kill one); ``secured`` is the broker's second
    listener, if it has one."""

    bootstrap: str
    registry_url: str
    supervisor: Supervisor
    secured: str = ""


@contextmanager
def embedded_services(
    folder: Path,
    settings: Settings | None = None,
    *,
    benchmark: bool = False,
    secured: SecuredListener | None = None,
    on_event: Callable[[str], None] = lambda _: None,
) -> Iterator[EmbeddedServices]:
    """Run broker and registry on a state folder; a second time on the same folder goes on with its data.

    ``benchmark``: a broker with the optimising compiler, more heap and more threads; ``secured``: one that listens a
    second time. Raises ``LocalServiceError`` if they cannot be fetched or started, ``SettingError`` if the folder is
    in use.
    """
    state = StateDir(folder)
    try:
        end_leftovers(state)
        state.clear_tmp()
        jars, ports = JarStore.of(settings or load(), on_event), KeptPorts(state)
        broker = EmbeddedKafka(state, ports, jars, benchmark=benchmark, secured=secured)
        registry = EmbeddedRegistry(state, ports, jars)
        supervisor = Supervisor(
            [broker.service(), registry.service()],
            on_event=on_event,
            on_pids=lambda pids, _ready: write_down(state, pids),
        )
        try:
            supervisor.start()
            supervisor.wait_ready()
            yield EmbeddedServices(broker.bootstrap, registry.url, supervisor, broker.secured_bootstrap)
        finally:
            supervisor.stop()
    finally:
        state.close()
