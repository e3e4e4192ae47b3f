"""The terminal's link to the vendor's stream servers (FPSS): logged in only when somebody asks, and often lost.

A fresh terminal is not logged in, and says ``DISCONNECTED``, until the first subscription. A link that went down is
logged in again by the terminal itself, which also subscribes again; what came meanwhile is lost. Some outages are
silent: nothing comes, and the terminal goes on to say ``CONNECTED``. All times are real seconds, whatever the market's
clock does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from simulator.stream.frames import Word

LinkState = Literal["never_asked", "logging_in", "up", "down", "silently_down"]


@dataclass(frozen=True)
class Outage:
    """From ``begin`` until the terminal has logged in again, at ``end``."""

    begin: float
    end: float
    silent: bool


class Link:
    """Where the link stands is a function of the time, of the first request and of the outages."""

    def __init__(self, login_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._login = login_seconds
        self._now = now
        self._ready_at: float | None = None
        self._outages: list[Outage] = []
        self.outages = 0

    @property
    def state(self) -> LinkState:
        """What the terminal knows, and what it does not."""
        now = self._now()
        struck = [outage for outage in self._outages if outage.begin <= now < outage.end]
        if self._ready_at is None:
            return "down" if any(not outage.silent for outage in struck) else "never_asked"
        if any(not outage.silent for outage in struck):
            return "down"
        if now < self._ready_at:
            return "logging_in"
        return "silently_down" if struck else "up"

    @property
    def word(self) -> Word:
        """What ``STATUS`` and ``fpss/status`` say."""
        return "CONNECTED" if self.state in ("up", "silently_down") else "DISCONNECTED"

    @property
    def down(self) -> bool:
        """Whether it is down and the terminal knows."""
        return self.state == "down"

    @property
    def asked(self) -> bool:
        """Whether anybody has asked for a stream yet."""
        return self._ready_at is not None

    def ask(self) -> float:
        """Log in, if nobody has asked before; how many seconds the first login still takes."""
        now = self._now()
        if self._ready_at is None:
            self._ready_at = now + self._login
        return max(self._ready_at - now, 0)

    def strike(self, seconds: float, silent: bool = False, after: float = 0) -> float:
        """Go down for so long, and as long again as a login takes; returns in how many seconds it is up again."""
        now = self._now()
        self._outages = [outage for outage in self._outages if outage.end > now]
        made = Outage(now + after, now + after + seconds + self._login, silent)
        self._outages.append(made)
        self.outages += 1
        return made.end - now
