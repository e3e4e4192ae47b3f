"""What measurements wait for: that processes are ready, that a backtest has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from app.errors import LocalServiceError
from app.local.probe import http_status

FINAL = ("complete", "partial", "failed", "cancelled")
_READY_WITHIN, _ENDED_WITHIN = 180.0, 900.0
#: Seconds between two looks, which is how finely such a time is told.
_READY_LOOK, _STATE_LOOK = 0.02, 0.05


def until_ready(urls: Sequence[str], over: Callable[[], str | None] = lambda: None) -> None:
    """Wait until all of these web servers say that their role is ready. ``over`` tells why it never will be, or None.
    Raises ``LocalServiceError``."""
    deadline, left = time.monotonic() + _READY_WITHIN, list(urls)
    while left:
        why = over()
        if why is not None or time.monotonic() > deadline:
            raise LocalServiceError(f"{left[0]} did not get ready: {why or 'in time'}")
        left = [url for url in left if http_status(f"{url}/health/ready") != 200]
        time.sleep(_READY_LOOK)


def told(http: httpx.Client, backtest_id: str) -> dict[str, Any] | None:
    """What the coordinator tells of a backtest; None when it knows of none."""
    answer = http.get(f"/backtests/{backtest_id}")
    # Accepted is not decided: for a moment after the 202 there may be no such backtest yet.
    if answer.status_code == 404:
        return None
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def completed(http: httpx.Client, backtest_id: str) -> dict[str, Any]:
    """Wait until a backtest is complete; what is told of it then. Raises ``LocalServiceError`` for any other end."""
    deadline = time.monotonic() + _ENDED_WITHIN
    while time.monotonic() < deadline:
        found = told(http, backtest_id)
        if found is not None and found["state"] in FINAL:
            if found["state"] != "complete":
                raise LocalServiceError(f"backtest {backtest_id} is {found['state']}: {found['series']}")
            return found
        time.sleep(_STATE_LOOK)
    raise LocalServiceError(f"backtest {backtest_id} did not end within {_ENDED_WITHIN:.0f} s")
