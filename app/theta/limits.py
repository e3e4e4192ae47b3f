"""What ThetaData sells to whom, and how much of it in one request.

Sources: the vendor's pages "Subscriptions" (first access dates), "Request Sizing", and the OpenAPI file (the least
subscription of each endpoint, and which of them have ``max_dte``). The figures change often.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from app.domain.limits import Limits
from app.domain.schema import Asset, Schema
from app.domain.series import SeriesName

Tier = Literal["free", "value", "standard", "pro"]
TIERS: tuple[Tier, ...] = ("free", "value", "standard", "pro")

_ALL_EXPIRATIONS: frozenset[Schema] = frozenset({"quote", "trade", "trade_quote", "eod", "open_interest"})
THETA_LIMITS = Limits(
    intraday_months=1,
    under_a_minute_days=1,
    report_days=365,
    # Bars, greeks and implied volatility want one expiration named, and so have no max_dte.
    wide=_ALL_EXPIRATIONS,
    max_dte=_ALL_EXPIRATIONS,
)

_LEAST: dict[tuple[Asset, Schema], Tier] = {
    ("stock", "eod"): "free",
    ("stock", "ohlcv"): "value",
    ("stock", "quote"): "value",
    ("stock", "trade"): "standard",
    ("stock", "trade_quote"): "standard",
    ("option", "eod"): "free",
    ("option", "ohlcv"): "value",
    ("option", "quote"): "value",
    ("option", "open_interest"): "value",
    ("option", "trade"): "standard",
    ("option", "trade_quote"): "standard",
    ("option", "implied_volatility"): "standard",
    ("option", "greeks"): "pro",
}
_FIRST: dict[Asset, dict[Tier, dt.date]] = {
    "stock": {
        "free": dt.date(2023, 6, 1),
        "value": dt.date(2021, 1, 1),
        "standard": dt.date(2016, 1, 1),
        "pro": dt.date(2012, 6, 1),
    },
    "option": {
        "free": dt.date(2023, 6, 1),
        "value": dt.date(2020, 1, 1),
        "standard": dt.date(2016, 1, 1),
        "pro": dt.date(2012, 6, 1),
    },
}


def refusal_of_tier(tier: Tier, name: SeriesName, start: dt.date) -> str | None:
    """Why a subscription does not cover a series that begins on this session, in one sentence; None when it does.

    The provider refuses a range that begins too early as a whole; it is not clipped.
    """
    least = _LEAST[name.asset, name.schema]
    if TIERS.index(tier) < TIERS.index(least):
        return (
            f"{name.asset} {name.schema} needs a {least} subscription and THETA_TIER is {tier}: "
            f"ask for another schema, or set THETA_TIER to what the account has"
        )
    first = _FIRST[name.asset][tier]
    if start < first:
        return (
            f"a {tier} subscription (THETA_TIER) has {name.asset} data from {first} on and the range begins on "
            f"{start}: let it begin on {first} or later"
        )
    return None
