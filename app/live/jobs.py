"""What the owner of the feed lets others do: make topics, resolve universes, look for what a gap lacks, compare.

Each job is a generator run by the healer; it reads history and topics and writes nothing. What it yields is taken by
the owner, who alone knows what has been written meanwhile.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from app.avro.decode import decode
from app.avro.encode import encode
from app.domain.contracts import Packed, occ_keys
from app.domain.hours import AskedHours
from app.domain.live import Gap, Subscription
from app.domain.rows import Rows
from app.domain.series import SeriesName
from app.domain.sessions import NEW_YORK
from app.domain.spans import Span, spans
from app.kafka.log import LogFollower
from app.kafka.reader import read_window
from app.kafka.topics import Topics, live_topic
from app.live.asking import LONGEST, past
from app.live.healer import Healer
from app.live.row_series import Slice, rows_slice
from app.live.sums import Sum, WindowSums, hashes_of
from app.live.universe import NotYet, session_of, universe
from app.provider import StreamedProvider
from app.settings import Settings

Ints = npt.NDArray[np.int64]
#: Rows that a repair adds at once.
_PIECE = 20_000
#: Seconds that bars wait for what the session had traded before.
SEED_WAIT = 20.0
_ROLLED_OVER = dt.time(2, 0)


@dataclass(frozen=True, slots=True)
class Prepared:
    """These topics are there; the offset after the last committed row of each. ``refused``: the brokers' reasons."""

    ends: dict[str, int]
    refused: dict[str, str]


@dataclass(frozen=True, slots=True)
class Members:
    """The contracts of a subscription's universe in a session."""

    sub: Subscription
    date: dt.date
    contracts: Packed


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of history that the topic did not have, of the span of a gap up to ``repaired``."""

    topic: str
    gap: str
    rows: Slice
    repaired: int


@dataclass(frozen=True, slots=True)
class BarsPart:
    """Bars of history in a gap up to ``repaired``, and those that the topic has there already."""

    topic: str
    gap: str
    bars: Rows
    present: Rows
    repaired: int


@dataclass(frozen=True, slots=True)
class Looked:
    """History has nothing more for a gap."""

    topic: str
    gap: str


@dataclass(frozen=True, slots=True)
class Compared:
    """History's sums over windows, up to ``end``."""

    topic: str
    begin: int
    end: int
    sums: dict[int, Sum]


@dataclass(frozen=True, slots=True)
class ComparedBars:
    """History's bars, up to ``end``."""

    topic: str
    begin: int
    end: int
    bars: Rows


@dataclass(frozen=True, slots=True)
class Seeds:
    """What had traded in a session before ``until``: contract (0 for a stock), volume, and vwap as rounded."""

    topic: str
    date: dt.date
    until: int
    found: list[tuple[int, int, float]]


