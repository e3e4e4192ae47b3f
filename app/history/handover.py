"""Where a finished series goes on into its live topic: the hand-over that stands in its receipt."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.handover import handover_after
from app.domain.live import iso
from app.domain.records import SeriesRecord
from app.domain.series import SeriesName
from app.errors import LogError
from app.kafka.live_index import LiveIndex
from app.kafka.reader import offset_from
from app.settings import Settings


class LiveEnded(LogError):
    """The live topic will never be whole from the end of history on."""


@dataclass(frozen=True, slots=True)
class Handover:
    """A reader goes on at ``offset`` of ``topic`` and skips rows at or before ``after`` (UTC microseconds)."""

    topic: str
    offset: int
    after: int

    def as_json(self) -> dict[str, object]:
        return {"topic": self.topic, "offset": self.offset, "after": iso(self.after)}


class Handovers:
    """Threads may share it."""

    def __init__(self, settings: Settings, index: LiveIndex) -> None:
        self._settings = settings
        self._index = index

    def of(self, record: SeriesRecord) -> Handover | None:
        """The hand-over of a series; None while its live topic is not whole from the end of history on.

        Raises ``LiveEnded`` when it will not be, ``LogError`` when the topic cannot be read.
        """
        name = record.name
        topic = SeriesName(name.asset, name.symbol, name.schema, name.interval, None).topic
        after = handover_after(record.start, record.end, record.end_time)
        # What was decided with the series may not have been read yet.
        decided = self._index.position >= record.run
        standing = self._index.subscription(topic)
        if (standing is None and decided) or (standing is not None and standing.run > record.run):
            raise LiveEnded(f"{topic} was unsubscribed before it was whole; ask again under a new id")
        if standing is None:
            return None
        for gap in self._index.gaps(topic):
            if gap.why == "start" and gap.state == "failed" and gap.begin <= after < gap.end:
                raise LiveEnded(f"{topic} lacks what passed since the end of history: {gap.reason}")
        coverage = self._index.coverage(topic)
        if coverage is None or coverage.since is None or coverage.since > after:
            return None
        if coverage.universe != standing.universe:
            # It does not speak of the contracts that were added yet.
            return None
        return Handover(topic, offset_from(self._settings, topic, after // 1000 + 1), after)
