"""The live feed: the service that holds the stream while this process owns the partition of ``live``."""

from __future__ import annotations

import logging
from collections.abc import Callable

from app.kafka.ownership import Ownership
from app.kafka.writer import TransactionalWriter
from app.live.deps import LiveDeps
from app.live.tenure import Tenure

logger = logging.getLogger(__name__)

#: Milliseconds that a record waits for company; a transaction is committed after ten or more anyway.
_LINGER = 1


class LiveFeed:
    """``assign``, ``start`` and ``stop`` may be called from any thread."""

    def __init__(self, deps: LiveDeps) -> None:
        self.deps = deps
        settings = deps.settings
        deps.index.on_change(deps.changed.set)
        self._ownership = Ownership(
            "live-feed",
            lambda: TransactionalWriter(settings, f"{settings.app_id}-live-0", linger_ms=_LINGER),
            self._work,
        )

    def start(self) -> None:
        self._ownership.start()

    def stop(self) -> None:
        self._ownership.stop()

    def assign(self, owned: bool) -> None:
        """Whether this process owns the partition of ``live`` from now on."""
        self._ownership.assign(owned)

    @property
    def owned(self) -> bool:
        """Whether this process holds the feed, as far as it knows."""
        return self._ownership.owned

    @property
    def alive(self) -> bool:
        """Whether the thread that feeds is there."""
        return self._ownership.alive

    def _work(self, writer: TransactionalWriter, mine: Callable[[], bool]) -> None:
        logger.info("the feed is ours")
        self.deps.index.catch_up()
        Tenure(self.deps, writer, mine).run()
        logger.info("the feed is let go")
