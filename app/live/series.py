"""A live topic as its owner knows it: what it is subscribed to, how far it is whole, and what is to be repaired.

Everything here happens in the owner's thread, between two transactions; what is put into the draft is written with
the next one.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from dataclasses import dataclass, field, replace

from app.domain.contracts import Packed
from app.domain.hours import AskedHours
from app.domain.live import LATENESS, Coverage, Gap, GapCause, LiveState, Subscription
from app.domain.schema import RecordType
from app.domain.series import SeriesName
from app.domain.spans import spans
from app.domain.stream import StreamKey, What
from app.kafka.topics import COVERAGE, GAPS
from app.live.clock import QUIET, FeedClock
from app.live.draft import Block, Draft, Placed

#: Seconds that rows wait for a short repair, so that they follow what it brings.
HOLD = 2.0
#: Seconds until a repair that failed is tried again, and until one that history refuses is.
AGAIN = 60.0
#: Sessions that a quiet feed's own clock is trusted for; a replay may be years behind this machine's.
_TRUSTED_DAYS = 7
_SECOND = 1_000_000
#: Seconds after which events of other subscriptions tell the market's time well enough.
_SETTLE = 0.25
_NEVER = 1 << 62


@dataclass(slots=True)
class Breach:
    """Rows may have been missed since ``begin`` (None: nothing was sure before), and they still may be."""

    begin: int | None
    why: GapCause


@dataclass(slots=True)
class Repair:
    """A gap being closed. ``tap`` counts the rows of its span that were written since history was asked.

    ``asked`` is the span that is looked into, which of a suspicion is more than what turns out to be missing.
    """

    gap: Gap
    asked: Gap
    #: A suspicion is not told before something is found to be missing.
    told: bool = True
    under_way: bool = False
    not_before: float = 0.0
    tap: Counter[bytes] | None = None
    #: Up to where it was suspected, if it was.
    suspected: int | None = None
    #: History up to here is in hand, and waits to be written.
    in_hand: int | None = None
    #: Nothing more will be found; and why not, if that is known.
    done: bool = False
    failed: str | None = None
    #: Where each of its blocks lies; a block that is written again lies somewhere else.
    places: dict[int, tuple[int, int]] = field(default_factory=dict)

    def block(self) -> Placed:
        """What a new block of its rows is to be told."""
        number = len(self.places) + 1
        if not self.places and self.gap.offsets:
            self.places[0] = self.gap.offsets[0], self.gap.offsets[1] - 1
        self.places[number] = _NEVER, -1

        def placed(first: int, last: int) -> None:
            self.places[number] = first, last
            firsts, lasts = zip(*self.places.values(), strict=True)
            self.gap = replace(self.gap, offsets=(min(firsts), max(lasts) + 1))

        return placed

    def written(self) -> None:
        """What was in hand has been written."""
        if self.in_hand is not None:
            self.gap, self.in_hand = replace(self.gap, repaired=self.in_hand), None

    @property
    def reaches_the_end(self) -> bool:
        """Whether what was missing goes on to the end of what was looked at: then it is missing still."""
        return self.told and self.suspected is not None and self.gap.end >= self.suspected - 2 * _SECOND


class Series:
    """What all live topics have in common. ``mono`` is a monotonic clock's seconds."""

    #: What has to be on the stream for it.
    what: What

    def __init__(self, sub: Subscription, prefix: bytes) -> None:
        self.sub = sub
        self.topic = sub.topic
        self.name: SeriesName = sub.name
        self.record: RecordType = self.name.record
        self.prefix = prefix
        self.hours = AskedHours(self.name, sub.start_time, sub.end_time)
        self.members: Packed | None = None
        self.members_of: dt.date | None = None
        self.keys: frozenset[StreamKey] = frozenset()
        self.prepared = False
        self.end_offset = 0
        self.state: LiveState = "waiting"
        self.reason: str | None = None
        self.since: int | None = None
        self.last: int | None = None
        self.rows = 0
        self.late = 0
        self.outside = 0
        self.trims: dict[str, tuple[int, int | None]] = {}
        self.trim_day = ""
        #: The market's time at which its universe was resolved.
        self.members_at = 0
        #: The latest event time that the stream, and no repair, has brought.
        self.heard: int | None = None
        self.breach: Breach | None = Breach(None, "take_over")
        self.repairs: dict[str, Repair] = {}
        self.hold_until: float | None = None
        self._frozen: int | None = None
        self._resuming: tuple[int | None, int, float] | None = None
        self._told: tuple[object, ...] = ()
        #: Everything up to here has been compared with history.
        self.verified: int | None = None
        self.comparing = False

    # --- what was there before ----------------------------------------------------------------------------

    def recover(self, coverage: Coverage | None, gaps: list[Gap]) -> None:
        """Go on from what the former owner recorded."""
        if coverage is None:
            return
        self.since, self.last, self.rows = coverage.since, coverage.last, coverage.rows
        self.late, self.outside, self.trims = coverage.late, coverage.outside, dict(coverage.trims)
        self.breach = Breach(coverage.until, "take_over")
        for gap in gaps:
            if gap.state == "open":
                self.repairs[gap.id] = Repair(gap, self.asked_for(gap))
        if coverage.universe not in (None, self.sub.universe):
            # Contracts were added, and nothing is sure of all of them yet.
            self.verified = coverage.verified
            self.start_anew(coverage.until)
        elif coverage.until is not None:
            self._suspect(coverage.verified if coverage.verified is not None else coverage.since, coverage.until)

    def _suspect(self, begin: int | None, until: int | None) -> None:
        """What was not compared may have a hole that nobody told."""
        if begin is not None and until is not None and begin < until:
            # It says nothing of the subscriptions that stand now.
            self.open_gap(begin, until, "silent", None).suspected = _NEVER

    def start_anew(self, until: int | None) -> None:
        """Nothing is sure any more; what had not been compared up to ``until`` still wants to be."""
        self._suspect(self._verified(), until)
        self.since, self.verified, self.breach, self._resuming = None, None, Breach(None, "widened"), None

    # --- how far it is whole --------------------------------------------------------------------------------

    def until(self, clock: FeedClock) -> int | None:
        """Up to which event time everything is in the topic, but for its open gaps."""
        if self.breach is not None:
            return self.breach.begin
        if self._frozen is not None:
            return self._frozen
        if clock.latest is None:
            return self.since
        return max(clock.latest - LATENESS, self.since or 0)

    def break_off(self, why: GapCause, clock: FeedClock) -> None:
        """From now on rows may be missed."""
        self._resuming = None
        if self.breach is None:
            self.breach = Breach(self.until(clock) if self.since is not None or self.repairs else None, why)

    @property
    def busy(self) -> bool:
        """Whether it wants to be looked at in each turn."""
        return not self.prepared or self.breach is not None or self.hold_until is not None or bool(self.repairs)

    def whole_from(self, clock: int) -> int:
        """From when on the stream's rows are whole, if the feed is back at ``clock``; events of other subscriptions
        may run ahead of this one's by a second."""
        return clock + _SECOND

    def resume(self, clock: FeedClock, mono: float, draft: Draft) -> None:
        """Every subscription stands: settle from when on rows are whole again, once the market's time is known."""
        if self.breach is None:
            return
        if self._resuming is None:
            sure = None if clock.latest is None else clock.latest - clock.guessed
            self._resuming = (sure, clock.set_back, mono)
            self.begin_hold(mono)
            return
        latest, set_back, since = self._resuming
        # A late event says nothing of the time: it has to have gone on, and some more should have had their say.
        on = clock.latest is not None and (latest is None or clock.latest > latest or clock.set_back > set_back)
        if on and clock.events and mono - since >= _SETTLE:
            assert clock.latest is not None
            self._resumed(self.whole_from(clock.latest), draft)
        elif mono - since >= QUIET and not clock.in_doubt:
            now = self._quiet_clock(clock, mono)
            if now is None:
                self.reason = "no event has come yet, so the market's time is not known"
            else:
                self._resumed(self.whole_from(now), draft)

    def begin_hold(self, mono: float) -> None:
        """Rows that come now wait for the repair, if it is short."""

    def end_hold(self, draft: Draft) -> None:
        """What waited is written."""

    def release(self, draft: Draft) -> None:
        """Do not wait any longer: what waits is written, and gaps of which nothing is missing any more are closed."""
        self.end_hold(draft)
        for repair in list(self.repairs.values()):
            repair.written()
            if repair.done:
                self._closed(repair, draft)

    def _resumed(self, end: int, draft: Draft) -> None:
        assert self.breach is not None
        begin, why = self.breach.begin, self.breach.why
        if self.hold_until is not None:
            self._frozen = begin
        self.breach, self._resuming, self.reason = None, None, None
        start = self.sub.start
        if begin is not None and end <= begin:
            # The market's time was set back: what was sure is of another time.
            self.start_anew(None)
            self.breach, begin = None, None
        if begin is not None:
            self.open_gap(begin, end, why, draft)
        if begin is None and start is None and self.since is None:
            start = self.begun_before(end)
        whole = self.since if self.since is not None else begin if begin is not None else end
        starts = [repair.gap.begin for repair in self.repairs.values() if repair.gap.why == "start"]
        whole = min([whole, *starts])
        if start is not None and start < whole:
            self.open_gap(start, whole, "start", draft)
        elif self.since is None and not starts:
            self.since = whole
        self.whole_again(end)
        if not self.repairs:
            self.release(draft)

    def begun_before(self, end: int) -> int | None:
        """Rows later than this, and not after ``end``, began before the subscription stood and are history's."""
        return None

    def whole_again(self, end: int) -> None:
        """Rows after ``end`` are the stream's alone."""
        if self.verified is None:
            self.verified = end

    def _quiet_clock(self, clock: FeedClock, mono: float) -> int | None:
        """The market's time on a feed that is alive and says nothing."""
        now = clock.now(mono)
        if now is not None:
            return now
        assert self.breach is not None
        wall = time.time_ns() // 1000
        begins = [one for one in (self.breach.begin, self.sub.start) if one is not None]
        trusted = not begins or wall - min(begins) <= _TRUSTED_DAYS * 86_400 * _SECOND
        return wall if trusted else None

    def want_start(self, draft: Draft) -> None:
        """History from ``sub.start`` on is wanted too."""
        start = self.sub.start
        if start is None or self.breach is not None:
            # What it lacks is settled when the feed is back.
            return
        begins = [repair.gap.begin for repair in self.repairs.values() if repair.gap.why == "start"]
        whole = min(begins) if begins else self.since
        if whole is not None and start < whole:
            self.open_gap(start, whole, "start", draft)

    # --- gaps -----------------------------------------------------------------------------------------------

    def open_gap(self, begin: int, end: int, why: GapCause, draft: Draft | None) -> Repair:
        """A new gap; told at once if there is a draft, else once something is found to be missing in it."""
        gap = Gap(self.topic, self.sub.run, f"{time.time_ns():x}", begin, end, why, opened_at=_now())
        repair = Repair(gap, self.asked_for(gap), told=draft is not None, suspected=end if draft is None else None)
        self.repairs[gap.id] = repair
        if draft is not None:
            draft.record(GAPS, self.topic, gap.encode())
            draft.gaps.append(("opened", gap))
        return repair

    def asked_for(self, gap: Gap) -> Gap:
        """The span that history is asked for to close a gap."""
        return gap

    def silent_since(self, begin: int) -> bool:
        """Whether the stream has brought nothing since then."""
        return self.heard is None or self.heard <= begin

    def close_gap(self, repair: Repair, draft: Draft, *, failed: str | None = None) -> None:
        """Nothing more will be found for a gap; it is closed when what was found is written."""
        repair.done, repair.failed = True, failed
        if self.hold_until is None or all(one.done for one in self.repairs.values()):
            self.release(draft)

    def _closed(self, repair: Repair, draft: Draft) -> None:
        failed = repair.failed
        repair.gap = replace(
            repair.gap, state="failed" if failed else "closed", reason=failed, closed_at=_now(), repaired=repair.gap.end
        )
        if repair.told:
            # Its offsets are known with the rows of the same transaction.
            draft.late_records.append(lambda: (GAPS, self.topic.encode(), repair.gap.encode()))
            draft.gaps.append((repair.gap.state, repair.gap))
        del self.repairs[repair.gap.id]
        begins = [one.gap.end for one in self.repairs.values() if one.gap.why == "start"]
        if repair.gap.why == "start" and (not begins or min(begins) > repair.gap.begin):
            whole = repair.gap.end if failed else repair.gap.begin
            self.since = whole if self.since is None else min(whole, self.since)

    def delay(self, repair: Repair, mono: float, why: str, draft: Draft) -> None:
        """A repair did not succeed; it is tried again later."""
        repair.under_way, repair.tap = False, None
        repair.not_before = mono + AGAIN
        if repair.told:
            repair.gap = replace(repair.gap, reason=why)
            draft.record(GAPS, self.topic, repair.gap.encode())

    def due_repairs(self, clock: FeedClock, mono: float) -> list[Repair]:
        """The gaps of which history can be asked for now."""
        now = clock.now(mono)
        if now is None:
            return []
        waiting = (one for one in self.repairs.values() if not one.under_way and not one.done)
        return [one for one in waiting if one.not_before <= mono and now >= self.asked_from(one)]

    def asked_from(self, repair: Repair) -> int:
        """The market's time from which on history has all of a gap."""
        return repair.asked.end

    def comparable(self, end: int) -> int:
        """The latest moment up to which it can be compared with history, when windows are over up to ``end``."""
        return end

    # --- what is told ---------------------------------------------------------------------------------------

    def coverage(self, clock: FeedClock, lag_ms: float | None) -> Coverage:
        return Coverage(
            run=self.sub.run,
            state=self.state,
            since=self.since,
            until=self.until(clock),
            verified=self._verified(),
            last=self.last,
            rows=self.rows,
            late=self.late,
            outside=self.outside,
            contracts=0 if self.members is None else len(self.members),
            lag_ms=None if lag_ms is None else round(lag_ms, 1),
            reason=self.reason,
            universe=self.sub.universe,
            trims=self.trims,
        )

    def _verified(self) -> int | None:
        suspected = [repair.asked.begin for repair in self.repairs.values() if repair.suspected is not None]
        known = [one for one in (self.verified, *suspected) if one is not None]
        return min(known) if known else self.since

    def tell(self, clock: FeedClock, lag_ms: float | None, draft: Draft, *, changes_only: bool = False) -> None:
        """Record the coverage, if there is anything new to it."""
        now = (self.state, self.reason, self.since, len(self.members) if self.members is not None else 0)
        moved = () if changes_only else (self.until(clock), self.rows, self.outside, self.late, self._verified())
        if now == self._told[:4] and (changes_only or moved == self._told[4:]):
            return
        self._told = (*now, *(moved or self._told[4:]))
        draft.record(COVERAGE, self.topic, self.coverage(clock, lag_ms).encode())

    def put(self, block: Block, last: int, draft: Draft) -> None:
        """Rows go into the draft; ``last`` is the latest of their event times."""
        self.rows += len(block.messages)
        self.last = last if self.last is None else max(self.last, last)
        draft.add(self.topic, block, self._ended)

    def _ended(self, offset: int) -> None:
        self.end_offset = offset

    # --- sessions -------------------------------------------------------------------------------------------

    def asks_nothing(self, gap: Gap) -> bool:
        """Whether no session's hours lie in a gap."""
        return not spans(gap.begin, gap.end, self.sub.start_time, self.sub.end_time)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z")
