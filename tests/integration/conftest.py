"""The platform as its users meet it: role processes against a real broker and registry, and the simulator."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from harness import THETA_WAIT, Platform

from app.local.embedded import EmbeddedServices
from app.local.platform import LocalPlatform
from app.settings import Settings
from simulator.server import Simulator


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator.in_thread(seed=7) as running:
        yield running


@pytest.fixture(scope="session")
def platform(
    services: EmbeddedServices, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """Coordinator and history as processes of their own, for the whole session."""
    settings = Settings(
        kafka_bootstrap_servers=services.bootstrap,
        schema_registry_url=services.registry_url,
        theta_url=simulator.url,
        theta_wait=THETA_WAIT,
        state_dir=tmp_path_factory.mktemp("platform"),
    )
    local = LocalPlatform(settings)
    local.start()
    try:
        with httpx.Client(base_url=local.endpoints.web, timeout=30, trust_env=False) as http:
            yield Platform(local, simulator, http, services.bootstrap, services.registry_url)
    finally:
        local.stop()


@pytest.fixture(autouse=True)
def _no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test makes the terminal do wrong ends with the test."""
    yield
    if "simulator" in request.fixturenames:
        request.getfixturevalue("simulator").set_faults([])
