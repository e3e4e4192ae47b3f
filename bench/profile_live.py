"""Where the live path's time goes, without any network: processor time an event, stage by stage.

Batches of frames are taken through what the live role's own thread does with them: ``FrameReader.read``,
``Router.route`` (routing, Avro, sums) and ``Draft.write`` with the commit. The transactions go to the broker that
librdkafka brings for tests, in this process: its own time and that of librdkafka's threads do not count, only this
thread's.
"""

from __future__ import annotations

import datetime as dt
import gc
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import Producer

from app.avro.encode import frame
from app.domain.live import Subscription
from app.domain.schema import RECORDS
from app.domain.stream import Segment
from app.kafka.writer import TransactionalWriter
from app.live.clock import FeedClock
from app.live.draft import Draft
from app.live.router import Router
from app.live.row_series import RowSeries
from app.settings import load
from app.theta.frames import FrameReader
from bench.live_frames import Stream, streams, texts

BATCHES, TOPICS = (50, 200, 1000), (5, 20, 100)
_BEGIN = dt.datetime(2024, 3, 4, 15, 0, tzinfo=dt.UTC)
_STAGES = ("read", "route", "write")
#: Of a window, about.
_EVENTS = 20_000


class Path:
    """The live path from frames to a transaction, with the time of each stage."""

    def __init__(self, of: list[Stream], writer: TransactionalWriter) -> None:
        prefixes = {record.name: frame(7) for record in RECORDS.values()}
        clock = FeedClock(latest=int(_BEGIN.timestamp()) * 1_000_000)
        series = []
        for one in of:
            made = RowSeries(
                Subscription(one.topic, 0, (), None, dt.time(0), dt.time(23, 59, 59)), prefixes["StockTrade"]
            )
            made.breach = None
            made.whole_again(clock.latest or 0)
            series.append(made)
        self._router = Router(prefixes)
        self._router.set(series)
        self._reader = FrameReader()
        self._writer = writer
        self.spent = dict.fromkeys(_STAGES, 0.0)
        self.rows = 0

    def turn(self, frames: list[str]) -> None:
        draft = Draft()
        segments = self._timed("read", lambda: self._reader.read(frames))
        self._timed("route", lambda: self._route(segments, draft))
        self._timed("write", lambda: self._write(draft))
        self.rows += draft.count

    def _route(self, segments: list[Segment], draft: Draft) -> None:
        for segment in segments:
            for events in segment.events:
                self._router.route(events, draft)

    def _write(self, draft: Draft) -> None:
        self._writer.begin()
        draft.write(self._writer)
        self._writer.commit()

    def _timed(self, stage: str, work: Callable[[], Any]) -> Any:
        begun = time.thread_time()
        found = work()
        self.spent[stage] += time.thread_time() - begun
        return found


def moments(rate: int) -> Iterator[dt.datetime]:
    return (_BEGIN + dt.timedelta(seconds=i / rate) for i in itertools.count())


def measure(of: list[Stream], batch: int, events: int, writer: TransactionalWriter) -> list[dict[str, float]]:
    """Microseconds an event and stage, window by window."""
    frames = texts(of, moments(20_000), max(batch, 2 * len(of) * 20))
    path, found = Path(of, writer), []
    source = itertools.cycle(frames)
    for window in range(4):
        path.spent, path.rows = dict.fromkeys(_STAGES, 0.0), 0
        for _ in range(max(5, events // batch)):
            path.turn(list(itertools.islice(source, batch)))
        if window:
            found.append({stage: spent / path.rows * 1e6 for stage, spent in path.spent.items()})
    return found


def profile(say: Callable[[str], None]) -> None:
    """Print a table. The collector's frozen objects are this process's: it is meant to end soon."""
    gc.freeze()
    broker = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
    where = next(iter(broker.list_topics(timeout=10).brokers.values()))
    writer = TransactionalWriter(load(kafka_bootstrap_servers=f"{where.host}:{where.port}"), "profile", linger_ms=1)
    writer.open()
    say("\nlive: processor time of the feed's thread, µs an event; medians of three windows\n")
    say("| topics | frames a turn | read | route | write, commit | all | rows/s of a core |")
    say("|---|---|---|---|---|---|---|")
    for topics, batch in itertools.product(TOPICS, BATCHES):
        windows = measure(streams("P", topics), batch, _EVENTS, writer)
        median = {stage: statistics.median(one[stage] for one in windows) for stage in _STAGES}
        total = sum(median.values())
        shown = " | ".join(f"{median[stage]:.2f}" for stage in _STAGES)
        say(f"| {topics} | {batch} | {shown} | {total:.2f} | {1e6 / total:,.0f} |")
    writer.close()
