"""What is asked of the provider for one running series, and what of it is there.

Not thread-safe: the fetcher holds its lock around everything here but ``assemble``, which works on what no other
thread touches any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.domain.bars import missing_bars, process_bars, rows_by_session
from app.domain.contracts import Contracts
from app.domain.hours import AskedHours
from app.domain.limits import Limits
from app.domain.listing import Listing, Need
from app.domain.overlap import Overlap
from app.domain.plan import Chunk, Plan, Step
from app.domain.planning import needs, needs_whole_days, plan_series
from app.domain.records import SeriesRecord, SessionCounts
from app.domain.retry import Attempt
from app.domain.rows import Rows
from app.domain.sizes import step_bytes
from app.domain.times import new_york_days
from app.errors import PlatformError


@dataclass(frozen=True, slots=True)
class Fetched:
    """The processed rows of one step. ``plan`` is the series' plan as it stands now: steps up to this one are
    settled. ``reserved``: bytes to give back once the rows are committed or given up."""

    index: int
    plan: Plan
    rows: Rows
    empty_bars: int
    counts: SessionCounts
    reserved: int


class Work:
    """Requests that are of use only together."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.next = 0
        self.left = count
        self.attempts: dict[int, Attempt] = {}
        self.delayed: list[int] = []
        self.reserved = 0

    def due(self, now: float) -> int | None:
        """A request whose next attempt may be made."""
        return next((i for i in self.delayed if self.attempts[i].not_before <= now), None)


class ListingWork(Work):
    """The listings that a plan wants."""

    def __init__(self, wanted: list[Need]) -> None:
        super().__init__(len(wanted))
        self.wanted = wanted
        self.found: dict[Need, Listing] = {}


class OverlapWork(Work):
    """What was written last, asked for once more; ``compare`` raises when it is not the same."""

    def __init__(self, overlap: Overlap, compare: Callable[[Rows], None]) -> None:
        super().__init__(1)
        self.overlap = overlap
        self.compare = compare


class StepWork(Work):
    """The chunks of a step."""

    def __init__(self, step: Step) -> None:
        super().__init__(len(step.chunks))
        self.step = step
        self.parts: list[Rows | None] = [None] * self.count
        #: Of its bars: those left out so far, and those that the provider did not send, by session.
        self.empty_bars = 0
        self.missing: dict[int, int] = {}

        self.fetched: Fetched | None = None

    @property
    def rows(self) -> int:
        """Rows that are there so far."""
        return sum(len(part) for part in self.parts if part is not None)


