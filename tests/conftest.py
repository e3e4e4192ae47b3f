"""Fixtures that all tests share: one embedded broker, registry, simulator and platform, for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from confluent_kafka.admin import AdminClient
from harness import THETA_WAIT, WORKER, WORKERS, Platform, web_ports

from app.errors import PlatformError
from app.local import ports
from app.local.embedded import EmbeddedServices, embedded_services
from app.local.platform import LocalPlatform
from app.settings import Settings
from simulator.clock import MarketClock
from simulator.server import Simulator


@pytest.fixture(scope="session", autouse=True)
def _own_ports() -> Iterator[None]:
    """Each of pytest-xdist's processes looks for free ports among others than its siblings."""
    share = len(ports._RANGE) // WORKERS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ports, "_RANGE", ports._RANGE[WORKER * share : (WORKER + 1) * share])
        yield


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServices]:
    """The embedded broker and registry, started at first use and stopped at the session's end.

    A test that needs them fails when they cannot be had; it is never skipped.
    """
    started = embedded_services(tmp_path_factory.mktemp("services"))
    try:
        running = started.__enter__()
    except PlatformError as error:
        pytest.fail(f"the embedded broker and registry could not be started: {error}", pytrace=False)
    try:
        yield running
    finally:
        started.__exit__(None, None, None)


@pytest.fixture(scope="session")
def broker(services: EmbeddedServices) -> str:
    """The embedded broker's ``host:port``."""
    return services.bootstrap


@pytest.fixture(scope="session")
def registry_url(services: EmbeddedServices) -> str:
    """The base URL of the embedded registry's Confluent-compatible API."""
    return services.registry_url


@pytest.fixture(scope="session")
def kafka_admin(broker: str) -> AdminClient:
    """An admin client of the embedded broker."""
    return AdminClient({"bootstrap.servers": broker})


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator.in_thread(seed=7, tier="pro", clock=MarketClock()) as running:
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
        theta_ws_url=simulator.ws_url,
        theta_wait=THETA_WAIT,
        theta_tier="pro",
        state_dir=tmp_path_factory.mktemp("platform"),
        log_format="json",
        **web_ports(),
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
