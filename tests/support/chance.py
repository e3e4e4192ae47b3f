"""Chance that can be had again, and a diary of what it did.

Every chaos test draws from one seed, which it prints; ``CHAOS_SEED`` gives it another time. No seed comes from a clock.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter

#: All of it with ``make chaos``; a part of it in every run of the tests.
FULL = os.environ.get("CHAOS") == "full"


class Diary:
    """What a chaos test does wrong, by chance, and when: one printed line for each fault."""

    def __init__(self, title: str) -> None:
        given = os.environ.get("CHAOS_SEED", "")
        self.seed = int(given) if given else random.SystemRandom().randrange(1_000_000)
        self.chance = random.Random(self.seed)
        #: How often each kind of fault was made.
        self.faults: Counter[str] = Counter()
        self._begun = time.monotonic()
        print(f"\n{title}: seed {self.seed} (the same again: CHAOS_SEED={self.seed})")

    def fault(self, kind: str, detail: str = "") -> None:
        """Note a fault that is made now."""
        self.faults[kind] += 1
        self.say(f"{kind} {detail}".rstrip())

    def say(self, line: str) -> None:
        print(f"  {time.monotonic() - self._begun:7.2f} s  {line}", flush=True)

    def total(self) -> str:
        """The faults so far in words."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        return f"{self.faults.total()} faults survived ({kinds}) in {time.monotonic() - self._begun:.0f} s"
