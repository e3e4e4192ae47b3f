"""Looking for data topics that nobody answers for, now and then."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from app.domain.orphans import Leftovers, leftovers
from app.errors import LogError, PlatformError
from app.kafka.index import Index
from app.kafka.live_index import LiveIndex
from app.kafka.topics import Topics

logger = logging.getLogger(__name__)

#: Seconds between two looks.
EVERY = 600.0
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found, and when it was done."""

    checked_at: dt.datetime
    found: Leftovers

    def as_json(self) -> dict[str, Any]:
        checked_at = self.checked_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"checked_at": checked_at, **self.found.as_json()}


def look(topics: Topics, index: Index, live: LiveIndex) -> Leftovers:
    """What is left over now. Raises ``LogError``.

    A topic is made after its record and deleted before it: so the logs are read after the topics were listed, else new
    ones would pass for orphans; and what seems to be one is looked for once more, with the logs read again, else one
    that was deleted meanwhile would.
    """
    found = Leftovers()
    listed = topics.names()
    for last in (False, True):
        index.catch_up()
        live.catch_up(timeout=60.0)
        found = leftovers(listed, index.is_series, live.subscriptions())
        if last or not found.topics:
            break
        listed = topics.existing(found.topics)
    return found


class OrphanWatch:
    """Looks at its start, every ten minutes, and when it is asked to, in a thread of its own."""

    def __init__(self, take: Callable[[], Leftovers], every: float = EVERY) -> None:
        """``take`` is a look; it may raise ``PlatformError``."""
        self._take = take
        self._every = every
        self._latest: Look | None = None
        self._lock = threading.Lock()
        self._asked: list[Future[Look]] = []
        self._wanted = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="orphan-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join(5)

    @property
    def latest(self) -> Look | None:
        """The latest look; None before the first."""
        return self._latest

    @property
    def count(self) -> int:
        """Topics that are orphaned, by the latest look."""
        return len(self._latest.found.orphaned) if self._latest else 0

    def fresh(self) -> Future[Look]:
        """A look that begins after this call; those who ask meanwhile share it. Raises ``LogError`` when it fails."""
        future: Future[Look] = Future()
        with self._lock:
            self._asked.append(future)
        self._wanted.set()
        return future

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wanted.clear()
            with self._lock:
                asked, self._asked = self._asked, []
            asked = [one for one in asked if one.set_running_or_notify_cancel()]
            try:
                latest = self._look()
            except LogError as error:
                for one in asked:
                    one.set_exception(error)
            else:
                for one in asked:
                    one.set_result(latest)
            self._wanted.wait(self._every)

    def _look(self) -> Look:
        try:
            found = self._take()
        except PlatformError as error:
            logger.warning("orphaned topics could not be looked for, again in %.0f s: %s", self._every, error)
            raise LogError(str(error)) from None
        except Exception as fault:
            # Whatever it was, the next look may do better, and nobody else would begin it.
            logger.exception("looking for orphaned topics failed, again in %.0f s", self._every)
            raise LogError(f"orphaned topics could not be looked for: {fault!r}") from None
        before = self.count
        self._latest = latest = Look(dt.datetime.now(dt.UTC), found)
        self._tell(before, found)
        return latest

    def _tell(self, before: int, found: Leftovers) -> None:
        count = len(found.orphaned)
        if count == before:
            return
        if not count:
            logger.info("no data topic is orphaned any more")
            return
        names = ", ".join(one.topic for one in found.orphaned[:_NAMED])
        logger.warning(
            "%d data topics belong to no backtest that is known: %s%s; GET /topics/orphaned names them all",
            count,
            names,
            " …" if count > _NAMED else "",
        )
