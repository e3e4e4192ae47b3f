"""The embedded broker and registry for real: their settings, and that a restart finds everything again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewTopic

from app.local.children import started_at
from app.local.embedded import EmbeddedServices, embedded_services

pytestmark = pytest.mark.integration

TOPIC = "kept"
SCHEMA = {"type": "record", "name": "Kept", "fields": [{"name": "a", "type": "int"}]}
OTHER = {"type": "record", "name": "Kept", "fields": [{"name": "b", "type": "int"}]}


def eventually(condition: Callable[[], bool], what: str, within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {within} s"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    return started_at(pid) is None


def register(registry_url: str, schema: dict[str, Any]) -> tuple[int, Any]:
    """Register under the subject ``Kept``; status and answer."""
    request = urllib.request.Request(
        f"{registry_url}/subjects/Kept/versions",
        json.dumps({"schema": json.dumps(schema)}).encode(),
        {"Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def write(bootstrap: str, value: bytes) -> None:
    """One record, acknowledged, to a topic that is made if need be."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    if TOPIC not in admin.list_topics(timeout=10).topics:
        admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(10)
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    producer.produce(TOPIC, value)
    assert producer.flush(20) == 0


def read(bootstrap: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC])
    values: list[bytes] = []

    def polled() -> bool:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            values.append(message.value())
        return len(values) >= count

    try:
        eventually(polled, f"{count} records")
    finally:
        consumer.close()
    return values


RUN = """
import json, signal, sys, threading
from pathlib import Path
from app.local.embedded import embedded_services
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
with embedded_services(Path(sys.argv[1])) as services:
    pids = list(services.supervisor.pids().values())
    print(json.dumps([services.bootstrap, services.registry_url, pids]), flush=True)
    stop.wait()
"""


def run_as_process(folder: Path) -> tuple[subprocess.Popen[str], str, str, list[int]]:
    process = subprocess.Popen([sys.executable, "-c", RUN, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        bootstrap, registry_url, pids = json.loads(process.stdout.readline())
    return process, bootstrap, registry_url, pids


def test_topics_and_schemas_survive_sigterm_and_kill_9(tmp_path: Path) -> None:
    process, bootstrap, registry_url, pids = run_as_process(tmp_path)
    write(bootstrap, b"before the end")
    status, first = register(registry_url, SCHEMA)
    assert status == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert all(is_gone(pid) for pid in pids), "SIGTERM left a process behind"

    process, again, registry_again, pids = run_as_process(tmp_path)
    assert (again, registry_again) == (bootstrap, registry_url), "the ports are kept"
    assert register(registry_url, SCHEMA) == (200, first)
    write(bootstrap, b"before the kill")
    process.kill()
    process.wait()
    eventually(lambda: all(is_gone(pid) for pid in pids), "the JVMs' end")

    with embedded_services(tmp_path) as services:
        assert services.bootstrap == bootstrap
        assert read(bootstrap, 2) == [b"before the end", b"before the kill"]
        assert register(services.registry_url, SCHEMA) == (200, first)
        before = services.supervisor.pids()
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not set(before.values()) & set(services.supervisor.pids().values()), "new processes")
        eventually(lambda: services.supervisor.are_ready([*before]), "their readiness", within=60)
        write(bootstrap, b"after a restart by the supervisor")
        assert len(read(bootstrap, 1)) == 1
        eventually(lambda: _registered(services) == (200, first), "the registry's return")
    logs = {path.name for path in (tmp_path / "logs").iterdir()}
    assert {"broker.log", "registry.log"} <= logs


def _registered(services: EmbeddedServices) -> tuple[int, Any] | None:
    try:
        return register(services.registry_url, SCHEMA)
    except OSError:
        return None


def test_the_registry_refuses_a_change_that_readers_cannot_follow(registry_url: str) -> None:
    assert register(registry_url, SCHEMA)[0] == 200
    status, answer = register(registry_url, OTHER)
    assert (status, answer["error_code"]) == (409, 409)


def test_a_mistyped_topic_is_not_made(broker: str, kafka_admin: AdminClient) -> None:
    assert TOPIC not in kafka_admin.list_topics("no-such-topic", timeout=10).topics
    errors: list[KafkaError] = []
    producer = Producer({"bootstrap.servers": broker, "message.timeout.ms": 2000})
    producer.produce("no-such-topic", b"x", on_delivery=lambda error, _: errors.append(error))
    producer.flush(10)
    assert errors[0] is not None
    assert "no-such-topic" not in kafka_admin.list_topics(timeout=10).topics


def test_the_broker_has_the_small_settings(kafka_admin: AdminClient) -> None:
    resource = ConfigResource(ResourceType.BROKER, "1")
    settings = kafka_admin.describe_configs([resource])[resource].result(10)
    assert settings["auto.create.topics.enable"].value == "false"
    assert settings["log.segment.bytes"].value == str(16 << 20)
    assert settings["offsets.topic.num.partitions"].value == "4"
