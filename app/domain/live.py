"""The records of the live side: what is subscribed, how far a live topic is covered, and its gaps.

Times of events are UTC microseconds inside and ISO 8601 in JSON. ``run`` is the offset in ``requests`` of the
subscription that began a topic's present life: one that repeats a standing subscription keeps it, one after an
unsubscribe has a new one, and coverage and gaps of another run do not count.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from app.domain.contracts import Contracts
from app.domain.evolution import known
from app.domain.series import SeriesName

#: Microseconds by which an event may arrive behind later ones: the highest event time written, less this, is what a
#: live topic surely holds; a bar ends this long after its last moment.
LATENESS = 2_000_000
#: Key in ``coverage`` of the feed itself.
FEED_KEY = "@feed"
#: The schemas that the stream carries, or that are made from what it carries.
LIVE_SCHEMAS = ("trade", "quote", "ohlcv")

#: ``waiting``: its owner has not asked for it yet, or the terminal does not answer; ``refused``: the terminal does
#: not serve it, in its own words; ``live``: rows arrive.
LiveState = Literal["waiting", "live", "refused"]
#: Why rows were missed: the socket broke; the terminal lost its servers; the owner changed; the platform was slower
#: than the feed; the comparison with history found it; history before the subscription was asked for; contracts were
#: added.
GapCause = Literal["socket", "upstream", "take_over", "overflow", "silent", "start", "widened"]
#: ``failed``: history does not have it either, for a reason that waiting does not change.
GapState = Literal["open", "closed", "failed"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a live topic is subscribed to.

    ``filters``: of an option topic, the declared universes, whose union is meant; none for stocks. ``start`` (UTC
    microseconds): rows later than this are wanted although nobody was subscribed then. ``start_time`` and
    ``end_time``: New York wall clock, both inclusive; None: the regular hours, as in history.
    """

    topic: str
    run: int
    filters: tuple[Contracts, ...] = ()
    start: int | None = None
    start_time: dt.time | None = None
    end_time: dt.time | None = None

    @property
    def name(self) -> SeriesName:
        return SeriesName.parse(self.topic)

    def encode(self) -> bytes:
        return orjson.dumps(
            {
                "run": self.run,
                "filters": [one.as_json() for one in self.filters],
                "start": iso(self.start),
                "start_time": self.start_time and self.start_time.isoformat(),
                "end_time": self.end_time and self.end_time.isoformat(),
            }
        )

    @classmethod
    def decode(cls, topic: str, value: bytes) -> Subscription:
        body = orjson.loads(value)
        if later := body.keys() - known(cls, body).keys():
            raise ValueError(f"a subscription with {min(later)}, which this version does not know")
        return cls(
            topic,
            body["run"],
            tuple(Contracts.from_json(one) for one in body["filters"]),
            micros(body["start"]),
            body["start_time"] and dt.time.fromisoformat(body["start_time"]),
            body["end_time"] and dt.time.fromisoformat(body["end_time"]),
        )

    @property
    def universe(self) -> str:
        """A short name of what is subscribed to: coverage is true for it, and for nothing wider."""
        return hashlib.sha256(orjson.dumps([one.as_json() for one in self.filters])).hexdigest()[:16]

    def joined(self, other: Subscription) -> Subscription:
        """This subscription with what another one of the same topic asks beyond it; keeps this one's run.

        Universes that another one covers are left out: the union is the same.
        """
        filters = self.filters
        for new in other.filters:
            if not any(one.covers(new) for one in filters):
                filters = (*(one for one in filters if not new.covers(one)), new)
        starts = [one for one in (self.start, other.start) if one is not None]
        return replace(self, filters=filters, start=min(starts) if starts else None)


