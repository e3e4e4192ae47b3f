"""Fixtures that all tests share: one embedded broker and one registry, for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient

from app.errors import PlatformError
from app.local.embedded import EmbeddedServices, embedded_services


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
