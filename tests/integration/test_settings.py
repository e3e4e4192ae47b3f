"""A start that cannot succeed ends with one line that names the setting, and exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.local.embedded import EmbeddedServices

pytestmark = pytest.mark.integration

#: Nobody listens here: the port is reserved and never given out (RFC 6335).
NOWHERE = "127.0.0.1:1"


def start(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "THETA_", "SCHEMA_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "app", *arguments],
        env={**clean, "STATE_DIR": str(tmp_path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_of(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    try:
        out, err = process.communicate(timeout=90)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def run(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return end_of(start(tmp_path, *arguments, **environment))


@pytest.fixture(scope="module")
def without_a_broker(
    services: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """What is started without one, all at once: each waits for the broker ten seconds before it gives up."""
    commands = {role: ("worker", "--role", role) for role in ("coordinator", "history")} | {"local": ("local",)}
    rest = {"SCHEMA_REGISTRY_URL": services.registry_url, "THETA_URL": f"http://{NOWHERE}"}
    started = {
        name: start(
            tmp_path_factory.mktemp(name),
            *command,
            KAFKA_BOOTSTRAP_SERVERS=NOWHERE,
            **(rest if name == "local" else {}),
        )
        for name, command in commands.items()
    }
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


def assert_one_line(done: subprocess.CompletedProcess[str], setting: str) -> None:
    assert done.returncode == 2, done
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert setting in lines[0]
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("THETA_TIER", "gold"),
        ("WEB_PORT", "eighty"),
        ("WEB_PORT", "70000"),
        ("KAFKA_SECURITY_PROTOCOL", "TELEPATHY"),
        ("SCHEMA_REGISTRY_URL", "registry:8081"),
        ("THETA_URL", "127.0.0.1:25503"),
        ("THETA_WAIT", "-1"),
        ("LOG_FORMAT", "xml"),
        ("SERIES_PARTITIONS", "0"),
        ("APP_ID", "Not An Id"),
    ],
)
def test_a_wrong_value(tmp_path: Path, setting: str, value: str) -> None:
    done = run(tmp_path, "worker", "--role", "history", **{setting: value})
    assert_one_line(done, setting)
    assert value in done.stderr


@pytest.mark.parametrize("role", ["coordinator", "history"])
def test_a_broker_that_is_away(without_a_broker: dict[str, subprocess.Popen[str]], role: str) -> None:
    done = end_of(without_a_broker[role])
    assert_one_line(done, "KAFKA_BOOTSTRAP_SERVERS")
    assert NOWHERE in done.stderr


def test_a_registry_that_is_away(tmp_path: Path, services: EmbeddedServices) -> None:
    done = run(
        tmp_path,
        *("worker", "--role", "coordinator"),
        KAFKA_BOOTSTRAP_SERVERS=services.bootstrap,
        SCHEMA_REGISTRY_URL=f"http://{NOWHERE}",
    )
    assert_one_line(done, "SCHEMA_REGISTRY_URL")


def test_something_that_is_no_registry(tmp_path: Path, services: EmbeddedServices) -> None:
    done = run(
        tmp_path,
        *("worker", "--role", "coordinator"),
        KAFKA_BOOTSTRAP_SERVERS=services.bootstrap,
        SCHEMA_REGISTRY_URL=services.registry_url.removesuffix("/apis/ccompat/v7"),
    )
    assert_one_line(done, "SCHEMA_REGISTRY_URL")


def test_local_with_a_broker_that_is_away(without_a_broker: dict[str, subprocess.Popen[str]]) -> None:
    assert_one_line(end_of(without_a_broker["local"]), "KAFKA_BOOTSTRAP_SERVERS")


def test_an_unknown_role(tmp_path: Path) -> None:
    assert run(tmp_path, "worker", "--role", "janitor").returncode == 2
