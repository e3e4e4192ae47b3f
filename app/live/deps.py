"""What the owner of the feed works with, and what it tells about itself."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.kafka.live_index import LiveIndex
from app.kafka.topics import Topics
from app.provider import Stream, StreamedProvider
from app.settings import Settings


@dataclass(slots=True)
class Stats:
    """Counted by this process; read by the metrics."""

    rows: int = 0
    events: int = 0
    bad_frames: int = 0
    commits: int = 0
    connects: int = 0
    lag_seconds: float = 0.0
    waiting_bytes: int = 0
    series: int = 0
    gaps_open: int = 0
    connected: bool = False


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
