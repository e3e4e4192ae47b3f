"""What a client takes, by its ``Accept``, ``Accept-Encoding`` and ``Prefer`` (RFC 9110, 12.5; RFC 7240)."""

from __future__ import annotations

import math
from collections.abc import Sequence


def best_type(header: str | None, offered: Sequence[str]) -> str | None:
    """The media type that is taken most gladly, of equals the one that is offered first; None when none is taken.

    Of the ranges that fit a type the most specific one says how gladly; without a header everything is taken.
    """
    if header is None or not header.strip():
        return offered[0]
    ranges = _weights(header)

    def weight(media_type: str) -> float:
        family = media_type.partition("/")[0]
        for name in (media_type, f"{family}/*", "*/*"):
            if name in ranges:
                return ranges[name]
        return 0.0

    best = max(offered, key=weight)
    return best if weight(best) > 0 else None


def best_encoding(header: str | None, offered: Sequence[str]) -> str | None:
    """The content coding that is taken most gladly, of equals the one that is offered first; ``identity`` is taken
    where nobody says otherwise, after all that are named. None when not even that is taken."""
    if header is None or not header.strip():
        return "identity"
    weights = _weights(header)
    other = weights.get("*")
    taken = {name: weights.get(name, other or 0.0) for name in offered}
    best = max(offered, key=lambda name: taken[name], default=None)
    plain = weights.get("identity", other)
    if best is not None and taken[best] > 0 and taken[best] >= (plain or 0.0):
        return best
    return None if plain == 0 else "identity"


def prefers(headers: Sequence[str], preference: str) -> bool:
    """Whether one of the ``Prefer`` headers names a preference."""
    parts = [part for header in headers for part in header.split(",")]
    return any(part.partition(";")[0].strip().lower() == preference for part in parts)


def matches(header: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` names an entity tag; weak ones count as well there (RFC 9110, 13.1.2)."""
    if header is None:
        return False
    given = [part.strip().removeprefix("W/") for part in header.split(",")]
    return "*" in given or tag in given


def _weights(header: str) -> dict[str, float]:
    """Each name in lower case, without parameters, and its weight."""
    found: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name:
            found[name] = max((_weight(one) for one in parameters if one.startswith("q=")), default=1.0)
    return found


def _weight(text: str) -> float:
    try:
        weight = float(text.removeprefix("q="))
    except ValueError:
        return 0.0
    return min(max(weight, 0.0), 1.0) if math.isfinite(weight) else 0.0
