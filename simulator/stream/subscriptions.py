"""What a subscription to the vendor allows on the stream: who may ask at all, and for how many series at once.

Source: the vendor's page on streaming, whose versions disagree about the caps; these are of the newer one.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.stream.feed import Feed
from simulator.stream.frames import Answer
from simulator.stream.messages import Subscription
from simulator.tiers import Tier

CAPS: dict[Tier, dict[str, int]] = {
    Tier.STANDARD: {"STOCK_QUOTE": 1_000, "STOCK_TRADE": 1_000, "OPTION_QUOTE": 10_000, "OPTION_TRADE": 15_000},
    Tier.PRO: {"STOCK_QUOTE": 2_000, "STOCK_TRADE": 20_000, "OPTION_QUOTE": 15_000},
}
"""By security and type; without a cap where none is named."""


def refused(tier: Tier, caps: Mapping[str, int] | None, feed: Feed, asked: Subscription) -> Answer | None:
    """Why one more subscription is refused, or None; ``caps`` replace those of the tier."""
    if tier < Tier.STANDARD or (asked.bulk and tier < Tier.PRO):
        return "INVALID_PERMS"
    if asked in feed or asked.bulk:
        return None
    cap = (CAPS[tier] if caps is None else caps).get(f"{asked.security}_{asked.kind}")
    full = cap is not None and feed.count(asked.security, asked.kind) >= cap
    return "MAX_STREAMS_REACHED" if full else None
