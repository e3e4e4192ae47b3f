"""The embedded broker: Apache Kafka itself, broker and controller (KRaft) in one JVM."""

from __future__ import annotations

import base64
import logging
import secrets
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.local.jars import JarStore
from app.local.jvm import JvmService, java_environment, run_to_end
from app.local.ports import LOOPBACK, KeptPorts
from app.local.service import Service
from app.local.state import StateDir

NAME = "broker"
_MIB = 1 << 20
_SETTINGS = "server.properties"
#: Written after a successful format: a folder formatted by half has none and is formatted anew.
_FORMATTED = "formatted"

#: Small and quick, for one machine. Names and meanings: https://kafka.apache.org/documentation/#brokerconfigs
_BROKER: Mapping[str, object] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "BROKER",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # Relative to the folder it runs in: no path to escape, and the state folder can be moved.
    "log.dirs": "data",
    "num.network.threads": 1,
    "num.io.threads": 2,
    "background.threads": 2,
    "log.cleaner.threads": 1,
    "log.cleaner.dedupe.buffer.size": 2 * _MIB,
    "log.segment.bytes": 16 * _MIB,
    "log.index.size.max.bytes": _MIB,
    "offsets.topic.num.partitions": 4,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "default.replication.factor": 1,
    "group.initial.rebalance.delay.ms": 0,
    # A typing error in a topic's name must not make a topic.
    "auto.create.topics.enable": "false",
    # After a kill -9 the broker waits for its own former registration to expire: 3 s instead of 9.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
}

#: For measuring: the small broker's few threads would be what is measured.
_BENCHMARK: Mapping[str, object] = {"num.network.threads": 3, "num.io.threads": 4, "log.segment.bytes": 256 * _MIB}

_LOG4J = """\
status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c{1})%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


@dataclass(frozen=True)
class SecuredListener:
    """A second listener beside the plain one, which stays for us. ``protocol``: ``SSL`` or ``SASL_SSL``.

    ``properties`` are the broker's for a listener, by their names without ``listener.name.secured.``; ``broker`` others
    that it needs.
    """

    protocol: str
    properties: Mapping[str, str] = field(repr=False)
    broker: Mapping[str, str] = field(default_factory=dict, repr=False)


class EmbeddedKafka:
    """The broker on a state folder. Its port and its data stay from start to start."""

    def __init__(
        self,
        state: StateDir,
        ports: KeptPorts,
        jars: JarStore,
        *,
        benchmark: bool = False,
        secured: SecuredListener | None = None,
    ) -> None:
        self._folder = state.folder("kafka")
        self._state = state
        self._jars = jars
        self._benchmark = benchmark
        self._port = ports.port("kafka")
        self._controller_port = ports.port("kafka-controller")
        self._secured = secured
        self._secured_port = ports.port("kafka-secured") if secured else 0

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    @property
    def secured_bootstrap(self) -> str:
        """The secured listener's address; empty without one."""
        return f"{LOOPBACK}:{self._secured_port}" if self._secured else ""

    def service(self) -> Service:
        return Service(
            name=NAME,
            command=self._prepare,
            log=self._state.log(NAME),
            ready=lambda: answers(LOOPBACK, self._port),
            environment=java_environment(),
            folder=self._folder,
            ready_within=90,
            grace=5,
        )

    def _prepare(self) -> list[str]:
        """Check the jars, write the settings, format the data folder if it is new; the command line."""
        class_path = ":".join(map(str, self._jars.kafka()))
        (self._folder / "log4j2.properties").write_text(_LOG4J, "ascii")
        settings = self._folder / _SETTINGS
        settings.touch(0o600)
        settings.chmod(0o600)
        settings.write_text(self._properties(), "ascii")
        if not (self._folder / _FORMATTED).exists():
            self._format(class_path)
        return self._java(class_path, "kafka.Kafka", _SETTINGS).command()

    def _java(self, class_path: str, *main: str) -> JvmService:
        return JvmService(
            name=NAME,
            program=("-cp", class_path, *main),
            logs=self._state.logs,
            tmp=self._state.tmp,
            heap_mb=1024 if self._benchmark else 256,
            properties={"log4j2.configurationFile": "log4j2.properties"},
            full_speed=self._benchmark,
        )

    def _format(self, class_path: str) -> None:
        shutil.rmtree(self._folder / "data", ignore_errors=True)  # of a format that was cut short
        arguments = ("format", "--cluster-id", self._cluster_id(), "--config", _SETTINGS)
        tool = self._java(class_path, "kafka.tools.StorageTool", *arguments)
        log = self._state.log("broker-format")
        run_to_end(tool.command(), log=log, folder=self._folder, within=60, what="formatting the broker's folder")
        (self._folder / _FORMATTED).touch()

    def _cluster_id(self) -> str:
        """Kept, so that a folder formatted by half becomes the same cluster."""
        path = self._folder / "cluster-id"
        if not path.exists():
            # 16 bytes in base64, as Kafka wants it; of hex digits, so that it never begins with a dash.
            path.write_text(base64.urlsafe_b64encode(secrets.token_hex(8).encode()).decode().rstrip("="), "ascii")
        return path.read_text("ascii")

    def _properties(self) -> str:
        addresses = {
            "listeners": f"BROKER://{self.bootstrap},CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "advertised.listeners": f"BROKER://{self.bootstrap}",
            # Static, not a quorum kept in the data: the controller's port may change between two starts.
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller_port}",
        }
        entries = {**_BROKER, **(_BENCHMARK if self._benchmark else {}), **addresses}
        if self._secured is not None:
            for name in ("listeners", "advertised.listeners"):
                entries[name] = f"{entries[name]},SECURED://{self.secured_bootstrap}"
            protocols = f"{entries['listener.security.protocol.map']},SECURED:{self._secured.protocol}"
            entries["listener.security.protocol.map"] = protocols
            entries |= {f"listener.name.secured.{name}": value for name, value in self._secured.properties.items()}
            entries |= self._secured.broker
        return "".join(f"{key}={value}\n" for key, value in entries.items())


def answers(host: str, port: int) -> bool:
    """Whether the broker answers a client's first question: who are the brokers?"""
    try:
        # Before it listens, librdkafka would only log refused connections and wait longer after each.
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": f"{host}:{port}", "socket.timeout.ms": 1000}, logger=_SILENT)
    try:
        return bool(client.list_topics(timeout=1).brokers)
    except KafkaException:
        return False


def _silent() -> logging.Logger:
    logger = logging.getLogger("app.local.kafka.probe")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


_SILENT = _silent()
