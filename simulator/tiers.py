"""Subscriptions: what each may ask for, from which date on, and how much at once.

Source: the vendor's pages "Subscriptions" and "Concurrent Requests"; these figures change often.
"""

from __future__ import annotations

import datetime as dt
from enum import IntEnum

from simulator.refusals import Refusal


class Tier(IntEnum):
    """A subscription; a greater value includes the lesser ones."""

    FREE = 0
    VALUE = 1
    STANDARD = 2
    PRO = 3

    @classmethod
    def named(cls, name: str) -> Tier:
        """The tier of that name, in any case."""
        try:
            return cls[name.upper()]
        except KeyError:
            allowed = ", ".join(tier.name.lower() for tier in cls)
            raise ValueError(f"tier {name!r} is none of {allowed}") from None

    @property
    def concurrency(self) -> int:
        """Requests that run at the same time, account-wide."""
        return 2**self.value

    @property
    def first_stock_date(self) -> dt.date:
        """The first day of stock history that the subscription may see."""
        return _FIRST_STOCK_DATE[self]

    @property
    def first_option_date(self) -> dt.date:
        """The first day of option history that the subscription may see."""
        return _FIRST_OPTION_DATE[self]

    @property
    def delay(self) -> dt.timedelta:
        """By how much data of the running session is late."""
        return dt.timedelta(minutes=15) if self <= Tier.VALUE else dt.timedelta()


_FIRST_STOCK_DATE = {
    Tier.FREE: dt.date(2023, 6, 1),
    Tier.VALUE: dt.date(2021, 1, 1),
    Tier.STANDARD: dt.date(2016, 1, 1),
    Tier.PRO: dt.date(2012, 6, 1),
}
_FIRST_OPTION_DATE = {**_FIRST_STOCK_DATE, Tier.VALUE: dt.date(2020, 1, 1)}


def admit(held: Tier, needed: Tier, security: str) -> None:
    """Refuse an endpoint above the subscription with 403, in the words seen live."""
    if held < needed:
        article = "an" if security[0] in "aeiou" else "a"
        raise Refusal(
            403,
            f"Requesting {article} {security} endpoint requiring a {needed.name.lower()} subscription, "
            f"but you only have a {held.name} subscription.",
        )


def admit_from(held: Tier, start: dt.date, first: dt.date | None = None) -> None:
    """Refuse a range that begins before the first access date, ``first`` or else that of stocks: the whole request
    fails, it is not clipped."""
    first = first or held.first_stock_date
    if start < first:
        raise Refusal(403, f"Invalid permissions for date. Your first access date is: {first:%Y%m%d}")
