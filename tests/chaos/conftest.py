"""The platform that chaos tests break, one for all of them; each leaves it whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from crew import Crew, crew_on


@pytest.fixture(scope="session")
def _crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with crew_on(tmp_path_factory.mktemp("crew")) as crew:
        yield crew


@pytest.fixture
def crew(_crew: Crew) -> Iterator[Crew]:
    """Two coordinators, two history workers and a live one, all of them ready; whatever the terminal does wrong ends
    with the test."""
    _crew.ready()
    yield _crew
    _crew.platform.simulator.set_faults([])
