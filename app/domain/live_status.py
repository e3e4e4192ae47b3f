"""The state of a live topic as the coordinator tells it: a pure function of the logs, which nobody stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.domain.live import Coverage, FeedState, Gap, Subscription, iso
from app.domain.live_request import hours_of
from app.domain.schema import TICK

#: Gaps of a topic that are told at once.
GAPS_TOLD = 50
_UNTOLD = Coverage(run=-1, state="waiting")


def live_status(
    one: Subscription, coverage: Coverage | None, feed: FeedState | None, gaps: Sequence[Gap], gaps_total: int
) -> dict[str, Any]:
    """One entry of ``GET /live``. ``coverage`` and ``gaps`` are those of the subscription's own run; ``gaps_total``
    counts also the gaps that are no longer known one by one."""
    name, found = one.name, coverage or _UNTOLD
    who: dict[str, Any] = {"symbol": name.symbol}
    if name.asset == "option":
        universes = [universe.as_json() for universe in one.filters]
        who = {"root": name.symbol, "universes": universes, "contracts": found.contracts}
    start_time, end_time = hours_of(one)
    return {
        "topic": one.topic,
        "asset": name.asset,
        **who,
        "schema": name.schema,
        "interval": name.interval or (TICK if name.record.ticks else None),
        "start_time": start_time.isoformat(),
        "end_time": end_time.isoformat(),
        "run": one.run,
        "state": found.state,
        "reason": found.reason,
        "since": iso(found.since),
        "until": iso(found.until),
        "verified": iso(found.verified),
        "last": iso(found.last),
        "lag_ms": found.lag_ms,
        "rows": found.rows,
        "late": found.late,
        "outside": found.outside,
        "feed": feed.state if feed else None,
        "gaps": [gap.as_json() for gap in _told(gaps)],
        "gaps_total": gaps_total,
    }


def _told(gaps: Sequence[Gap]) -> list[Gap]:
    """The open ones first, then the others, each the latest first."""
    return sorted(gaps, key=lambda gap: (gap.state == "open", gap.begin, gap.end), reverse=True)[:GAPS_TOLD]
