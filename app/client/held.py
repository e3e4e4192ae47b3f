"""What a handle holds, whichever client it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from app.client.calls import Moment, Selection
from app.client.errors import BadUse
from app.client.models import BacktestStatus
from app.client.reading import Place
from app.client.tables import kind_of


class Rows(TypedDict, total=False):
    """Which rows are read: from ``start`` to ``end`` (session dates, or instants with a time zone), at most ``limit``,
    only these ``columns``, only these ``contract``s (OCC symbols). ``follow`` (True) waits for rows still to come."""

    start: Moment | None
    end: Moment | None
    limit: int | None
    columns: Sequence[str] | None
    contract: str | Sequence[str] | None
    follow: bool


def selection(which: Rows) -> Selection:
    return Selection(**which)


class HeldSeries:
    """The name of a series."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @property
    def topic(self) -> str:
        return self._place.topic

    @property
    def asset(self) -> str:
        """``stock`` or ``option``."""
        return kind_of(self.topic)[0]

    @property
    def kind(self) -> str:
        """Schema and interval: ``ohlcv1m``, ``trade``."""
        return kind_of(self.topic)[1]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.topic}>"


class Held:
    """The name of a backtest and of its series."""

    def __init__(self, status: BacktestStatus, retries: int) -> None:
        self.id = status.backtest_id
        #: What was answered when this handle was made.
        self.told = status
        self.topics = tuple(one.topic for one in status.series)
        self._accepted_at = status.accepted_at
        self._undecided = not status.is_decided
        self._retries = retries

    def _places(self) -> list[Place]:
        return [Place(self.id, topic, self._accepted_at, self._undecided, self._retries) for topic in self.topics]

    def _place(self, topic: str) -> Place:
        if topic not in self.topics:
            raise BadUse(f"backtest {self.id!r} has no series {topic!r}; its series are in .topics")
        return Place(self.id, topic, self._accepted_at, self._undecided, self._retries)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}: {len(self.topics):,} series>"
