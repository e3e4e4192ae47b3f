"""The Runner: which series run now, and under which partition's owner.

It holds no truth. Whenever what is asked, the assignment or an owner change, and every second, it compares the
unfinished series of the partitions that this worker owns with what runs. It hands over as many as can be served,
backtests in turns; when enough are done the next follow without a look at all of them, of which there may be ten
thousand.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest

from app.domain.duty import Duty, duty
from app.domain.planning import largest_step
from app.domain.records import SeriesRecord
from app.history.fetch import BUDGET
from app.history.owner import PartitionOwner
from app.history.running import Deps
from app.kafka.ownership import SLOW_OPEN, SLOWEST_OPEN

logger = logging.getLogger(__name__)

#: More series than this at once gain nothing: the provider's slots are a fraction of it.
MAX_RUNNING = 64
#: Seconds after which all unfinished series are looked at again, whether something was heard of them or not.
LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class _Active:
    """A series that was handed over: as which record, and the bytes its head may take. One that only is to be ended
    holds nothing that others need."""

    partition: int
    stamp: int
    size: int
    runs: bool


class Runner:
    """Starts and stops the owners of partitions. All methods may be called from any thread."""

    def __init__(self, deps: Deps, partitions: int) -> None:
        """``partitions``: how many ``series`` has."""
        self._deps = deps
        self._partitions = partitions
        self._owned: set[int] = set()
        self._owners: dict[int, PartitionOwner] = {}
        self._active: dict[str, _Active] = {}
        self._blocked_until: dict[int, float] = {}
        self._slow_open: dict[int, float] = {}
        #: Series that only wait for their live topics; they hold nothing that others need.
        self._waiting: set[str] = set()
        #: Series that wait for room, in their order, as of the last look at all that is unfinished.
        self._queue: deque[tuple[int, SeriesRecord]] = deque()
        #: When that was, and which partitions and what of ``series`` it saw; ``_afresh``: it does not count any more.
        self._looked, self._seen = 0.0, (frozenset[int](), -1)
        self._afresh = True
        #: Topics that were handed over to be swept.
        self._sweeping: set[str] = set()
        self._changed = threading.Condition()
        self._signalled = True
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="runner", daemon=True)

    def start(self) -> None:
        self._deps.index.on_change(self.wake)
        self._deps.fetcher.start()
        self._thread.start()

    def stop(self, timeout: float = 8.0) -> None:
        """Stop all owners before their next transaction and wait for them, at most ``timeout`` seconds."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            owners = list(self._owners.values())
        for owner in owners:
            owner.stop()
        self._deps.fetcher.stop()
        deadline = time.monotonic() + timeout
        for owner in owners:
            owner.join(max(0.0, deadline - time.monotonic()))

    def assign(self, partitions: Iterable[int]) -> None:
        """This worker owns exactly these partitions of ``series`` from now on."""
        with self._changed:
            self._owned = set(partitions)
            lost = [owner for p, owner in self._owners.items() if p not in self._owned]
            self._signalled = True
            self._changed.notify_all()
        for owner in lost:
            owner.stop()
        self._deps.fetcher.set_share(len(self._owned), self._partitions)

    def wake(self) -> None:
        """Something may have changed: look again."""
        with self._changed:
            self._signalled = True
            self._changed.notify_all()

    @property
    def owned(self) -> set[int]:
        """The partitions of ``series`` that this worker owns."""
        with self._changed:
            return set(self._owned)

    @property
    def running(self) -> set[str]:
        """The topics of the series that are being run, but for those that only wait for their live topics."""
        with self._changed:
            return {topic for topic, one in self._active.items() if one.runs} - self._waiting

    @property
    def waiting(self) -> int:
        """Series of which every row is written, and whose receipts wait for their live topics."""
        return len(self._waiting)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._signalled and not self._stopped:
                    self._changed.wait(1.0)
                if self._stopped:
                    return
                self._signalled = False
            try:
                self._hand_over()
            except Exception:
                logger.exception("the runner could not look for work, again in 1 s")
                time.sleep(1.0)

    def _hand_over(self) -> None:
        now = time.monotonic()
        with self._changed:
            free = {p for p in self._owned if self._blocked_until.get(p, 0.0) <= now}
            if not free:
                return
            seen = (frozenset(free), self._deps.index.asked)
            look = self._afresh or seen != self._seen or now - self._looked >= LOOK_EVERY
            self._afresh = False
        if look:
            self._looked, self._seen = now, seen
            self._queue = deque(_in_turns(self._hand_over_at_once(self._deps.index.unfinished(free))))
        self._sweep(free)
        with self._changed:
            room = MAX_RUNNING - sum(one.runs for one in self._active.values()) + len(self._waiting)
            used = sum(one.size for one in self._active.values())
        # Between two looks places are filled when half of them are free, so that topics are made by few requests:
        # brokers take as long for one as for fifty. The other half keeps the provider busy meanwhile.
        if room < MAX_RUNNING // 2 and not look:
            return
        refused = []
        while self._queue and room > 0:
            partition, record = self._queue[0]
            size = largest_step(record.name, record.start_time, record.end_time, record.contracts)
            # One series always runs, whatever its size; beyond that every head must fit the budget.
            if used and used + size > BUDGET:
                break
            self._queue.popleft()
            if self._duty(record) != "run":
                continue
            if self._submit(partition, record, size, runs=True):
                room -= 1
                used += size
            else:
                # Its owner is ending: the next one is there in a moment.
                refused.append((partition, record))
        self._queue.extendleft(reversed(refused))

    def _hand_over_at_once(self, found: list[tuple[int, SeriesRecord]]) -> list[tuple[int, SeriesRecord]]:
        """Hand over what needs no room: the end of series, and what is asked anew of those that run. The others."""
        others = []
        for partition, record in found:
            active = self._active.get(record.topic)
            if active is not None:
                # One that is being ended has no room to run in: it waits until its owner is done with it.
                if active.stamp < record.stamp and (active.runs or self._duty(record) != "run"):
                    self._submit(partition, record, active.size, runs=active.runs)
            elif self._duty(record) == "run":
                others.append((partition, record))
            else:
                self._submit(partition, record, 0, runs=False)
        return others

    def _duty(self, record: SeriesRecord) -> Duty | None:
        return duty(record, self._deps.index.checkpoint(record.topic, record.run))

    def _sweep(self, free: set[int]) -> None:
        """Have what ``progress`` says of series that are gone removed."""
        by_partition: dict[int, list[str]] = defaultdict(list)
        for partition, topic in self._deps.index.left_over(free):
            by_partition[partition].append(topic)
        with self._changed:
            self._sweeping &= {topic for topics in by_partition.values() for topic in topics}
            for partition, topics in by_partition.items():
                new = [topic for topic in topics if topic not in self._sweeping]
                owner, started = self._owner_of(partition) if new else (None, False)
                if owner is not None and owner.sweep(new):
                    self._sweeping.update(new)
                    if started:
                        owner.start()

    def _submit(self, partition: int, record: SeriesRecord, size: int, *, runs: bool) -> bool:
        with self._changed:
            owner, started = self._owner_of(partition)
            if owner is None or not owner.submit(record):
                return False
            self._active[record.topic] = _Active(partition, record.stamp, size, runs)
            if runs:
                self._deps.counts.begun(record.topic)
            if started:
                owner.start()
        return True

    def _owner_of(self, partition: int) -> tuple[PartitionOwner | None, bool]:
        """The owner of a partition, and whether it is new and has to be started; None where nothing is to be done."""
        if self._stopped or partition not in self._owned:
            return None, False
        owner = self._owners.get(partition)
        if owner is not None:
            return owner, False
        slow = self._slow_open.get(partition, SLOW_OPEN)
        owner = PartitionOwner(self._deps, partition, self._done, self._ended, self._waits, slow)
        self._owners[partition] = owner
        return owner, True

    def _waits(self, record: SeriesRecord) -> None:
        with self._changed:
            if record.topic in self._active:
                self._active[record.topic] = replace(self._active[record.topic], size=0)
                self._waiting.add(record.topic)
                self._signalled = True
                self._changed.notify_all()

    def _done(self, record: SeriesRecord) -> None:
        with self._changed:
            active = self._active.get(record.topic)
            # Something may have been asked of it since, which its owner has not looked at yet.
            if active is not None and active.stamp <= record.stamp:
                del self._active[record.topic]
                # A retry may have waited for the end of what was cancelled.
                self._afresh = self._afresh or not active.runs
            self._waiting.discard(record.topic)
            self._deps.counts.ended(record.topic)
            self._signalled = True
            self._changed.notify_all()

    def _ended(self, owner: PartitionOwner, pause: float) -> None:
        with self._changed:
            if self._owners.get(owner.partition) is owner:
                del self._owners[owner.partition]
            left = [t for t, one in self._active.items() if one.partition == owner.partition]
            for topic in left:
                del self._active[topic]
                self._deps.counts.ended(topic)
            self._waiting &= self._active.keys()
            self._sweeping.clear()
            self._afresh = self._afresh or bool(left)
            self._blocked_until[owner.partition] = time.monotonic() + pause
            if owner.was_slow:
                # A machine that is merely slow must get there too: each time the bound is doubled.
                slow = self._slow_open.get(owner.partition, SLOW_OPEN)
                self._slow_open[owner.partition] = min(SLOWEST_OPEN, 2 * slow)
            self._signalled = True
            self._changed.notify_all()


def _in_turns(found: list[tuple[int, SeriesRecord]]) -> list[tuple[int, SeriesRecord]]:
    """One series of each backtest, then the next of each: first the first ones of the request, which somebody may be
    waiting for, then partition by partition.

    Series of one partition have one owner: what it begins together costs the brokers one request for their topics and
    one transaction, and what gets ready together is committed together.
    """

    def place(pair: tuple[int, SeriesRecord]) -> tuple[int, bool, int, int]:
        partition, record = pair
        late = record.order >= MAX_RUNNING
        return record.run, late, partition if late else 0, record.order

    by_run: dict[int, list[tuple[int, SeriesRecord]]] = defaultdict(list)
    for partition, record in sorted(found, key=place):
        by_run[record.run].append((partition, record))
    return [pair for turn in zip_longest(*by_run.values()) for pair in turn if pair is not None]
