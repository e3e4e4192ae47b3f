"""The broker's command line and settings, without a broker; and what its folder keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.local.jars import JarStore
from app.local.kafka import EmbeddedKafka, answers
from app.local.ports import KeptPorts
from app.local.state import StateDir


class NoJars(JarStore):
    """A store whose only jar is never opened."""

    def __init__(self) -> None:
        pass

    def kafka(self) -> list[Path]:
        return [Path("/jars/kafka.jar")]


@pytest.fixture
def formatted(state: StateDir) -> StateDir:
    (state.folder("kafka") / "formatted").touch()
    return state


def settings_of(state: StateDir) -> dict[str, str]:
    text = (state.path / "kafka/server.properties").read_text("ascii")
    return dict(line.split("=", 1) for line in text.splitlines())


def test_the_broker_is_small_and_starts_quickly(formatted: StateDir) -> None:
    broker = EmbeddedKafka(formatted, KeptPorts(formatted), NoJars())
    command = broker.service().command()
    assert "-Xmx256m" in command
    assert "-XX:TieredStopAtLevel=1" in command
    assert command[-4:] == ["-cp", "/jars/kafka.jar", "kafka.Kafka", "server.properties"]
    settings = settings_of(formatted)
    assert settings["advertised.listeners"] == f"BROKER://{broker.bootstrap}"
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["log.dirs"] == "data"


def test_for_benchmarks_it_compiles_fully_and_has_more_heap(formatted: StateDir) -> None:
    command = EmbeddedKafka(formatted, KeptPorts(formatted), NoJars(), benchmark=True).service().command()
    assert "-Xmx1024m" in command
    assert "-XX:TieredStopAtLevel=1" not in command
    assert int(settings_of(formatted)["num.io.threads"]) > 2


def test_everything_the_jvm_writes_lies_in_the_state_folder(formatted: StateDir) -> None:
    command = EmbeddedKafka(formatted, KeptPorts(formatted), NoJars()).service().command()
    assert f"-Djava.io.tmpdir={formatted.tmp}" in command
    assert f"-XX:ErrorFile={formatted.logs / 'broker-crash.log'}" in command
    assert "-XX:-UsePerfData" in command


def test_a_port_where_nobody_listens_is_not_a_broker(state: StateDir) -> None:
    assert answers("127.0.0.1", KeptPorts(state).port("nobody")) is False
