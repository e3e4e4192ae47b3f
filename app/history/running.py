"""A series under way, and what every owner of a process shares."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from app.history.counts import Counts
from app.history.fetch import Fetcher
from app.history.handover import Handovers
from app.history.work import SeriesFetch
from app.history.write import SeriesWriter
from app.kafka.index import Index
from app.kafka.topics import Topics
from app.provider import Provider
from app.settings import Settings

#: Transactions that a process has open at once.
WRITERS = 2


@dataclass(frozen=True)
class Deps:
    """What every owner of a process shares."""

    settings: Settings
    index: Index
    topics: Topics
    fetcher: Fetcher
    provider: Provider
    handovers: Handovers
    #: Confluent frame (magic and schema id) of each record type, by name.
    frames: dict[str, bytes]
    #: Taken for the length of a transaction: more writers than cores only fight for the interpreter and hold memory.
    turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(WRITERS))
    #: Taken while topics are deleted.
    deletions: threading.Lock = field(default_factory=threading.Lock)
    counts: Counts = field(default_factory=Counts)


@dataclass(eq=False)
class Running:
    """Where a series' steps come from and where its rows go."""

    fetch: SeriesFetch
    writer: SeriesWriter

    @property
    def topic(self) -> str:
        return self.fetch.record.topic

    @property
    def complete(self) -> bool:
        """Whether nothing is left to write but, perhaps, a plan without steps and the receipt."""
        if self.writer.state.plan is None:
            return self.fetch.plan is not None and not self.fetch.plan.steps
        return self.writer.state.complete