@dataclass(frozen=True)
class Jobs:
    """Makes jobs; ``wait``: seconds for a provider that is away, after which a job fails and is made anew."""

    settings: Settings
    topics: Topics
    provider: StreamedProvider
    healer: Healer
    wait: float
    #: Universes by topic, filters and day: a job asks for each of them many times.
    _universes: LRUCache[tuple[object, ...], Packed] = field(default_factory=lambda: LRUCache(512))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, names: Sequence[str]) -> Iterator[Prepared]:
        """Make the topics that are not there, and tell where they end."""
        refused = self.topics.create([live_topic(name) for name in names])
        there = [name for name in names if name not in refused]
        follower = LogFollower(self.settings, [], lambda _: None)
        ends = follower.ends([(name, 0) for name in there]) if there else {}
        yield Prepared({name: offset for (name, _), offset in ends.items()}, refused)

    def trim(self, before: dict[str, int]) -> Iterator[None]:
        """Delete what lies before an offset of each topic."""
        self.topics.trim(before)
        yield None

    def resolve(self, sub: Subscription, date: dt.date) -> Iterator[Members]:
        """The contracts of a universe on a day."""
        yield Members(sub, date, self._members(sub, date, anew=True))

    def mend_rows(self, sub: Subscription, prefix: bytes, gap: Gap, end: int) -> Iterator[Part | Looked]:
        """The rows of a gap that lie in history and not in the topic before offset ``end``."""
        present: Counter[bytes] = Counter()
        first, last = gap.begin // 1000 + 1, gap.end // 1000
        for values in read_window(self.settings, sub.topic, first, last, end):
            self.healer.check()
            present.update(values)
        for span in spans(gap.begin, gap.end, sub.start_time, sub.end_time, LONGEST):
            if gap.repaired is not None and span.end <= gap.repaired:
                continue
            for part, rows in self._past(sub, sub.name, span):
                missing = _missing(rows, prefix, present)
                # A transaction of the feed should not last for seconds.
                for begin in range(0, len(missing), _PIECE):
                    piece = missing.take(range(begin, min(begin + _PIECE, len(missing))))
                    yield Part(sub.topic, gap.id, piece, int(piece.timestamps[-1]) - 1000)
                yield Part(sub.topic, gap.id, missing.take(()), part.end)
        yield Looked(sub.topic, gap.id)

    def compare_rows(self, sub: Subscription, prefix: bytes, begin: int, end: int) -> Iterator[Compared]:
        """History's sums from ``begin`` to ``end``."""
        sums = WindowSums(begin)
        for span in spans(begin, end, sub.start_time, sub.end_time, LONGEST):
            for _, rows in self._past(sub, sub.name, span):
                if len(rows):
                    sums.add(rows.timestamps, hashes_of(encode(rows, prefix)))
        yield Compared(sub.topic, begin, end, sums.found)

    def mend_bars(self, sub: Subscription, gap: Gap, end: int) -> Iterator[BarsPart | Looked]:
        """The bars of a gap (those that begin in [``begin``, ``end``)) in history, and in the topic before ``end``."""
        for span, bars in self._bars(sub, gap.begin, gap.end, whole=True):
            values = [
                value
                for batch in read_window(self.settings, sub.topic, span.begin // 1000 + 1, span.end // 1000, end)
                for value in batch
            ]
            present = decode(sub.name.record, values) if values else Rows.none(sub.name.record)
            yield BarsPart(sub.topic, gap.id, bars, present, span.end)
        yield Looked(sub.topic, gap.id)

    def compare_bars(self, sub: Subscription, begin: int, end: int) -> Iterator[ComparedBars]:
        """History's bars that begin in [``begin``, ``end``)."""
        found = [bars for _, bars in self._bars(sub, begin, end, whole=False)]
        yield ComparedBars(sub.topic, begin, end, Rows.joined(found) if found else Rows.none(sub.name.record))

    def seed(self, sub: Subscription, date: dt.date, until: int) -> Iterator[Seeds]:
        """What had traded in a session's hours before ``until``, from as few bars as there can be."""
        found: dict[int, tuple[int, float]] = {}
        name = SeriesName(sub.name.asset, sub.name.symbol, "ohlcv", "1h", None)
        midnight = spans(until - 86_400_000_000, until - 1000, sub.start_time, sub.end_time)
        for span in [span for span in midnight if span.date == date]:
            for _, rows in self._past(sub, name, Span(date, self._opening(sub), span.last), min(self.wait, SEED_WAIT)):
                traded = rows.take(rows.columns["volume"] > 0)
                contracts = traded.contracts if traded.contracts is not None else np.zeros(len(traded), np.int64)
                columns = (contracts, traded.columns["volume"], traded.columns["session_vwap"])
                for contract, volume, vwap in zip(*(column.tolist() for column in columns), strict=True):
                    found[contract] = (found.get(contract, (0, 0.0))[0] + volume, vwap)
        yield Seeds(sub.topic, date, until, [(contract, *seed) for contract, seed in found.items()])

    # --- inside -----------------------------------------------------------------------------------------------

    def _bars(self, sub: Subscription, begin: int, end: int, *, whole: bool) -> Iterator[tuple[Span, Rows]]:
        """Bars that begin in [``begin``, ``end``) and in which something traded, session by session.

        ``whole``: asked for from the begin of a stock's session, where its average begins; a chain is too much.
        """
        for span in spans(begin - 1000, end - 1000, sub.start_time, sub.end_time):
            first = self._opening(sub) if whole and sub.name.asset == "stock" else span.first
            for _, rows in self._past(sub, sub.name, Span(span.date, first, span.last)):
                traded = np.logical_or.reduce([rows.columns[name] != 0 for name in ("volume", "count", "close")])
                yield span, rows.take(traded & (rows.timestamps >= begin) & (rows.timestamps < end))

    @staticmethod
    def _opening(sub: Subscription) -> int:
        return AskedHours(sub.name, sub.start_time, sub.end_time).begin

    def _past(
        self, sub: Subscription, name: SeriesName, span: Span, wait: float | None = None
    ) -> Iterator[tuple[Span, Rows]]:
        name = SeriesName(name.asset, name.symbol, name.schema, name.interval, None)
        members = self._members(sub, span.date) if name.asset == "option" else None
        wait = self.wait if wait is None else wait
        for part, rows in past(self.provider, name, span, members, lambda ask: self.healer.patiently(ask, wait)):
            if not len(rows) and _rolls_over(part.date):
                raise NotYet(f"the history of {part.date} is rolled over at night, and there is nothing of it now")
            yield part, rows

    def _members(self, sub: Subscription, date: dt.date, *, anew: bool = False) -> Packed:
        key = (sub.topic, sub.filters, date)
        with self._lock:
            known = None if anew else self._universes.get(key)
        if known is None:
            known = universe(self.provider, sub, session_of(date), self._patiently)
            with self._lock:
                self._universes[key] = known
        return known

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        return self.healer.patiently(ask, self.wait)


def _rolls_over(date: dt.date) -> bool:
    """Whether the provider may be moving a day to its history just now: the night after, until about 01:45 New York
    (THETA API 3.4). Nothing of it does not mean that there was nothing."""
    now = dt.datetime.now(NEW_YORK)
    return now.date() - date == dt.timedelta(days=1) and now.time() < _ROLLED_OVER


def _missing(rows: Rows, prefix: bytes, present: Counter[bytes]) -> Slice:
    """The rows that are not present, each as often as it is missing."""
    messages = encode(rows, prefix)
    which = []
    for i, message in enumerate(messages):
        if present.get(message, 0) > 0:
            present[message] -= 1
        else:
            which.append(i)
    left = rows.take(np.array(which, dtype=np.intp))
    return rows_slice(keys_of(left), [messages[i] for i in which], left.timestamps)


def keys_of(rows: Rows) -> bytes | list[bytes]:
    """The ticker of stocks, the OCC symbol of each row of options."""
    if rows.contracts is None:
        return str(rows.columns["symbol"][0]).encode() if len(rows) else b""
    return occ_keys(str(rows.columns["root"][0]), rows.contracts) if len(rows) else []
