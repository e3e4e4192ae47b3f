"""Keeps a set of services running: starts them in order of dependency, starts again what dies, stops them in
reverse order.

Each service has a keeper thread, which starts the process, waits until it is ready, waits for its end, and
begins anew (keeper.py). What concerns all of them is decided here, under one lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from app.errors import PlatformError
from app.local.children import Child
from app.local.keeper import Keeper, Patience
from app.local.service import Service

_LOOK_EVERY = 0.05
#: After all processes have ended, a keeper may still be in the middle of a download, which nobody waits for.
_LAST_WAIT = 2.0

EventSink = Callable[[str], None]
PidSink = Callable[[Mapping[str, int], bool], None]


class Supervisor:
    """Runs services until ``stop``. When one cannot be kept running, ``failure`` says why and ``ended`` is set.

    ``on_event`` gets lines for a person; ``on_pids`` gets name → pid whenever that has changed, and whether
    every service has been ready once. Both are called from keeper threads, one call at a time.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        on_event: EventSink = lambda _: None,
        on_pids: PidSink = lambda _pids, _ready: None,
        patience: Patience | None = None,
    ) -> None:
        self._keepers = {s.name: Keeper(s, self, patience or Patience()) for s in services}
        self._on_event = on_event
        self._on_pids = on_pids
        self.failure: PlatformError | None = None
        #: Set when a service was given up or ``stop`` was called: nothing is started any more.
        self.ended = threading.Event()
        #: Set once every service has been ready, or when that can no longer be.
        self._settled = threading.Event()
        self._lock = threading.RLock()

    def start(self) -> None:
        """Begin; ``wait_ready`` waits for the result."""
        if not self._keepers:
            self._settled.set()
        for keeper in self._keepers.values():
            keeper.start()

    def wait_ready(self, interrupted: threading.Event | None = None) -> bool:
        """Wait until every service has been ready once; False if ``interrupted`` or ``stop`` came first.

        Raises the failure if a service was given up.
        """
        while not self._settled.wait(_LOOK_EVERY):
            if interrupted is not None and interrupted.is_set():
                return False
        self.raise_failure()
        return not self.ended.is_set()

    def wait(self, interrupted: threading.Event) -> None:
        """Wait until ``interrupted`` or ``stop``; raises the failure if a service is given up."""
        while not self.ended.is_set() and not interrupted.wait(_LOOK_EVERY):
            pass
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raise what ended the supervision, if something did."""
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """Stop everything: first what nothing running depends on. Returns when all processes have ended."""
        with self._lock:
            self.ended.set()
            self._settled.set()
        left = dict(self._keepers)
        while left:
            needed = {name for keeper in left.values() for name in keeper.service.after}
            wave = [keeper for name, keeper in left.items() if name not in needed]
            stopping = [threading.Thread(target=keeper.stop_child, daemon=True) for keeper in wave]
            for thread in stopping:
                thread.start()
            for thread in stopping:
                thread.join()
            for keeper in wave:
                del left[keeper.service.name]
        for keeper in self._keepers.values():
            keeper.join(_LAST_WAIT)

    def pids(self) -> dict[str, int]:
        """Name → pid of every service that was started; of one being started again, still the former pid."""
        with self._lock:
            return {name: k.child.pid for name, k in self._keepers.items() if k.child is not None}

    # The rest is what the keepers ask of it: the Board of keeper.py.

    def say(self, line: str) -> None:
        with self._lock:
            if not self.ended.is_set():
                self._on_event(line)

    def launch(self, service: Service, command: Sequence[str]) -> Child | None:
        with self._lock:  # so that nothing is started behind stop's back
            return None if self.ended.is_set() else service.launch(command)

    def are_ready(self, names: Sequence[str]) -> bool:
        return all(self._keepers[name].ready.is_set() for name in names if name in self._keepers)

    def publish(self) -> None:
        with self._lock:
            if self.ended.is_set():
                return
            every = all(keeper.was_ready for keeper in self._keepers.values())
            self._on_pids(self.pids(), every)
            if every:  # only now: who waits for this finds what on_pids wrote
                self._settled.set()

    def give_up(self, failure: PlatformError) -> None:
        with self._lock:
            if not self.ended.is_set():
                self.failure = failure
                self.ended.set()
                self._settled.set()