_INSTANTS = ("since", "until", "verified", "last")


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far a live topic is, as its owner last recorded it.

    Every row of the subscription with an event time in (``since``, ``until``] is in the topic, but for the topic's
    open gaps. ``since`` None: nothing is sure yet. Up to ``verified`` it has been compared with history. ``rows`` were
    written by this run, ``late`` are trades that came after their bar was written, ``outside`` events outside of the
    subscription's hours, ``lag_ms`` the time from a frame's arrival to its commit, ``last`` the last event time
    written. ``universe`` names the contracts that this is true for. ``trims``: the next offset at the begin of each day
    (UTC, by the platform's clock) and how far it was whole then, by ISO date.
    """

    run: int
    state: LiveState
    since: int | None = None
    until: int | None = None
    verified: int | None = None
    last: int | None = None
    rows: int = 0
    late: int = 0
    outside: int = 0
    contracts: int = 0
    lag_ms: float | None = None
    reason: str | None = None
    universe: str | None = None
    trims: dict[str, tuple[int, int | None]] = field(default_factory=dict)

    def encode(self) -> bytes:
        body = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return orjson.dumps(body | {name: iso(body[name]) for name in _INSTANTS})

    @classmethod
    def decode(cls, value: bytes) -> Coverage:
        body = orjson.loads(value)
        return cls(**known(cls, body) | {name: micros(body.get(name)) for name in _INSTANTS})


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of event time (``begin``, ``end``] of a live topic in which rows were, or may have been, missed.

    ``id`` is unique in its topic and run. ``repaired``: history up to this moment is in. ``rows`` were added by the
    repair, at ``offsets`` (first, last + 1); ``bars`` are bars that stand in the topic otherwise than in history,
    with history's values. The last record of an id counts.
    """

    topic: str
    run: int
    id: str
    begin: int
    end: int
    why: GapCause
    state: GapState = "open"
    repaired: int | None = None
    rows: int = 0
    offsets: tuple[int, int] | None = None
    reason: str | None = None
    bars: tuple[dict[str, Any], ...] = ()
    opened_at: str = ""
    closed_at: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "from": iso(self.begin),
            "to": iso(self.end),
            "why": self.why,
            "state": self.state,
            "repaired_to": iso(self.repaired),
            "rows": self.rows,
            "offsets": list(self.offsets) if self.offsets else None,
            "reason": self.reason,
            "bars": list(self.bars),
            "opened_at": self.opened_at,
            "closed_at": self.closed_at,
        }

    def encode(self) -> bytes:
        return orjson.dumps({"topic": self.topic, "run": self.run, **self.as_json()})

    @classmethod
    def decode(cls, value: bytes) -> Gap:
        body = orjson.loads(value)
        begin, end = micros(body["from"]), micros(body["to"])
        assert begin is not None
        assert end is not None
        return cls(
            topic=body["topic"],
            run=body["run"],
            id=body["id"],
            begin=begin,
            end=end,
            why=body["why"],
            state=body["state"],
            repaired=micros(body["repaired_to"]),
            rows=body["rows"],
            offsets=tuple(body["offsets"]) if body["offsets"] else None,
            reason=body["reason"],
            bars=tuple(body["bars"]),
            opened_at=body["opened_at"],
            closed_at=body["closed_at"],
        )


@dataclass(frozen=True, slots=True)
class FeedState:
    """The feed as its owner last recorded it (key ``@feed`` of ``coverage``).

    ``state`` is ``connecting``, the terminal's own word (``CONNECTED``, ``DISCONNECTED`` …) or ``unreachable``;
    ``clock`` the highest event time seen; ``since`` when the state began, ``at`` when this was recorded, ISO 8601.
    """

    state: str
    since: str
    clock: int | None = None
    reason: str | None = None
    connects: int = 0
    at: str = ""

    def encode(self) -> bytes:
        body = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return orjson.dumps(body | {"clock": iso(self.clock)})

    @classmethod
    def decode(cls, value: bytes) -> FeedState:
        body = orjson.loads(value)
        return cls(**known(cls, body) | {"clock": micros(body["clock"])})


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def iso(micros_: int | None) -> str | None:
    """UTC microseconds as ISO 8601 with ``Z``; None stays None."""
    if micros_ is None:
        return None
    return (_EPOCH + dt.timedelta(microseconds=micros_)).isoformat().replace("+00:00", "Z")


def micros(text: str | None) -> int | None:
    """The inverse of ``iso``."""
    if text is None:
        return None
    return (dt.datetime.fromisoformat(text) - _EPOCH) // dt.timedelta(microseconds=1)
