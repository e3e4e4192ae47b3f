"""A start that cannot succeed ends with one line that names the setting, and exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.local.embedded import EmbeddedServices

pytestmark = pytest.mark.integration

#: Nobody listens here: the port is reserved and never given out (RFC 6335).
NOWHERE = "127.0.0.1:1"


def run(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "THETA_", "SCHEMA_"))}
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env={**clean, "STATE_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


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
def test_a_broker_that_is_away(tmp_path: Path, role: str) -> None:
    done = run(tmp_path, "worker", "--role", role, KAFKA_BOOTSTRAP_SERVERS=NOWHERE)
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


def test_local_with_a_broker_that_is_away(tmp_path: Path, services: EmbeddedServices) -> None:
    done = run(
        tmp_path,
        "local",
        KAFKA_BOOTSTRAP_SERVERS=NOWHERE,
        SCHEMA_REGISTRY_URL=services.registry_url,
        THETA_URL=f"http://{NOWHERE}",
    )
    assert_one_line(done, "KAFKA_BOOTSTRAP_SERVERS")


def test_an_unknown_role(tmp_path: Path) -> None:
    assert run(tmp_path, "worker", "--role", "janitor").returncode == 2
