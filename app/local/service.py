"""What a supervised service is: how to start it, and how to tell that it is ready."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.local.children import Child

#: The platform's own command line, by whatever interpreter runs this.
PROGRAM = (sys.executable, "-m", "app")


@dataclass(frozen=True)
class Service:
    """A description, not a process: ``launch`` gives a new process each time.

    ``command`` is asked anew at each start, so that what it names can be checked before each start; it may
    take long (a first download) and may raise. ``ready`` is asked again and again; it answers soon and never
    raises. ``exit_2_is_final``: the program ends with exit code 2 when a setting is wrong, so that starting it
    again is of no use.
    """

    name: str
    command: Callable[[], Sequence[str]]
    log: Path
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    folder: Path | None = None
    after: tuple[str, ...] = ()
    ready_within: float = 60
    grace: float = 10
    exit_2_is_final: bool = False

    def launch(self, command: Sequence[str]) -> Child:
        """Start the process, with what ``command`` gave."""
        return Child.start(command, log=self.log, environment=self.environment, folder=self.folder)
