"""The platform in containers, brought up once by docker compose; skipped where no Docker engine answers.

``FDP_COMPOSE_FILES`` (``docker-compose.yml:docker-compose.kafka.yml``) chooses the brokers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from containers import Compose, engine


@pytest.fixture(scope="session")
def compose() -> Iterator[Compose]:
    if not engine():
        pytest.skip("no Docker engine answers here")
    made = Compose.of(tuple(os.environ.get("FDP_COMPOSE_FILES", "docker-compose.yml").split(":")))
    made("build", timeout=1800)
    try:
        made.up()
        yield made
    finally:
        print(made("logs", "--tail", "40"))
        made("down", "--volumes", "--timeout", "30")
