"""A series' rows as they are committed: page after page, while who reads them keeps up.

A reader that is slow holds no consumer and no thread, and gives its place to others: it goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from confluent_kafka import Message

from app.domain.records import UNWHOLE, BacktestRecord, Checkpoint
from app.domain.series import SeriesName
from app.domain.status import told_state
from app.errors import Torn
from app.kafka.index import Index
from app.kafka.pages import PAGE, Pages
from app.kafka.topics import Topics
from app.rows.bodies import Bodies
from app.rows.selection import Selection
from app.settings import Settings
from app.web.changes import Changes

T = TypeVar("T")
#: Seconds for which a page may wait to be taken, or a reading for rows, before the consumer is given up.
STALL = 2.0
#: Threads that read, and that encode: what they do holds the interpreter half of the time.
READERS, ENCODERS = 4, 2
#: Readers that may be open for each that may read at once.
OPEN_PER_PLACE = 16
_LOOK_EVERY = 1.0
_STOPPING = "the process is to end"


@dataclass
class Shelf:
    """What all readings share. ``stopping`` tells whether the process is to end; ``places``: readings that may have a
    consumer at once."""

    settings: Settings
    index: Index
    changes: Changes
    topics: Topics
    bodies: Bodies
    stopping: Callable[[], bool]
    places: int
    #: Answers with rows that are not at their end.
    open: int = 0
    readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(READERS, "rows-read"))
    encoders: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(ENCODERS, "rows-encode"))

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.places)

    @property
    def full(self) -> bool:
        """Whether another reader would have to wait."""
        return self._free.locked() or self.open >= self.places * OPEN_PER_PLACE

    async def take(self) -> None:
        await self._free.acquire()

    def give(self) -> None:
        self._free.release()

    def read(self, call: Callable[[], T]) -> Awaitable[T]:
        return _in(self.readers, call)

    def encode(self, call: Callable[[], T]) -> Awaitable[T]:
        return _in(self.encoders, call)

    def close(self) -> None:
        self.readers.shutdown(wait=False, cancel_futures=True)
        self.encoders.shutdown(wait=False, cancel_futures=True)


def _in(pool: ThreadPoolExecutor, call: Callable[[], T]) -> Awaitable[T]:
    try:
        return asyncio.get_running_loop().run_in_executor(pool, call)
    except RuntimeError:
        # The pool takes no more work.
        raise Torn(_STOPPING) from None


class Reading:
    """The messages of one series from where a selection begins. For one task; ``close`` it when it is over."""

    def __init__(
        self,
        shelf: Shelf,
        record: BacktestRecord,
        name: SeriesName,
        selection: Selection,
        *,
        follow: bool,
        gone: Callable[[], bool] = lambda: False,
    ) -> None:
        """Without ``follow`` what is committed now is read; with it, until the series has ended. ``gone`` tells whether
        who reads has gone."""
        self._shelf = shelf
        self._record = record
        self._name = name
        self._topic = name.topic
        self._selection = selection
        self._follow = follow
        self._gone = gone
        #: Up to where is read: what is committed then is whole. With ``follow`` it moves on.
        self.target = shelf.index.checkpoint(self._topic, record.run)
        self._final = not follow
        self._pages: Pages | None = None
        self._ahead: asyncio.Future[list[Message]] | None = None
        self._has_place = False
        #: The id of the topic in which reading began.
        self._written: str | None = None
        #: Messages seen, as far as they are all that there were from the first on.
        self._scanned: int | None = 0 if selection.begin is None and selection.after is None else None
        self._look()

    @property
    def state(self) -> str:
        """The series' state now."""
        record = self._shelf.index.backtest(self._record.backtest_id)
        if record is None or record.run != self._record.run:
            return "deleted"
        return told_state(record, self._shelf.index.checkpoint(self._topic, record.run))

    async def next(self) -> list[Message] | None:
        """The next messages, at least one; None when there are no more.

        Raises ``Torn``, or what reading raises: ``TopicGone``, ``LogError``.
        """
        while True:
            self._look()
            found = await self._page()
            self._look()
            if found:
                if self._scanned is not None:
                    self._scanned += len(found)
                return found
            if self._gone():
                raise ConnectionResetError
            if self._target_reached:
                self._counted()
                if self._final:
                    await self._unchanged()
                    return None
                await self._wait()

    async def rest(self) -> None:
        """Hold nothing but the place in the topic until ``next`` is asked for again."""
        pages, ahead, self._ahead = self._pages, self._ahead, None
        if pages is None or not self._has_place:
            return
        if ahead is not None:
            found = await ahead
            if found:
                await self._shelf.read(lambda: pages.go(found[0].offset()))
        await self._shelf.read(pages.rest)
        self._leave()

    def close(self) -> None:
        """Free everything, at once or as soon as a thread that reads is back."""
        if self._pages is not None:
            # Where the pool takes no more work the process ends.
            with contextlib.suppress(RuntimeError):
                self._shelf.readers.submit(self._pages.close)
        if self._ahead is not None:
            self._ahead.add_done_callback(_ignore)
        self._leave()

    @property
    def _target_reached(self) -> bool:
        return (
            self.target is None
            or self.target.rows == 0
            or (self._pages is not None and self._ahead is None and self._pages.at >= self.target.next_offset)
        )

    def _look(self) -> None:
        """See what has become of the series. Raises ``Torn``."""
        if self._shelf.stopping():
            raise Torn(_STOPPING)
        index = self._shelf.index
        record = index.backtest(self._record.backtest_id)
        if record is None or record.run != self._record.run:
            raise Torn(f"{self._record.backtest_id} was deleted")
        found = index.checkpoint(self._topic, record.run)
        if self.target is not None and self.target.rows and _went_back(self.target, found):
            raise Torn(f"{self._topic} is written anew")
        if self._written is not None and index.topic_id_of(self._topic, record.run) != self._written:
            # It may have come further by now than it was.
            raise Torn(f"{self._topic} is written anew")
        if not self._follow:
            return
        state = told_state(record, found)
        if state in UNWHOLE:
            raise Torn(f"{self._topic} is {state}" + (f": {found.reason}" if found and found.reason else ""))
        self.target = found
        self._final = state == "complete"

    def _counted(self) -> None:
        """Raise ``Torn`` when not every row was seen."""
        expected = 0 if self.target is None else self.target.rows
        if self._scanned is not None and self._scanned != expected:
            raise Torn(f"{self._topic} has {self._scanned} rows up to where {expected} are committed")

    async def _unchanged(self) -> None:
        """Raise ``Torn`` when the topic is another one than that in which reading began: a series that is written anew
        may have come further than it was before anybody looked."""
        if self._written is not None:
            await self._enter()
            await self._shelf.read(self._check_topic)

    async def _page(self) -> list[Message]:
        """The next messages up to the target, if there are any; the page after it is read meanwhile."""
        target = self.target
        if target is None or target.rows == 0:
            return []
        pages = self._pages or await self._begin(target)
        if self._ahead is None:
            if pages.at >= target.next_offset:
                return []
            await self._enter()
            self._ahead = self._read(pages, target)
        found = await asyncio.shield(self._ahead)
        self._ahead = self._read(pages, target) if found and pages.at < target.next_offset else None
        return found

    def _read(self, pages: Pages, target: Checkpoint) -> asyncio.Future[list[Message]]:
        # Where nothing is to come the pages are whole, so that the same question has the same bytes for an answer.
        full = target.state == "complete"
        return asyncio.ensure_future(self._shelf.read(lambda: pages.next(target.next_offset, full=full)))

    async def _begin(self, target: Checkpoint) -> Pages:
        await self._enter()
        pages = self._pages = Pages(self._shelf.settings, self._topic, target.first_offset, PAGE)
        await self._shelf.read(lambda: self._checked(pages, target))
        return pages

    def _checked(self, pages: Pages, target: Checkpoint) -> None:
        """Go to where the selection begins, in the topic that the rows were written to."""
        self._written = self._shelf.index.topic_id_of(self._topic, self._record.run)
        self._check_topic()
        after, begin = self._selection.after, self._selection.begin
        low = target.first_offset if after is None else max(target.first_offset, after + 1)
        if begin is not None and low < target.next_offset:
            low = pages.first_not_before(begin // 1000, low, target.next_offset)
        pages.go(low)

    def _check_topic(self) -> None:
        written = self._written
        if written is not None and self._shelf.topics.ids([self._topic]).get(self._topic) != written:
            raise Torn(f"{self._topic} was deleted or made anew by somebody else")

    async def _wait(self) -> None:
        """Wait for more rows, or for the end; after a while without the consumer."""
        seen, state = self.target, self.state

        def changed() -> bool:
            now = self._shelf.index.checkpoint(self._topic, self._record.run)
            return now is not seen or self.state != state or self._gone() or self._shelf.stopping()

        if await self._shelf.changes.until(changed, STALL):
            return
        await self.rest()
        while not await self._shelf.changes.until(changed, _LOOK_EVERY):
            continue

    async def _enter(self) -> None:
        if not self._has_place:
            await self._shelf.take()
            self._has_place = True

    def _leave(self) -> None:
        if self._has_place:
            self._has_place = False
            self._shelf.give()


def _went_back(before: Checkpoint, now: Checkpoint | None) -> bool:
    return now is None or now.rows < before.rows or now.next_offset < before.next_offset


def _ignore(future: asyncio.Future[list[Message]]) -> None:
    """What a page was that nobody waits for any more."""
    if not future.cancelled():
        future.exception()
