"""Keeping one service running: start, wait until ready, wait for its end, begin anew or give up."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import LocalServiceError, PlatformError, SettingError
from app.local.children import Child
from app.local.service import Service

_PROBE_EVERY = 0.05
_WRONG_SETTING = 2
#: How a program names the setting at fault: `KAFKA_BOOTSTRAP_SERVERS: nobody answers`.
_SETTING_LINE = re.compile(r"\b([A-Z][A-Z0-9]*_[A-Z0-9_]+): (.+)")


@dataclass(frozen=True)
class Patience:
    """A service that dies ``deaths`` times within ``window`` seconds without getting ready in between is given up.

    Until then it is started again: at once after its first death, then after ``first_wait`` seconds, doubled
    each time up to ``longest_wait``. Who kills one that works again and again gets it again and again.
    """

    deaths: int = 5
    window: float = 60
    first_wait: float = 0.2
    longest_wait: float = 5

    def wait_after(self, deaths: int) -> float:
        """Seconds to wait after so many deaths within the window."""
        return 0 if deaths <= 1 else min(self.first_wait * 2 ** (deaths - 2), self.longest_wait)


class Board(Protocol):
    """What a keeper asks of the supervisor."""

    @property
    def ended(self) -> threading.Event:
        """Set when nothing is to be started any more."""

    def say(self, line: str) -> None:
        """Tell a person."""

    def launch(self, service: Service, command: Sequence[str]) -> Child | None:
        """Start a process; None if nothing is to be started any more."""

    def are_ready(self, names: Sequence[str]) -> bool:
        """Whether these services are ready now; one that is not supervised here is somebody else's care."""

    def publish(self) -> None:
        """A pid or a state has changed."""

    def give_up(self, failure: PlatformError) -> None:
        """This service cannot be kept running."""


class Keeper:
    """One service's thread and what it knows: the process, and whether it is (in this life, or ever, was) ready."""

    def __init__(self, service: Service, board: Board, patience: Patience) -> None:
        self.service = service
        self.child: Child | None = None
        self.ready = threading.Event()
        self.was_ready = False
        self.ready_once = False
        self._board = board
        self._patience = patience
        self._deaths: list[float] = []
        # A daemon: a download in its hands must not hold up the process's end.
        self._thread = threading.Thread(target=self._run, name=f"keeper-{service.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> None:
        if self._thread.is_alive():
            self._thread.join(seconds)

    def stop_child(self) -> None:
        if self.child is not None:
            self.child.stop(self.service.grace)

    def _run(self) -> None:
        try:
            while self._dependencies_ready():
                self._once()
        except PlatformError as error:
            self._board.give_up(error)
        except Exception as error:  # noqa: BLE001  the top of this task: it becomes the recorded failure
            self._board.give_up(LocalServiceError(f"{self.service.name} could not be kept running: {error!r}"))

    def _dependencies_ready(self) -> bool:
        """Wait for them; False when nothing is to be started any more."""
        while not self._board.ended.is_set():
            if self._board.are_ready(self.service.after):
                return True
            self._board.ended.wait(_PROBE_EVERY)
        return False

    def _once(self) -> None:
        """One life of the process, and the wait before the next."""
        command = self.service.command()
        began = time.monotonic()
        child = self._board.launch(self.service, command)
        if child is None:
            return
        self.child, self.ready_once = child, False
        self._board.publish()
        overdue = not self._become_ready(child, began)
        code = child.wait()
        self.ready.clear()
        if self._board.ended.is_set():
            return
        how = f"was not ready within {self.service.ready_within:g} s" if overdue else f"ended ({_how(code)})"
        self._judge(child, code, how, overdue=overdue)

    def _become_ready(self, child: Child, began: float) -> bool:
        """Probe until ready; False if that took too long and the process was ended."""
        while child.exit_code() is None and not self._board.ended.is_set():
            if self.service.ready():
                self.ready.set()
                self.was_ready = self.ready_once = True
                self._board.say(f"{self.service.name} ready after {time.monotonic() - began:.1f} s")
                self._board.publish()
                return True
            if time.monotonic() - began > self.service.ready_within:
                child.stop(self.service.grace)
                return False
            self._board.ended.wait(_PROBE_EVERY)
        return True

    def _judge(self, child: Child, code: int | None, how: str, *, overdue: bool) -> None:
        """Raise if there is no use in starting it again, else wait for as long as its deaths ask for."""
        name, patience = self.service.name, self._patience
        last = child.last_line()
        where = f"{last} (see {self.service.log})" if last else f"see {self.service.log}"
        if not self.was_ready:
            if overdue:
                raise LocalServiceError(f"{name} {how}: {where}")
            # While a service that it needs is down, a program may take that service's address for wrong.
            if self.service.exit_2_is_final and code == _WRONG_SETTING and self._board.are_ready(self.service.after):
                raise _wrong_setting(name, last or how)
        now = time.monotonic()
        if self.ready_once:
            self._deaths.clear()
        self._deaths = [*(at for at in self._deaths if now - at < patience.window), now]
        if len(self._deaths) >= patience.deaths:
            times = f"{len(self._deaths)} times within {patience.window:g} s"
            raise LocalServiceError(f"{name} died {times}, the last time it {how}: {where}")
        self._board.say(f"{name} {how}, starting it again")
        self._board.ended.wait(patience.wait_after(len(self._deaths)))


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"


def _wrong_setting(name: str, line: str) -> SettingError:
    """The error that a child's last line speaks of."""
    found = _SETTING_LINE.search(line)
    return SettingError(found[1], found[2]) if found else SettingError(name, line)
