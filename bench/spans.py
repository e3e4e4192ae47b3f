"""When functions ran: spans of wall time of all threads, and what of one kind lies outside of another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

#: Begin and end, by ``time.perf_counter``.
Span = tuple[float, float]


class Spans:
    """Notes from when to when wrapped functions run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: list[Span] = []

    def wrap(self, place: Any, name: str) -> None:
        """Note each call of ``place.name`` from now on."""
        function: Callable[..., Any] = getattr(place, name)

        def noted(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                with self._lock:
                    self._found.append((begin, time.perf_counter()))

        setattr(place, name, noted)

    def take(self) -> list[Span]:
        """What was noted since the last call, as spans that do not touch, in order."""
        with self._lock:
            found, self._found = self._found, []
        return union(found)


def union(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans that do not touch, in order."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def seconds(spans: Iterable[Span]) -> float:
    """How long spans that do not touch are together."""
    return sum(end - begin for begin, end in spans)


def seconds_without(spans: list[Span], others: list[Span]) -> float:
    """How much of the spans lies outside of the others; neither touch among themselves."""
    return seconds(union([*spans, *others])) - seconds(others)
