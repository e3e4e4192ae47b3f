"""What every index of control logs is: a follower that never ends, and waiting until it has come far enough."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from app.errors import LogError
from app.kafka.log import LogFollower, Record
from app.settings import Settings


class LogIndex:
    """What logs say, in memory, built from them alone. All methods may be called from any thread."""

    #: Seconds that reading the logs to their end may take.
    patience = 60.0

    def __init__(self, settings: Settings, partitions: Iterable[tuple[str, int]]) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._position = -1
        self._caught_up = False
        self._version = 0
        self._follower = LogFollower(settings, partitions, self._read, on_idle=self._tell)

    def start(self) -> None:
        self._follower.start()

    def stop(self) -> None:
        self._follower.stop()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` (in the follower's thread) whenever something may have changed."""
        self._listeners.append(listener)

    @property
    def alive(self) -> bool:
        """Whether the thread that follows the logs is there."""
        return self._follower.alive

    @property
    def caught_up(self) -> bool:
        """Whether the logs have been read to their end once."""
        return self._caught_up

    def catch_up(self, partitions: Iterable[tuple[str, int]] | None = None, timeout: float | None = None) -> None:
        """Wait until everything committed before this call is in, in all partitions or in some.

        Raises ``LogError`` when that takes longer than ``timeout`` seconds, else ``patience``.
        """
        timeout = self.patience if timeout is None else timeout
        if not self._follower.catch_up(timeout, partitions):
            raise LogError(f"the control logs could not be read to their end within {timeout:.0f} s")
        self._caught_up = self._caught_up or partitions is None

    def wait_for(self, places: Mapping[tuple[str, int], int], timeout: float = 60.0) -> None:
        """Wait until the logs are applied up to the given offsets. Raises ``LogError``."""
        if not self._follower.wait_for(places, timeout):
            raise LogError(f"what was committed does not show in the control logs after {timeout:.0f} s")

    @property
    def version(self) -> int:
        """Grows with every record that comes in."""
        return self._version

    @property
    def position(self) -> int:
        """The highest offset of ``requests`` whose decision is in; -1 before the first."""
        return self._position

    def wait_position(self, offset: int, timeout: float) -> bool:
        """Wait until the decision on an offset of ``requests`` is in; False after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while self._position < offset:
            if time.monotonic() > deadline:
                return False
            self._follower.wait_step(0.05)
        return True

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _read(self, record: Record) -> None:
        if record.key is not None:
            with self._lock:
                self._apply(record.key.decode(), record)
                self._version += 1

    def _apply(self, key: str, record: Record) -> None:
        """Take one record in; called under the lock, in the order of each partition."""
        raise NotImplementedError
