"""A compose project of the platform's own, on ports of its own, and what is done to it from outside."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import httpx
from harness import Platform, free_port

from app.local.platform import LocalPlatform
from simulator.server import Simulator

ROOT = Path(__file__).parents[2]
PROJECT = "fdp-test"
VERSION = version("phase1-financial-data-platform")
PROFILE = "simulated"


def engine() -> bool:
    """Whether a Docker engine and its compose are here."""
    try:
        asked = [["docker", "info"], ["docker", "compose", "version"]]
        return all(subprocess.run(one, capture_output=True, timeout=30, check=False).returncode == 0 for one in asked)
    except (OSError, subprocess.TimeoutExpired):
        return False


class Patient(httpx.HTTPTransport):
    """Asks again for a minute while nobody answers: what is killed comes back. Only for what may be asked twice."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline = time.monotonic() + 60
        while True:
            try:
                return super().handle_request(request)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


@dataclass
class Compose:
    """The services of some compose files, and where outsiders reach them."""

    files: tuple[str, ...]
    environment: dict[str, str]
    platform: Platform

    @classmethod
    def of(cls, files: tuple[str, ...]) -> Compose:
        ports = {
            name: str(free_port())
            for name in ("FDP_PORT", "KAFKA_EXTERNAL_PORT", "REGISTRY_EXTERNAL_PORT", "CONSOLE_PORT")
        }
        web = httpx.Client(
            base_url=f"http://127.0.0.1:{ports['FDP_PORT']}", transport=Patient(), timeout=30, trust_env=False
        )
        platform = Platform(
            cast(LocalPlatform, None),
            cast(Simulator, None),
            web,
            f"127.0.0.1:{ports['KAFKA_EXTERNAL_PORT']}",
            f"http://127.0.0.1:{ports['REGISTRY_EXTERNAL_PORT']}",
        )
        # A user's own `.env` beside the files would name other profiles, ports and brokers.
        return cls(
            files,
            {**os.environ, "COMPOSE_DISABLE_ENV_FILE": "1", "COMPOSE_FILE": "", "FDP_VERSION": VERSION, **ports},
            platform,
        )

    @property
    def brokers(self) -> str:
        """The service that the rows lie with."""
        return "kafka" if "docker-compose.kafka.yml" in self.files else "redpanda"

    def __call__(self, *arguments: str, timeout: float = 600) -> str:
        """Run docker compose; what it says. Raises ``AssertionError`` with that when it fails."""
        files = [part for name in self.files for part in ("-f", str(ROOT / name))]
        command = ["docker", "compose", "-p", PROJECT, *files, "--profile", PROFILE, *arguments]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False, env=self.environment, cwd=ROOT
        )
        assert ended.returncode == 0, f"{' '.join(arguments)}: {ended.stderr[-3000:]}"
        return ended.stdout

    def up(self, *arguments: str) -> None:
        self("up", "--detach", "--wait", "--wait-timeout", "300", "--no-build", *arguments)

    def containers(self, service: str) -> list[str]:
        return self("ps", "--all", "--quiet", service).split()

    def inspect(self, container: str) -> dict[str, Any]:
        asked = subprocess.run(["docker", "inspect", container], capture_output=True, check=True, timeout=60)
        found: dict[str, Any] = json.loads(asked.stdout)[0]
        return found

    def kill(self, container: str) -> None:
        """kill -9 of its first process, as the kernel would when memory runs out: the engine is not told before.

        From a container that sees the engine's processes, for the engine may be on another machine or another user's.
        """
        pid, image = self.inspect(container)["State"]["Pid"], f"fdp:{VERSION}"
        seeing = ["docker", "run", "--rm", "--pid=host", "--user=0", "--entrypoint=python", image]
        subprocess.run([*seeing, "-c", f"import os; os.kill({pid}, 9)"], check=True, capture_output=True, timeout=60)

    def healthy(self, container: str) -> bool:
        state = self.inspect(container)["State"]
        return bool(state["Running"]) and state.get("Health", {"Status": "healthy"})["Status"] == "healthy"
