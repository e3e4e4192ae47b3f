"""What the coordinator's views need."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.domain.live import Subscription
from app.domain.live_status import live_status
from app.domain.records import BacktestRecord
from app.domain.status import status
from app.kafka.index import Index
from app.kafka.live_index import LiveIndex
from app.provider import Provider
from app.web.changes import Changes
from app.web.limits import Places
from app.web.snapshots import Snapshots

#: A decision usually shows within milliseconds; a new owner of ``requests`` needs seconds.
DECISION_WAIT = 2.0

Publish = Callable[[bytes, bytes], Awaitable[int]]


@dataclass(frozen=True)
class Front:
    """The indexes, a way to publish on ``requests`` that gives the message's offset, and for plans the provider and
    how many requests it takes at once; and the places that there are for backtests."""

    index: Index
    live: LiveIndex
    changes: Changes
    publish: Publish
    provider: Provider
    slots: int
    places: Places

    @cached_property
    def snapshots(self) -> Snapshots:
        """Backtests for those who watch them."""
        return Snapshots(self.status, lambda: self.index.version)

    def status(self, record: BacktestRecord) -> dict[str, Any]:
        """A backtest as it stands now."""
        return status(record, self.index.checkpoint, dt.datetime.now(dt.UTC), self.provider.limits)

    def live_status(self, one: Subscription) -> dict[str, Any]:
        """A live topic as it stands now."""
        live = self.live
        gaps = live.gaps(one.topic)
        return live_status(one, live.coverage(one.topic), live.feed, gaps, live.gap_count(one.topic))

    async def news(self, version: int, timeout: float) -> None:
        """Wait until the index is of another version than this one, or for ``timeout`` seconds."""
        await self.changes.until(lambda: self.index.version != version, timeout)

    async def decided(self, offset: int) -> bool:
        """Wait until the decision on a message shows in both indexes; False when that takes too long."""
        return await self.changes.until(lambda: min(self.index.position, self.live.position) >= offset, DECISION_WAIT)
