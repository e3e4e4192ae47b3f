"""Whatever breaks and in whatever order things happen: in the end the topic holds what history holds, each row once,
and what is recorded never promises more than the topic has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.spans import spans
from app.live.draft import Draft
from app.live.series import Repair
from app.live.sums import WINDOW, WindowSums
from tests.unit.live.owner import OPEN, SECOND, Owner, Row, slice_of, subscription

#: Milliseconds that a row may be behind its time; the longest part of history that is asked for at once.
LATE, PART = 900, 1_500
BEGIN = OPEN + 10 * SECOND


@dataclass(eq=False)
class Job:
    """Looks for what a gap lacks, part by part, as the job of the live role does."""

    repair: Repair
    parts: Iterator[tuple[list[Row], int]]


@dataclass
class World:
    """History, the stream that brings it or loses it, and the owners of the topic, one after the other."""

    history: list[Row]
    arrivals: list[Row]
    start: int | None = None
    connected: bool = False
    jobs: list[Job] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.owner = Owner(subscription(start=self.start))

    # --- what happens -----------------------------------------------------------------------------------

    def arrive(self, count: int) -> None:
        """The next rows are sent; nobody hears them while the link is broken. Others are sent beside them."""
        part, self.arrivals = self.arrivals[:count], self.arrivals[count:]
        if part and self.connected:
            self.owner.feed(*part)
        self.look()

    def snap(self, _: int) -> None:
        if self.connected:
            self.connected = False
            self.owner.series.break_off("socket", self.owner.clock)
        self.look()

    def connect(self, _: int) -> None:
        if not self.connected:
            self.connected = True
            self.owner.clock.restart()
        self.look()

    def wait(self, tenths: int) -> None:
        """Some time passes in which rows may have waited for too long."""
        self.owner.mono += tenths / 2
        self.look()

    def ask(self, _: int) -> None:
        """History is asked what each gap lacks of which that can be known."""
        owner = self.owner
        for repair in owner.series.due_repairs(owner.clock, owner.mono):
            end = owner.series.ask(repair)
            self.jobs.append(Job(repair, self.job(repair, end)))

    def mend(self, count: int) -> None:
        """One job goes on by some parts, and may be done."""
        job = self.jobs[count % len(self.jobs)] if self.jobs else None
        for _ in range(count):
            if job in self.jobs:
                self.go_on(job)

    def go_on(self, job: Job) -> None:
        found = next(job.parts, None)
        if found is None:
            self.jobs.remove(job)
            self.owner.close(job.repair)
        else:
            self.owner.part(job.repair, *found)
        self.look()

    def heal(self, _: int) -> None:
        """What can be asked is, and all jobs are done at once."""
        self.ask(0)
        while self.jobs:
            self.go_on(self.jobs[0])

    def fail(self, which: int) -> None:
        """History does not answer one job any more."""
        if self.jobs:
            job = self.jobs.pop(which % len(self.jobs))
            self.owner.turn(lambda draft: self.owner.series.delay(job.repair, self.owner.mono, "no answer", draft))
        self.look()

    def take_over(self, _: int) -> None:
        """Another owner goes on with what is recorded; what was in the former one's mind is lost."""
        former = self.owner
        self.jobs, self.connected = [], False
        self.owner = Owner(former.sub, former.writer)
        self.owner.mono = former.mono
        if former.clock.latest is not None:
            self.owner.clock.recall(former.clock.latest, 0.0, self.owner.mono)

    # --- what the owner does of itself ------------------------------------------------------------------

    def look(self) -> None:
        owner = self.owner
        series = owner.series

        def turn(draft: Draft) -> None:
            if series.hold_until is not None and owner.mono > series.hold_until:
                series.release(draft)
            if self.connected and series.breach is not None:
                series.resume(owner.clock, owner.mono, draft)
            series.tell(owner.clock, None, draft)

        owner.turn(turn, aborted=int(owner.mono * 100) % 7 == 0, by=0.15)
        self.check()

    def job(self, repair: Repair, end: int) -> Iterator[tuple[list[Row], int]]:
        gap = repair.gap
        there = self.owner.writer.topics[self.owner.sub.topic][:end]
        present = Counter(one[1] for one in there if one and gap.begin // 1000 < one[2] <= gap.end // 1000)
        for span in spans(gap.begin, gap.end, None, None, PART):
            if gap.repaired is not None and span.end <= gap.repaired:
                continue
            missing = []
            for row in self.history:
                if span.begin < row[0] <= span.end:
                    if present[row[1]] > 0:
                        present[row[1]] -= 1
                    else:
                        missing.append(row)
            yield missing, span.end

    # --- what is to hold --------------------------------------------------------------------------------

    def check(self) -> None:
        """What is recorded is true: rows between since and until are there, but for those in open gaps; and none is
        there more often than in history."""
        there, every = Counter(self.owner.messages), Counter(message for _, message in self.history)
        assert not there - every
        coverage = self.owner.coverage
        if coverage is not None and coverage.since is not None and coverage.until is not None:
            missing = self.missing(coverage.since, coverage.until, there)
            open_gaps = [gap for gap in self.owner.gaps.values() if gap.state == "open"]
            for stamp, message in missing:
                in_a_gap = any(gap.begin < stamp <= gap.end for gap in open_gaps)
                assert in_a_gap, (message, coverage, open_gaps)

    def missing(self, since: int, until: int, there: Counter[bytes]) -> list[Row]:
        left, found = Counter(there), []
        for row in self.history:
            if left[row[1]] > 0:
                left[row[1]] -= 1
            elif since < row[0] <= until:
                found.append(row)
        return found

    def settle(self) -> None:
        """Everything arrives, and all gaps are looked into."""
        self.connect(0)
        while self.arrivals:
            self.look()
            self.arrive(2)
        last = max([OPEN, *(at for at, _ in self.history)]) + 10 * SECOND
        for i in range(3):
            # Others' events go on.
            self.owner.advance(last + i * 1000)
            self.look()
        for _ in range(200):
            self.owner.mono += 70
            self.look()
            self.ask(0)
            if not self.jobs:
                break
            while self.jobs:
                self.go_on(self.jobs[0])
        self.look()
        series = self.owner.series
        assert not series.busy
        coverage = self.owner.coverage
        assert coverage is not None
        assert coverage.since is not None
        assert coverage.until is not None
        assert self.missing(coverage.since, last, Counter(self.owner.messages)) == []
        assert all(gap.state == "closed" for gap in self.owner.gaps.values())
        if self.start is not None:
            assert coverage.since <= max(self.start, OPEN)
        self.check()
        self.compare(last)

    def compare(self, last: int) -> None:
        """The sums of what was written since it is whole are those of history."""
        sums = self.owner.series.sums
        expected = WindowSums(sums.begin)
        part = slice_of(self.history) if self.history else slice_of([(OPEN, b"")])
        expected.add(part.timestamps, part.hashes if self.history else np.zeros(1, dtype=np.int64))
        if self.history:
            assert sums.differing(expected.found, sums.begin, last + WINDOW) == []


rows = st.tuples(
    st.integers(0, 9_000), st.integers(0, LATE), st.sampled_from([b"", b"", b"!"]), st.sampled_from([1, 1, 2])
)


@st.composite
def worlds(draw: Any, *, start: bool = False) -> World:
    """Rows of some seconds, some of them the same as others, that arrive nearly in the order of their times."""
    made = draw(st.lists(rows, min_size=25, max_size=60))
    history: list[Row] = []
    sent: list[tuple[int, Row]] = []
    for ms, late, text, count in made:
        row = BEGIN + ms * 1000, b"%d%s" % (ms, text)
        history += [row] * count
        sent += [(row[0] + (late * (i + 1) // count) * 1000, row) for i in range(count)]
    begin = draw(st.sampled_from([None, BEGIN - 1000, BEGIN + 4_000_000])) if start else None
    return World(sorted(history), [row for _, row in sorted(sent)], begin)


def run(world: World, script: list[tuple[str, int]]) -> None:
    world.connect(0)
    for act, number in script:
        getattr(world, act)(number)
    world.settle()


def scripts(*acts: str) -> st.SearchStrategy[list[tuple[str, int]]]:
    return st.lists(st.tuples(st.sampled_from(acts), st.integers(1, 3)), min_size=40, max_size=90)


COMMON = ["arrive"] * 6 + ["snap", "connect", "connect", "wait", "ask", "ask", "mend", "mend", "mend", "heal", "heal"]
FAULTS = [*COMMON, "fail", "take_over"]


@settings(max_examples=30)
@given(world=worlds(), script=scripts(*COMMON))
def test_after_breaks_and_repairs_in_any_order_the_topic_holds_what_history_does(
    world: World, script: list[tuple[str, int]]
) -> None:
    run(world, script)


@settings(max_examples=30)
@given(world=worlds(start=True), script=scripts(*COMMON))
def test_with_a_start_in_the_past_too(world: World, script: list[tuple[str, int]]) -> None:
    run(world, script)


@settings(max_examples=30)
@given(world=worlds(), script=scripts(*FAULTS))
def test_when_owners_die_and_history_fails_too(world: World, script: list[tuple[str, int]]) -> None:
    run(world, script)
