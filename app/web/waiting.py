"""Long polls: a GET of a backtest that answers when there is something to say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from app.web.front import Front
from app.web.snapshots import Snapshot

#: Seconds that may be waited for at the most, and between two looks at whether the process is to end.
LONGEST, _STOP_LOOK = 60.0, 1.0
_NAME = re.compile(r'(?:W/)?"([0-9a-f]{16})"')


def known_name(if_none_match: str | None) -> str | None:
    """The snapshot's name in an ``If-None-Match``; None where there is none of ours. Weak or strong are the same to it
    (RFC 9110, 13.1.2)."""
    found = _NAME.search(if_none_match or "")
    return None if found is None else found[1]


async def settled(
    front: Front, backtest_id: str, seconds: float, known: str | None, stopping: Callable[[], bool]
) -> Snapshot | None:
    """The backtest once it has ended, or is something else than ``known`` (a snapshot's name), or after ``seconds``;
    None when there is none, or none any more."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while (record := front.index.backtest(backtest_id)) is not None:
        version = front.index.version
        now = await front.snapshots.of(record)
        left = deadline - loop.time()
        if now.ended or (known is not None and now.name != known) or left <= 0 or stopping():
            return now
        await front.news(version, min(left, _STOP_LOOK))
    return None
