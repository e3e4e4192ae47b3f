"""Owning a partition: who is assigned it takes its transactional id over, works, and lets go.

The fence is the safety, the assignment only the liveness. After a fence, another fatal error or a take-over that was
slow, some seconds pass and the assignment is asked again, so that two processes do not throw each other out in turns.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from app.errors import Fenced, LogError
from app.kafka.writer import TransactionalWriter

logger = logging.getLogger(__name__)

COOL_DOWN = 3.0
#: A take-over that lasts about as long as the group's session (6 s) may itself have been overtaken.
SLOW_OPEN, SLOWEST_OPEN = 5.0, 30.0


class Work(Protocol):
    """What an owner does with its writer until ``mine`` says no, or a fence or a fault ends it."""

    def __call__(self, writer: TransactionalWriter, mine: Callable[[], bool]) -> None: ...


class Ownership:
    """Does a partition's work in a thread of its own while this process owns the partition.

    ``assign`` and ``stop`` may be called from any thread. The owner of a partition that was taken away and given back
    begins anew: others may have written meanwhile.
    """

    def __init__(self, name: str, writer: Callable[[], TransactionalWriter], work: Work) -> None:
        self._name = name
        self._writer = writer
        self._work = work
        self._changed = threading.Condition()
        self._owned = False
        self._assignments = 0
        self._stopped = False
        self._slow_open = SLOW_OPEN
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 8.0) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def assign(self, owned: bool) -> None:
        """Whether this process owns the partition from now on."""
        with self._changed:
            self._assignments += owned != self._owned
            self._owned = owned
            self._changed.notify_all()

    @property
    def owned(self) -> bool:
        """Whether the partition is this process's, as far as it knows."""
        return self._owned and not self._stopped

    @property
    def alive(self) -> bool:
        """Whether the thread that works is there."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._owned and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    return
            try:
                self._tenure()
                continue
            except (Fenced, LogError) as error:
                if not self.owned:
                    continue
                logger.warning("%s stopped, again in %.0f s if still ours: %s", self._name, COOL_DOWN, error)
            except Exception:
                logger.exception("%s stopped by an unexpected fault, again in %.0f s", self._name, COOL_DOWN)
            with self._changed:
                self._changed.wait_for(lambda: self._stopped, COOL_DOWN)

    def _tenure(self) -> None:
        """From taking the partition over to losing it."""
        writer = self._writer()
        try:
            with self._changed:
                tenure = self._assignments
            took = writer.open()
            if took > self._slow_open:
                self._slow_open = min(SLOWEST_OPEN, 2 * self._slow_open)
                raise LogError(f"taking over took {took:.1f} s; the owner may be another by now")
            # An assignment that went and came again meanwhile begins a tenure of its own.
            self._work(writer, lambda: self.owned and self._assignments == tenure)
        finally:
            writer.close()
