"""Stand-ins for services: small Python programs that are started and killed for real."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.local.children import started_at
from app.local.service import Service
from app.local.state import StateDir

#: Says that it is ready by making a file, then waits; SIGTERM ends it at once.
STAND_IN = "import pathlib, signal, sys; pathlib.Path(sys.argv[1]).touch(); signal.pause()"


def eventually(condition: Callable[[], bool], within: float = 10, what: str = "the condition") -> None:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {within} s"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    return started_at(pid) is None


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDir]:
    """A locked state folder."""
    opened = StateDir(tmp_path / "state")
    yield opened
    opened.close()


class StandIns:
    """Makes services of small Python programs, which share a folder for their ready files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str, code: str = STAND_IN, **more: object) -> Service:
        mark = self._folder / f"{name}.ready"

        def command() -> list[str]:
            mark.unlink(missing_ok=True)
            return [sys.executable, "-S", "-c", code, str(mark)]

        fields = {"environment": dict(os.environ), "log": self._folder / f"{name}.log", "ready": mark.exists, **more}
        return Service(name=name, command=command, **fields)  # type: ignore[arg-type]


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIns:
    return StandIns(tmp_path)
