"""The embedded schema registry: Apicurio Registry, by its Confluent-compatible API."""

from __future__ import annotations

from app.local.jars import JarStore
from app.local.jvm import JvmService, java_environment
from app.local.ports import LOOPBACK, KeptPorts
from app.local.probe import http_status
from app.local.service import Service
from app.local.state import StateDir

NAME = "registry"
_API = "/apis/ccompat/v7"


class EmbeddedRegistry:
    """The registry on a state folder: a schema keeps its id from start to start."""

    def __init__(self, state: StateDir, ports: KeptPorts, jars: JarStore) -> None:
        self._state = state
        self._jars = jars
        self._folder = state.folder("registry")
        self._port = ports.port("registry")

    @property
    def url(self) -> str:
        """The base URL of the Confluent-compatible API."""
        return f"http://{LOOPBACK}:{self._port}{_API}"

    def service(self) -> Service:
        return Service(
            name=NAME,
            command=self._prepare,
            log=self._state.log(NAME),
            ready=lambda: http_status(f"{self.url}/subjects") == 200,
            environment=java_environment(),
            # Quarkus would read `.env` and `config/` of whatever folder the user is in.
            folder=self._folder,
            ready_within=90,
            grace=5,
        )

    def _prepare(self) -> list[str]:
        return JvmService(
            name=NAME,
            program=("-jar", str(self._jars.registry() / "quarkus-run.jar")),
            logs=self._state.logs,
            tmp=self._state.tmp,
            heap_mb=256,
            properties={
                "quarkus.http.host": LOOPBACK,
                "quarkus.http.port": str(self._port),
                # Cannot be switched off at run time; by default it listens to everybody, on one port for all.
                "quarkus.management.host": LOOPBACK,
                "quarkus.management.port": "0",
                "quarkus.http.access-log.enabled": "false",
                "quarkus.banner.enabled": "false",
                # WRITE_DELAY: what was acknowledged is in the file, so that a killed registry forgets no id.
                "apicurio.datasource.url": "jdbc:h2:file:./schemas;WRITE_DELAY=0",
                # Its default is to accept any change of a schema; Confluent's is this one.
                "apicurio.rules.global.compatibility": "BACKWARD",
            },
        ).command()
