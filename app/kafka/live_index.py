"""The index of the live side: what is subscribed, how far its topics are covered, and their gaps, in memory.

Built from the logs alone, like ``Index``. Coverage and gaps of a run that is not the subscription's own do not count.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.domain.live import FEED_KEY, Coverage, FeedState, Gap, Subscription
from app.domain.records import POSITION_KEY
from app.kafka.log import Record
from app.kafka.log_index import LogIndex
from app.kafka.topics import COVERAGE, GAPS, LIVE
from app.settings import Settings

#: Gaps of a topic that are kept after they have ended; the others are only counted.
GAPS_KEPT = 200


@dataclass(slots=True)
class _Gaps:
    """The gaps of one topic's latest run: those that are open, the latest of the others, and how many there were."""

    run: int
    open: dict[str, Gap] = field(default_factory=dict)
    ended: dict[str, Gap] = field(default_factory=dict)
    count: int = 0

    def put(self, gap: Gap) -> None:
        if gap.id not in self.open and gap.id not in self.ended:
            self.count += 1
        self.open.pop(gap.id, None)
        self.ended.pop(gap.id, None)
        (self.open if gap.state == "open" else self.ended)[gap.id] = gap
        while len(self.ended) > GAPS_KEPT:
            del self.ended[next(iter(self.ended))]


class LiveIndex(LogIndex):
    """Follows ``live``, ``coverage`` and ``gaps``."""

    #: ``gaps`` keeps every gap there ever was.
    patience = 600.0

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, [(topic, 0) for topic in (LIVE, COVERAGE, GAPS)])
        self._subscriptions: dict[str, Subscription] = {}
        self._coverage: dict[str, Coverage] = {}
        self._gaps: dict[str, _Gaps] = {}
        self._feed: FeedState | None = None

    def subscription(self, topic: str) -> Subscription | None:
        """What a live topic is subscribed to; None for one that does not stand."""
        return self._subscriptions.get(topic)

    def subscriptions(self) -> dict[str, Subscription]:
        """All that stand, by topic."""
        with self._lock:
            return dict(self._subscriptions)

    def coverage(self, topic: str) -> Coverage | None:
        """How far a standing topic is; None before its owner has said anything of this run."""
        with self._lock:
            standing, found = self._subscriptions.get(topic), self._coverage.get(topic)
            return found if standing is not None and found is not None and found.run == standing.run else None

    def gaps(self, topic: str) -> list[Gap]:
        """The gaps of a standing topic's run by their begin: all that are open, the latest ``GAPS_KEPT`` others."""
        with self._lock:
            found = self._gaps_of(topic)
            return [] if found is None else _by_begin([*found.open.values(), *found.ended.values()])

    def gap_count(self, topic: str) -> int:
        """How many gaps there have been in a standing topic's run."""
        with self._lock:
            found = self._gaps_of(topic)
            return 0 if found is None else found.count

    def open_gaps(self) -> list[Gap]:
        """The open gaps of all standing topics, by their begin."""
        with self._lock:
            found = [gaps for topic in self._subscriptions if (gaps := self._gaps_of(topic)) is not None]
            return _by_begin([gap for gaps in found for gap in gaps.open.values()])

    @property
    def feed(self) -> FeedState | None:
        """The feed itself; None before there was an owner."""
        return self._feed

    # --- building -----------------------------------------------------------------------------------

    def _gaps_of(self, topic: str) -> _Gaps | None:
        standing, found = self._subscriptions.get(topic), self._gaps.get(topic)
        return found if standing is not None and found is not None and found.run == standing.run else None

    def _apply(self, key: str, record: Record) -> None:
        match record.topic:
            case name if name == LIVE and key == POSITION_KEY:
                self._position = max(self._position, int(record.value or b"-1"))
            case name if name == LIVE:
                self._apply_subscription(key, record.value)
            case name if name == COVERAGE and key == FEED_KEY:
                self._feed = FeedState.decode(record.value) if record.value is not None else None
            case name if name == COVERAGE:
                self._apply_coverage(key, record.value)
            case name if name == GAPS and record.value is not None:
                self._apply_gap(Gap.decode(record.value))

    def _apply_subscription(self, topic: str, value: bytes | None) -> None:
        if value is None:
            self._subscriptions.pop(topic, None)
            return
        one = self._subscriptions[topic] = Subscription.decode(topic, value)
        # The three logs are read side by side: records of this very run may have come before it.
        if topic in self._gaps and self._gaps[topic].run < one.run:
            del self._gaps[topic]

    def _apply_coverage(self, topic: str, value: bytes | None) -> None:
        if value is None:
            self._coverage.pop(topic, None)
        else:
            self._coverage[topic] = Coverage.decode(value)

    def _apply_gap(self, gap: Gap) -> None:
        # ``gaps`` keeps every run of a topic there ever was; only the latest is of use.
        standing = self._subscriptions.get(gap.topic)
        if standing is not None and gap.run < standing.run:
            return
        found = self._gaps.get(gap.topic)
        if found is None or found.run < gap.run:
            found = self._gaps[gap.topic] = _Gaps(gap.run)
        if found.run == gap.run:
            found.put(gap)


def _by_begin(gaps: list[Gap]) -> list[Gap]:
    return sorted(gaps, key=lambda gap: (gap.begin, gap.end, gap.id))
