"""Whether a request that failed is made again, and when: asked of the error, not of a list of codes."""

from __future__ import annotations

import random
from dataclasses import dataclass

from app.errors import ProviderError

#: Times that a passing fault is tried again.
FEW = 3
_FIRST_DELAY, _LONGEST_DELAY = 0.25, 5.0


@dataclass(slots=True)
class Attempt:
    """What became of a request so far."""

    tries: int = 0
    glitches: int = 0
    waiting_since: float | None = None
    not_before: float = 0.0


def again(attempt: Attempt, error: ProviderError, now: float, wait: float) -> tuple[bool, float]:
    """Whether to try again, and after how many seconds. ``wait``: seconds that a provider which is away is waited for,
    from its first failure on; ``now``: of a clock that never goes back."""
    attempt.tries += 1
    delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(attempt.tries - 1, 10)) * random.uniform(0.5, 1.0)
    if error.patience == "wait":
        attempt.waiting_since = attempt.waiting_since or now
        left = attempt.waiting_since + wait - now
        # The last look is at the end of the time, not a delay before it.
        return left > 0, min(delay, max(left, 0.01))
    # What was waited for before does not count: a terminal that comes back often stumbles first.
    attempt.waiting_since = None
    attempt.glitches += 1
    return error.patience == "few" and attempt.glitches <= FEW, delay
