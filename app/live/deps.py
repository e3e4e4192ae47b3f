"""What the owner of the feed works with, and what it tells about itself."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from app.domain.live import GapCause
from app.domain.schema import RECORDS
from app.domain.series import SeriesName
from app.domain.stream import WHATS
from app.kafka.live_index import LiveIndex
from app.kafka.topics import Topics
from app.live.draft import Draft
from app.provider import Observer, Stream, StreamedProvider
from app.settings import Settings
from app.tally import Spread, Tally

_CAUSES: tuple[GapCause, ...] = get_args(GapCause)


@dataclass(slots=True)
class Stats:
    """Counted by this process; read by the metrics.

    ``rows`` and ``bytes`` by asset and schema; ``events`` by asset and what they are; ``gaps`` by what became of them
    (``opened``, ``closed``, ``failed``) and why they were; ``repaired`` are rows of closed gaps by why those were;
    ``lag`` in seconds from the arrival of a turn's first frame to the commit of its rows.
    """

    rows: Tally = field(default_factory=lambda: Tally(RECORDS))
    bytes: Tally = field(default_factory=lambda: Tally(RECORDS))
    events: Tally = field(default_factory=lambda: Tally((a, w) for a in ("stock", "option") for w in WHATS))
    gaps: Tally = field(
        default_factory=lambda: Tally((what, why) for what in ("opened", "closed", "failed") for why in _CAUSES)
    )
    repaired: Tally = field(default_factory=lambda: Tally((why,) for why in _CAUSES))
    lag: Spread = field(
        default_factory=lambda: Spread((0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0))
    )
    bad_frames: int = 0
    connects: int = 0
    waiting_bytes: int = 0
    series: int = 0
    jobs: int = 0
    connected: bool = False
    #: How many of the provider's subscriptions are in each state.
    subscriptions: Mapping[str, int] = field(default_factory=dict)
    #: The market's clock, UTC microseconds.
    clock: int | None = None

    def committed(self, draft: Draft, names: Mapping[str, SeriesName]) -> None:
        """A transaction of the feed counts; ``names``: those of its topics that are at hand."""
        sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for topic, rows, size in draft.sizes():
            name = names.get(topic) or SeriesName.parse(topic)
            found = sums[name.asset, name.schema]
            found[0] += rows
            found[1] += size
        for kinds, (rows, size) in sums.items():
            self.rows.add(*kinds, by=rows)
            self.bytes.add(*kinds, by=size)
        for became, gap in draft.gaps:
            self.gaps.add(became, gap.why)
            if became != "opened" and gap.rows:
                self.repaired.add(gap.why, by=gap.rows)

    def let_go(self) -> None:
        """The feed is another process's now."""
        self.connected, self.series, self.jobs, self.waiting_bytes = False, 0, 0, 0
        self.subscriptions, self.clock = {}, None


@dataclass(frozen=True)
class LiveDeps:
    """``frames``: the Confluent frame (magic and schema id) of each record type, by name."""

    settings: Settings
    index: LiveIndex
    topics: Topics
    provider: StreamedProvider
    stream: Stream
    frames: Mapping[str, bytes]
    stats: Stats = field(default_factory=Stats)
    #: Set whenever the index may have changed.
    changed: threading.Event = field(default_factory=threading.Event)
    observer: Observer = field(default_factory=Observer)
