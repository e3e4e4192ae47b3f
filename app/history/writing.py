"""The transactions of one partition's owner: steps of its running series, as drafts that count with the commit."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from app.errors import LogError, PlatformError, TopicGone, TransactionAborted
from app.history.running import Deps, Running
from app.history.work import Fetched
from app.history.write import State
from app.kafka.row_writer import RowWriter

logger = logging.getLogger(__name__)

#: A transaction is committed at this many rows, at this age, or when no finished step is in hand.
MAX_ROWS, MAX_AGE = 100_000, 1.0
_RETRIES = 3

#: A series, and its head step; None stands for one that has nothing (more) to write but its receipt.
Hand = list[tuple[Running, Fetched | None]]


@dataclass
class Written:
    """What became of a transaction: series that have their receipts, those whose topic is another now, and those
    that cannot be written."""

    complete: list[Running] = field(default_factory=list)
    gone: list[Running] = field(default_factory=list)
    failed: list[tuple[Running, PlatformError]] = field(default_factory=list)


class Writing:
    """The series that run under one owner, and their transactions; for its thread only."""

    def __init__(self, deps: Deps, partition: int, stopping: Callable[[], bool], wake: Callable[[], None]) -> None:
        """``stopping``: whether nothing more is to be taken along; ``wake`` is called when something is to be looked at
        that a transaction has no place for."""
        self._deps = deps
        self._partition = partition
        self._stopping = stopping
        self._wake = wake
        self.running: dict[str, Running] = {}
        #: Steps taken from the fetcher whose bytes are not given back yet.
        self._taken: list[Fetched] = []

    def take(self, running: Running) -> Fetched | None:
        """The head step of a series, if it is there. Raises the ``PlatformError`` that ended its fetching."""
        step = self._deps.fetcher.take(running.fetch)
        if step is not None:
            self._taken.append(step)
        return step

    def let_go(self) -> None:
        """Fetch nothing more for these series, and give all bytes back."""
        for running in self.running.values():
            self._deps.fetcher.remove(running.fetch)
        for step in list(self._taken):
            self._give_back(step)

    def transaction(self, writer: RowWriter, hand: Hand) -> Written:
        """Write the steps in hand, and what else gets ready meanwhile, in one transaction.

        What concerns one series aborts it once; the others go on without that one. Raises ``LogError`` when it is
        aborted again and again, and what the writer raises.
        """
        written = Written()
        aborts = 0
        while aborts <= _RETRIES:
            drafts: dict[str, State] = {}
            writer.begin(on_stall=lambda d=drafts: self._check_topics(d))  # type: ignore[misc]
            try:
                self._fill(writer, hand, drafts, grow=not (aborts or written.failed))
                writer.flush()
                # A receipt speaks of the topic that the plan was made for.
                self._check_topics([t for t, draft in drafts.items() if self.running[t].writer.finishes(draft)])
                now = dt.datetime.now(dt.UTC)
                for topic, draft in drafts.items():
                    self.running[topic].writer.record_progress(writer, draft, now)
                writer.commit()
            except _SeriesFault as fault:
                writer.abort()
                written.failed.append((fault.running, fault.error))
                hand = self._without(hand, [fault.running])
            except (TransactionAborted, TopicGone) as error:
                aborts += 1
                writer.abort()
                logger.warning("partition %d: a transaction was aborted: %s", self._partition, error)
                gone = self._gone({running.topic: running for running, _ in hand})
                written.gone += gone
                hand = self._without(hand, gone)
            else:
                written.complete += self._committed(hand, drafts)
                return written
        raise LogError(f"a transaction was aborted {_RETRIES + 1} times in a row")

    def _fill(self, writer: RowWriter, hand: Hand, drafts: dict[str, State], *, grow: bool) -> None:
        begun, rows, done = time.monotonic(), 0, 0
        while True:
            while done < len(hand):
                running, step = hand[done]
                done += 1
                if running.topic not in drafts:
                    drafts[running.topic] = running.writer.state.copy()
                if step is None:
                    plan = running.fetch.plan
                    assert plan is not None
                    running.writer.adopt(writer, drafts[running.topic], plan)
                    continue
                try:
                    rows += running.writer.write(writer, drafts[running.topic], step)
                except (ValueError, TypeError, OverflowError) as error:
                    fault = PlatformError(f"a row does not fit the schema: {error}")
                    raise _SeriesFault(running, fault) from None
            if not grow or self._stopping() or rows >= MAX_ROWS or time.monotonic() - begun >= MAX_AGE:
                return
            more = self._more()
            if not more:
                return
            hand += more

    def _more(self) -> Hand:
        """The steps that got ready meanwhile."""
        more: Hand = []
        for running in list(self.running.values()):
            try:
                step = self.take(running)
            except PlatformError:
                # A failed fetch is dealt with outside of the transaction.
                self._wake()
                continue
            if step is not None:
                more.append((running, step))
        return more

    def _committed(self, hand: Hand, drafts: dict[str, State]) -> list[Running]:
        """The drafts are the state now; the series that are complete."""
        for _, step in hand:
            if step is not None:
                self._give_back(step)
        complete = []
        for topic, draft in drafts.items():
            running, before = self.running[topic], self.running[topic].writer.state
            self._deps.counts.committed(running.fetch.name, draft.rows - before.rows, draft.bytes_since(before))
            running.writer.state = draft
            if running.writer.finishes(draft):
                logger.info("%s: complete, %d rows", topic, draft.rows)
                complete.append(running)
        return complete

    def _without(self, hand: Hand, left_out: list[Running]) -> Hand:
        for running, step in hand:
            if running in left_out and step is not None:
                self._give_back(step)
        return [(running, step) for running, step in hand if running not in left_out]

    def _give_back(self, step: Fetched) -> None:
        self._taken = [one for one in self._taken if one is not step]
        self._deps.fetcher.release(step)

    def _check_topics(self, topics: Collection[str]) -> None:
        """Raise ``TopicGone`` when one of these topics is not the one that its series began with."""
        for running in self._gone({topic: self.running[topic] for topic in topics}):
            raise TopicGone(running.topic)

    def _gone(self, candidates: dict[str, Running]) -> list[Running]:
        """The series whose topics were deleted or made anew."""
        ids = self._deps.topics.ids(candidates)
        return [running for topic, running in candidates.items() if ids.get(topic) != running.writer.topic_id]


class _SeriesFault(Exception):
    """One series' rows cannot be written; the transaction goes on without it."""

    def __init__(self, running: Running, error: PlatformError) -> None:
        super().__init__(str(error))
        self.running = running
        self.error = error