class SeriesFetch:
    """One running series: its plan once there is one, the steps that are asked for, there, or still to come."""

    def __init__(
        self, record: SeriesRecord, plan: Plan | None, first: int, limits: Limits, on_ready: Callable[[], None]
    ) -> None:
        """``plan`` and ``first``: the recorded plan and its first step that is still to be written."""
        self.record = record
        self.name = record.name
        self.limits = limits
        self.on_ready = on_ready
        self.head = first
        self.front = first
        self.failure: PlatformError | None = None
        self.given_up: Work | None = None
        self.listing: ListingWork | None = None
        self.overlap: OverlapWork | None = None
        self.plan: Plan | None = plan
        #: Steps before this one may have been begun.
        self.reach = first
        self._works: list[StepWork] = []
        self._alive: set[int] = set()
        if plan is None:
            wanted = needs(self.name, record.start, record.end, record.contracts, limits)
            if wanted:
                self.listing = ListingWork(wanted)
            else:
                self.plan = self.make_plan()
        #: The first step that was given up; only those before it are still worth fetching.
        self.end = 0
        if self.plan is not None:
            self.set_plan(self.plan)

    @property
    def gate(self) -> Work | None:
        """What has to be there before any step is asked for."""
        return self.listing or self.overlap

    @property
    def whole_days(self) -> bool:
        """Whether sessions may not be cut."""
        return needs_whole_days(self.name, self.record.empty_bars)

    def make_plan(self) -> Plan:
        """The plan from what is listed."""
        record = self.record
        return plan_series(
            self.name,
            record.start,
            record.end,
            record.start_time,
            record.end_time,
            self.limits,
            record.contracts,
            self.listing.found if self.listing else {},
            whole_days=self.whole_days,
        )

    def set_plan(self, plan: Plan) -> None:
        """Begin the steps of a plan, or go on with those of one that was split."""
        known = {id(work.step): work for work in self._works}
        self.plan = plan
        self.listing = None
        self._works = [known.get(id(step)) or StepWork(step) for step in plan.steps]
        self._alive = {id(work) for work in self._works}
        self.end = len(plan.steps) if self.given_up is None else self.index_of(self.given_up)
        self.front = min(self.front, self.end)
        self.reach = max((i + 1 for i, work in enumerate(self._works) if work.next), default=self.head)

    def work(self, index: int) -> StepWork:
        return self._works[index]

    def has(self, work: Work) -> bool:
        """Whether a work is still wanted: a split step's is not."""
        return work is self.listing or work is self.overlap or id(work) in self._alive

    def begun(self) -> Iterator[StepWork]:
        """The steps that are asked for and not taken."""
        return iter(self._works[self.head : self.reach])

    def index_of(self, work: Work) -> int:
        """The step of a work; that of the head for what comes before all steps."""
        return next((i for i, one in enumerate(self._works) if one is work), self.head)

    def bytes_of(self, work: StepWork, index: int) -> int:
        """Estimated memory of a chunk."""
        return step_bytes(self.name, work.step.chunks[index].rows)

    def split(self, work: StepWork, *, rights: bool) -> bool:
        """Put two steps in the place of one that is too large; False when it is as small as it can be.

        ``rights``: one of its answers is too large by itself, so that asking for calls and puts apart may help.

        Where sizes are a guess, later days are likely as large: those that nothing was asked for yet are split too.
        """
        assert self.plan is not None
        index = self.index_of(work)
        which = {index}
        if self.name.interval is None and self.record.name.record.has_hours:
            which |= {
                i
                for i in range(index + 1, len(self._works))
                if self._works[i].next == 0 and _alike(self._works[i].step, work.step)
            }
        # One of the others may be as small as it can be, which is no reason to leave this one as it is.
        plan = self.plan.split(which, self.name, whole_days=self.whole_days, rights=rights) or self.plan.split(
            {index}, self.name, whole_days=self.whole_days, rights=rights
        )
        if plan is None:
            return False
        self.set_plan(plan)
        self.front = min(self.front, index)
        return True


def kept(rows: Rows, series: SeriesFetch, chunk: Chunk) -> tuple[Rows, int, dict[int, int]]:
    """The rows of a chunk that are written, how many empty bars are left out, and which sessions have bars missing.

    The provider may have sent more contracts than were asked for, and more than are meant. Bars that are filled stay
    until the whole session is there.
    """
    for contracts in (series.record.contracts, chunk.contracts):
        if contracts is not None and contracts != Contracts() and len(rows):
            assert rows.contracts is not None
            mask = contracts.mask(rows.contracts, new_york_days(rows.timestamps))
            rows = rows if bool(mask.all()) else rows.take(mask)
    empty, missing = 0, dict[int, int]()
    if series.name.schema == "ohlcv":
        if series.name.asset == "stock":
            missing = missing_bars(rows, AskedHours(series.name, chunk.start_time, chunk.end_time).points)
        if series.record.empty_bars == "drop":
            rows, empty = process_bars(rows, "drop")
    return rows, empty, missing


def overlapping(rows: Rows, series: SeriesFetch, overlap: Overlap) -> Rows:
    """Those of an overlap's rows that were written before, if the provider told the same then."""
    rows, _, _ = kept(rows, series, overlap.chunk)
    if series.name.schema == "ohlcv" and series.record.empty_bars == "fill":
        rows, _ = process_bars(rows, "drop")
    return rows.take((rows.timestamps >= overlap.begin) & (rows.timestamps <= overlap.end))


def assemble(series: SeriesFetch, work: StepWork) -> tuple[Rows, int, SessionCounts]:
    """A step's rows as they are written, the empty bars left out, and its sessions' counts."""
    rows = Rows.joined([part for part in work.parts if part is not None]).in_event_order()
    work.parts.clear()
    if series.name.schema == "ohlcv" and series.record.empty_bars == "fill":
        rows, left_out = process_bars(rows, "fill")
        work.empty_bars += left_out
    return rows, work.empty_bars, SessionCounts(rows_by_session(rows), work.missing)


def _alike(one: Step, other: Step) -> bool:
    """Whether two steps ask for the same hours of a single day each."""
    a, b = one.chunks[0], other.chunks[0]
    return (
        one.start == one.end and other.start == other.end and (a.start_time, a.end_time) == (b.start_time, b.end_time)
    )
