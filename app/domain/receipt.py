"""The receipt: what a finished series holds, in a form that a reader can check.

The digest is a chain over consecutive blocks of 65,536 Avro bodies (without the 5-byte frame), in order:
h₀ = 32 zero bytes, hᵢ = sha256(hᵢ₋₁ ‖ sha256(block i)). Schema ids, offsets and times are not in it, so
the same data in the same schema version gives the same value on every run and every cluster.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app.domain import sessions

BLOCK = 65_536
SessionStatus = Literal["complete", "no_data", "holiday", "early_close"]


class BodyDigest:
    """The chain while it grows. ``part_rows`` bodies are in the block that is not full yet."""

    def __init__(self, chain: bytes = bytes(32)) -> None:
        self.chain = chain
        self.part_rows = 0
        #: Bytes of the bodies that were added since this one, or the one it is a copy of, was made.
        self.added = 0
        self._part = hashlib.sha256()

    def room(self) -> int:
        """Bodies that still fit the open block."""
        return BLOCK - self.part_rows

    def update(self, bodies: Sequence[bytes]) -> None:
        """Add bodies, in order."""
        done = 0
        while done < len(bodies):
            take = bodies[done : done + self.room()]
            joined = b"".join(take)
            self._part.update(joined)
            self._grown(len(take), len(joined))
            done += len(take)

    def update_flat(self, bodies: memoryview, sizes: npt.NDArray[np.int64] | int, count: int) -> None:
        """Add ``count`` bodies that lie in one buffer; ``sizes`` are their bytes (one number: of each)."""
        done = begin = 0
        while done < count:
            take = min(self.room(), count - done)
            end = begin + (take * sizes if isinstance(sizes, int) else int(sizes[done : done + take].sum()))
            self._part.update(bodies[begin:end])
            self._grown(take, end - begin)
            done, begin = done + take, end

    def copy(self) -> BodyDigest:
        other = BodyDigest(self.chain)
        other.part_rows, other.added, other._part = self.part_rows, self.added, self._part.copy()
        return other

    def hex(self) -> str:
        """The value over everything so far."""
        return (self._link() if self.part_rows else self.chain).hex()

    def _grown(self, bodies: int, size: int) -> None:
        self.added += size
        self.part_rows += bodies
        if self.part_rows == BLOCK:
            self.chain = self._link()
            self._part, self.part_rows = hashlib.sha256(), 0

    def _link(self) -> bytes:
        return hashlib.sha256(self.chain + self._part.digest()).digest()


def iso(micros: int) -> str:
    """An instant in UTC microseconds as ISO 8601 with ``Z``; the fraction only where there is one."""
    moment = dt.datetime.fromtimestamp(micros // 1_000_000, dt.UTC).replace(microsecond=micros % 1_000_000)
    return moment.isoformat().replace("+00:00", "Z")


def session_report(
    start: dt.date, end: dt.date, rows: Mapping[dt.date, int], missing: Mapping[dt.date, int]
) -> list[dict[str, Any]]:
    """Every weekday of the range with its rows and what became of it. A half-day with rows is ``early_close``.

    ``missing`` stands only where the provider left out bars of its grid: what is not there is then neither a closed
    market nor a minute without a trade, for which it sends zeros.
    """
    return [
        {"date": day.isoformat(), "rows": rows.get(day, 0), "status": _status(day, rows.get(day, 0))}
        | ({"missing": missing[day]} if missing.get(day) else {})
        for day in sorted({*sessions.weekdays(start, end), *rows})
    ]


def _status(day: dt.date, rows: int) -> SessionStatus:
    match sessions.day_type(day), rows:
        case "full_close", 0:
            return "holiday"
        case _, 0:
            return "no_data"
        case "early_close", _:
            return "early_close"
        case _:
            return "complete"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The signed-off summary of a finished series; ``first`` and ``last`` are event times in UTC microseconds."""

    topic: str
    rows: int
    first: int | None
    last: int | None
    offsets: tuple[int, int]
    sha256: str
    sessions: list[dict[str, Any]]
    empty_bars: int
    provider: str
    finished_at: dt.datetime
    #: Where the series goes on into its live topic.
    live: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "topic": self.topic,
            "rows": self.rows,
            "first": None if self.first is None else iso(self.first),
            "last": None if self.last is None else iso(self.last),
            "offsets": {"0": list(self.offsets)},
            "sha256": self.sha256,
            "sessions": self.sessions,
            "empty_bars": self.empty_bars,
            "provider": self.provider,
            "finished_at": self.finished_at.astimezone(dt.UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            **({"live": dict(self.live)} if self.live is not None else {}),
        }
