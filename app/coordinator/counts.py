"""What the decider has decided, and how the backtests stand."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import get_args

from app.domain.decide import Decision, Instructed
from app.domain.instructions import INSTRUCTIONS
from app.domain.records import BacktestRecord, Checkpoint
from app.domain.status import BacktestState, backtest_state, told_state
from app.kafka.log import Record
from app.tally import Spread, Tally

#: The kinds of decisions: the classes' names in lower case, and of instructions which one it was.
KINDS = (*(kind.__name__.lower() for kind in get_args(Decision) if kind is not Instructed), *INSTRUCTIONS)
STATES: tuple[BacktestState, ...] = get_args(BacktestState)
#: Seconds for which the states of all backtests are not computed anew.
_FRESH = 10.0


class Counts:
    """Decisions by kind; ``seconds`` are from a message's time stamp, the broker's, to its decision's commit."""

    def __init__(self) -> None:
        self.decided = Tally((kind,) for kind in KINDS)
        self.seconds = Spread((0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0))

    def committed(self, decisions: Iterable[tuple[Record, Decision]]) -> None:
        """These count now."""
        now = time.time()
        for record, decision in decisions:
            self.decided.add(decision.what if isinstance(decision, Instructed) else type(decision).__name__.lower())
            self.seconds.take(max(0.0, now - record.timestamp / 1000))


class States:
    """How many backtests are in each state. Threads may share it."""

    def __init__(
        self,
        backtests: Callable[[], list[BacktestRecord]],
        checkpoint: Callable[[str, int], Checkpoint | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backtests = backtests
        self._checkpoint = checkpoint
        self._clock = clock
        self._lock = threading.Lock()
        self._topics: dict[int, list[str]] = {}
        self._found: Mapping[tuple[str, ...], float] = {}
        self._computed = float("-inf")

    def read(self) -> Mapping[tuple[str, ...], float]:
        """By state, at most ten seconds old: there may be ten thousand series."""
        with self._lock:
            if self._clock() - self._computed > _FRESH:
                self._found = self._count()
                self._computed = self._clock()
            return self._found

    def _count(self) -> Mapping[tuple[str, ...], float]:
        records = self._backtests()
        # Making a topic's name takes longer than looking it up.
        self._topics = {record.run: self._topics.get(record.run) or _topics(record) for record in records}
        found = Counter(backtest_state([self._state(t, r) for t in self._topics[r.run]]) for r in records)
        return {(state,): float(found[state]) for state in STATES}

    def _state(self, topic: str, record: BacktestRecord) -> str:
        return told_state(record, self._checkpoint(topic, record.run))


def _topics(record: BacktestRecord) -> list[str]:
    return [name.topic for name, _ in record.backtest.members()]
