"""The platform's own live role and one standing by; which of them holds the feed changes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import Platform, free_port, until
from workers import Worker, worker_of

from app.local.roles import environment_of
from app.local.service import PROGRAM


class Owners:
    """Two live workers of one platform."""

    def __init__(self, platform: Platform, log: Path) -> None:
        self._platform = platform
        self._log = log
        self._output = log.open("ab")
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def stand_by(self) -> None:
        """Start the second one, if it is not there."""
        if self._process is not None and self._process.poll() is None:
            return
        environment = {**environment_of(self._platform.local.settings), "LIVE_WEB_PORT": str(self._port)}
        command = [*PROGRAM, "worker", "--role", "live"]
        self._process = subprocess.Popen(command, env=environment, stdout=self._output, stderr=self._output)
        self._standby().ready()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def owner(self) -> int:
        """The process that holds the feed."""
        workers = [worker_of(self._platform, "live"), self._standby()]

        def probe() -> int | None:
            return next((worker.pid for worker in workers if worker.metric("fdp_live_owner") == 1), None)

        return until("an owner of the feed", probe, 40)

    def _standby(self) -> Worker:
        process = self._process
        assert process is not None
        return Worker("standby", self._log, lambda: process.pid, "live", self._port)


@contextmanager
def standing_by(platform: Platform, folder: Path) -> Iterator[Owners]:
    """A second live role beside the platform's own."""
    owners = Owners(platform, folder / "standby.log")
    try:
        owners.stand_by()
        yield owners
    finally:
        owners.stop()
