"""What the coordinator answers, as frozen values. ``raw`` is the JSON as it came: what is not named here is in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: What nothing more becomes of; ``deleted`` is only told to who was watching.
FINAL: frozenset[str] = frozenset({"complete", "partial", "failed", "cancelled", "deleted"})


def when(text: str | None) -> dt.datetime | None:
    """An ISO 8601 time as an aware datetime in UTC."""
    return None if text is None else dt.datetime.fromisoformat(text).astimezone(dt.UTC)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backtest is. A chunk is what one request to the provider brings."""

    rows: int = 0
    chunks_done: int = 0
    chunks_total: int = 0
    eta_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """One series: ``reason`` says why it failed."""

    topic: str
    state: str
    rows: int = 0
    reason: str | None = None

    @property
    def is_final(self) -> bool:
        return self.state in FINAL


@dataclass(frozen=True, slots=True)
class Session:
    """A weekday of the range: ``complete``, ``early_close``, ``no_data`` or ``holiday``. ``missing`` bars the provider
    left out of its grid."""

    date: dt.date
    rows: int
    status: str
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """The signed-off summary of a finished series. ``first`` and ``last`` are event times; ``offsets`` the first row's
    and the last row's + 1; ``sha256`` the chain over its Avro bodies."""

    topic: str
    rows: int
    first: dt.datetime | None
    last: dt.datetime | None
    offsets: tuple[int, int]
    sha256: str
    sessions: tuple[Session, ...]
    empty_bars: int
    provider: str
    finished_at: dt.datetime | None
    raw: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Receipt:
        start, end = told["offsets"]["0"]
        return cls(
            topic=told["topic"],
            rows=told["rows"],
            first=when(told["first"]),
            last=when(told["last"]),
            offsets=(start, end),
            sha256=told["sha256"],
            sessions=tuple(
                Session(dt.date.fromisoformat(one["date"]), one["rows"], one["status"], one.get("missing", 0))
                for one in told["sessions"]
            ),
            empty_bars=told["empty_bars"],
            provider=told["provider"],
            finished_at=when(told["finished_at"]),
            raw=told,
        )


@dataclass(frozen=True, slots=True)
class BacktestStatus:
    """The state of a backtest at one moment."""

    backtest_id: str
    state: str
    progress: Progress
    series: tuple[SeriesStatus, ...]
    accepted_at: dt.datetime | None = None
    receipts: tuple[Receipt, ...] = ()
    raw: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether nothing more becomes of it, unless it is retried."""
        return self.state in FINAL

    @property
    def is_decided(self) -> bool:
        """False of the answer to a submission that is on ``requests`` but has not been decided yet."""
        return self.accepted_at is not None

    @property
    def reasons(self) -> dict[str, str]:
        """Topic to reason of each series that failed."""
        return {one.topic: one.reason or "no reason was told" for one in self.series if one.state == "failed"}

    def of_series(self, topic: str) -> SeriesStatus | None:
        return next((one for one in self.series if one.topic == topic), None)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> BacktestStatus:
        progress = told.get("progress") or {}
        return cls(
            backtest_id=told["backtest_id"],
            state=told["state"],
            progress=Progress(**{name: progress[name] for name in Progress.__slots__ if name in progress}),
            series=tuple(
                SeriesStatus(one["topic"], one["state"], one.get("rows", 0), one.get("reason"))
                for one in told.get("series", ())
            ),
            accepted_at=when(told.get("accepted_at")),
            receipts=tuple(Receipt.of(one) for one in told.get("receipts") or ()),
            raw=told,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a backtest would do. ``refused`` has ``{"topic", "reason"}`` of what the account's tier does not allow;
    ``series`` one entry each, as the coordinator tells them; ``seconds`` is a guess."""

    requests: int
    listings: int
    rows: int
    bytes: int
    seconds: float
    sessions: int
    refused: Sequence[Mapping[str, Any]]
    series: Sequence[Mapping[str, Any]]
    raw: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Plan:
        names = ("requests", "listings", "rows", "bytes", "seconds", "sessions", "refused", "series")
        return cls(**{name: told[name] for name in names}, raw=told)


@dataclass(frozen=True, slots=True)
class LiveSeries:
    """A live topic: between ``since`` and ``until`` it has every row but for its open gaps."""

    topic: str
    state: str
    reason: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    last: dt.datetime | None = None
    lag_ms: float | None = None
    rows: int = 0
    gaps: Sequence[Mapping[str, Any]] = ()
    raw: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> LiveSeries:
        return cls(
            topic=told["topic"],
            state=told["state"],
            reason=told.get("reason"),
            since=when(told.get("since")),
            until=when(told.get("until")),
            last=when(told.get("last")),
            lag_ms=told.get("lag_ms"),
            rows=told.get("rows") or 0,
            gaps=told.get("gaps") or (),
            raw=told,
        )
