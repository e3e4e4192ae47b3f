"""The `local` command's body: the whole platform on this machine, as far as the environment does not name it.

```
broker ────┐
           ├──> coordinator, history, live     started once both answer
registry ──┘
simulator                                started at once, like the two above
```
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from app.errors import SettingError
from app.local import kafka, registry
from app.local.children import end_leftovers, write_down
from app.local.jars import JarStore
from app.local.kafka import EmbeddedKafka
from app.local.ports import KeptPorts
from app.local.registry import EmbeddedRegistry
from app.local.roles import environment_of, role_service, web_port, web_url
from app.local.service import Service
from app.local.simulated import SimulatedTerminal
from app.local.state import StateDir
from app.local.supervisor import Supervisor
from app.security.addresses import shown
from app.settings import ROLES, Settings

ENDPOINTS = "endpoints.json"
#: One machine needs no more, and each costs its part of the start.
SERIES_PARTITIONS = 16
_PIDS = (kafka.NAME, registry.NAME, "coordinator", "history", "live")


@dataclass(frozen=True)
class Endpoints:
    """Where the services are. ``registry`` is the base URL of the Confluent-compatible API."""

    web: str
    kafka: str
    registry: str
    theta_http: str
    theta_ws: str

    def as_json(self, pids: Mapping[str, int]) -> dict[str, Any]:
        """The contents of endpoints.json; a service that was not started here has no pid."""
        return {**asdict(self), "pids": {name: pids.get(name) for name in _PIDS}}


class LocalPlatform:
    """Everything that `local` runs, on one state folder. Also a context manager: started inside, stopped after.

    What the settings name is used (``KAFKA_BOOTSTRAP_SERVERS``, ``SCHEMA_REGISTRY_URL``, ``THETA_URL``), what
    they do not name is brought up. No process started here outlives this one.
    """

    def __init__(self, settings: Settings, on_event: Callable[[str], None] = lambda _: None) -> None:
        self._given = settings
        self._on_event = on_event
        self._state: StateDir | None = None
        self._supervisor: Supervisor | None = None
        self._endpoints: Endpoints | None = None
        self._settings: Settings | None = None

    @property
    def endpoints(self) -> Endpoints:
        """Where the services are; known from ``start`` on."""
        assert self._endpoints is not None, "the platform was not started"
        return self._endpoints

    @property
    def settings(self) -> Settings:
        """The settings that the roles run with: those given, with every address filled in."""
        assert self._settings is not None, "the platform was not started"
        return self._settings

    @property
    def state_dir(self) -> Path:
        return self._given.state_dir.expanduser().absolute()

    def start(self, interrupted: threading.Event | None = None) -> bool:
        """Bring everything up; True once all is ready, False if ``interrupted`` was set before (``stop`` it then).

        Raises ``SettingError`` (a wrong setting, a state folder in use) or ``LocalServiceError``; nothing runs
        any more then.
        """
        try:
            self._begin()
            assert self._supervisor is not None
            return self._supervisor.wait_ready(interrupted)
        except BaseException:
            self.stop()
            raise

    def wait(self, interrupted: threading.Event) -> None:
        """Wait until ``interrupted``; raises ``LocalServiceError`` when a service cannot be kept running."""
        assert self._supervisor is not None, "the platform was not started"
        self._supervisor.wait(interrupted)

    def raise_failure(self) -> None:
        """Raise what ended the supervision, if something did: for who does something else than ``wait``."""
        if self._supervisor is not None:
            self._supervisor.raise_failure()

    def stop(self) -> None:
        """Stop everything, roles first, and give the state folder up. May be called twice."""
        if self._supervisor is not None:
            self._supervisor.stop()
        if self._state is not None:
            self._state.remove(ENDPOINTS)
            self._state.close()
            self._state = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _begin(self) -> None:
        self._state = state = StateDir(self._given.state_dir)
        state.remove(ENDPOINTS)  # of a run that was killed
        if left := end_leftovers(state):
            self._on_event(f"ended what a former run left behind: {', '.join(left)}")
        state.clear_tmp()
        services = self._plan(state)
        self._supervisor = Supervisor(services, on_event=self._on_event, on_pids=self._write)
        self._on_event(f"starting {', '.join(service.name for service in services)}")
        self._supervisor.start()

    def _plan(self, state: StateDir) -> list[Service]:
        """What to start; fills in the endpoints and the roles' settings."""
        given, ports, services = self._given, KeptPorts(state), []
        values: dict[str, Any] = dict(web_port(role, given, ports) for role in ROLES)
        if not given.is_set("series_partitions"):
            values["series_partitions"] = SERIES_PARTITIONS
        jars = JarStore.of(given, self._on_event)
        if not given.is_set("kafka_bootstrap_servers"):
            if given.kafka_security_protocol != "PLAINTEXT":
                why = f"is {given.kafka_security_protocol}, and the embedded broker speaks PLAINTEXT"
                raise SettingError("KAFKA_SECURITY_PROTOCOL", f"{why}; name brokers in KAFKA_BOOTSTRAP_SERVERS")
            broker = EmbeddedKafka(state, ports, jars)
            values["kafka_bootstrap_servers"] = broker.bootstrap
            services.append(broker.service())
        if not given.is_set("schema_registry_url"):
            schemas = EmbeddedRegistry(state, ports, jars)
            values["schema_registry_url"] = schemas.url
            services.append(schemas.service())
        if not given.is_set("theta_url"):
            tier = given.theta_tier if given.is_set("theta_tier") else None
            simulator = SimulatedTerminal(state, ports, environment_of(given), tier)
            values["theta_url"] = simulator.url
            if not given.is_set("theta_ws_url"):
                values["theta_ws_url"] = simulator.ws_url
            services.append(simulator.service())
        # model_copy marks what it updates as given, so that environment_of hands it on.
        self._settings = chosen = given.model_copy(update=values)
        self._endpoints = Endpoints(
            web=web_url(chosen.web_host, chosen.web_port),
            kafka=chosen.kafka_bootstrap_servers,
            registry=shown(chosen.schema_registry_url),
            theta_http=shown(chosen.theta_url),
            theta_ws=shown(chosen.theta_ws_url),
        )
        return services + [role_service(role, chosen, state) for role in ROLES]

    def _write(self, pids: Mapping[str, int], ready: bool) -> None:
        assert self._state is not None
        write_down(self._state, pids)
        if ready:
            self._state.write(ENDPOINTS, self.endpoints.as_json(pids))


def run_local(
    settings: Settings,
    *,
    stop: threading.Event | None = None,
    on_event: Callable[[str], None] = print,
    on_ready: Callable[[Endpoints], None] = lambda _: None,
) -> None:
    """Run the platform until SIGINT, SIGTERM, SIGHUP or ``stop``.

    Raises ``SettingError`` (exit code 2) or ``LocalServiceError`` (exit code 1); both after everything was
    stopped.
    """
    stop = stop or threading.Event()
    with signals_set(stop):
        platform = LocalPlatform(settings, on_event)
        try:
            if platform.start(stop):
                on_ready(platform.endpoints)
                platform.wait(stop)
            on_event("stopping")
        finally:
            platform.stop()


@contextmanager
def signals_set(event: threading.Event) -> Iterator[None]:
    """Within, the signals that end a program set ``event`` instead (in the main thread; others get none)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(_number: int, _frame: FrameType | None) -> None:
        event.set()

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
