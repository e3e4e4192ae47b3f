"""What each process of the platform tells of itself now and then: the records of the topic ``workers``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.domain.evolution import known
from app.domain.receipt import iso

#: Seconds between two reports of a process, and after which one that tells nothing more counts as gone.
REPORT_EVERY, SILENT_AFTER = 2.0, 15.0


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One process as it told itself. ``started_at`` is in UTC; ``missing`` is what its probe finds wanting; ``figures``
    are the role's own numbers by name (``slots_in_use``, ``rows_per_second``, …)."""

    role: str
    host: str
    pid: int
    version: str
    started_at: dt.datetime
    provider_state: str
    missing: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Names the process among all."""
        return key_of(self.role, self.host, self.pid)

    def encode(self) -> bytes:
        return orjson.dumps(
            {
                "role": self.role,
                "host": self.host,
                "pid": self.pid,
                "version": self.version,
                "started_at": self.started_at,
                "provider_state": self.provider_state,
                "missing": dict(self.missing),
                "figures": dict(self.figures),
            }
        )

    @classmethod
    def decode(cls, value: bytes) -> WorkerReport:
        body = orjson.loads(value)
        body["started_at"] = dt.datetime.fromisoformat(body["started_at"])
        return cls(**known(cls, body))

    def as_json(self, at: int) -> dict[str, Any]:
        """The report as it is told over HTTP; ``at``: when the broker took it, in milliseconds since 1970."""
        return {
            "role": self.role,
            "instance": f"{self.host}:{self.pid}",
            "version": self.version,
            "started_at": self.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "at": iso(at * 1000),
            "ready": not self.missing,
            "missing": dict(self.missing),
            "provider_state": self.provider_state,
            **self.figures,
        }


def key_of(role: str, host: str, pid: int) -> str:
    """The key of a process's reports."""
    return f"{role}/{host}/{pid}"


def standing(reports: Iterable[tuple[WorkerReport, int]]) -> list[tuple[WorkerReport, int]]:
    """The processes that are still telling, by role, host and pid; each with the time of its last report.

    How old a report is goes by the newest of all, for whoever asks is one of them: clocks of machines may differ, the
    broker's stamps all.
    """
    found = list(reports)
    newest = max((at for _, at in found), default=0)
    there = [(report, at) for report, at in found if newest - at <= SILENT_AFTER * 1000]
    return sorted(there, key=lambda one: (one[0].role, one[0].host, one[0].pid))
