"""Listings: what a provider says there is of a root, before a plan is made, and how a plan records it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Need:
    """A listing that planning wants first: every ``expirations`` of the root, the ``strikes`` of an expiration, or
    the ``contracts`` that were listed on a session. ``date`` is that expiration or session."""

    kind: Literal["expirations", "strikes", "contracts"]
    date: dt.date | None = None


#: How many strikes or contracts each expiration has (0 for a mere list of expirations).
Listing = Mapping[dt.date, int]
Listings = Mapping[Need, Listing]
#: Listings as JSON, each as kind, date, and pairs of expiration and count.
Recorded = tuple[tuple[str, str | None, tuple[tuple[str, int], ...]], ...]


def recorded(listings: Listings) -> Recorded:
    """What a plan keeps of the listings it was made from, so that it can be told what was listed then."""
    return tuple(
        (
            need.kind,
            need.date.isoformat() if need.date else None,
            tuple((expiration.isoformat(), count) for expiration, count in sorted(listing.items())),
        )
        for need, listing in sorted(listings.items(), key=lambda pair: (pair[0].kind, pair[0].date or dt.date.min))
    )


def recorded_from_json(rows: list[Any]) -> Recorded:
    """The inverse of its JSON."""
    return tuple((kind, date, tuple((e, n) for e, n in counts)) for kind, date, counts in rows)
