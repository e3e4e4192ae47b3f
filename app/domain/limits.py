"""What a provider's requests may span and which filters it knows: the rules that a plan keeps to."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.schema import Schema


@dataclass(frozen=True, slots=True)
class Limits:
    """A provider's rules for one request. None: no such limit.

    ``intraday_months``: months that bars, quotes and trades may span; ``under_a_minute_days`` days for ticks and
    intervals under a minute; ``report_days`` days that daily reports may span; ``wide`` the schemas of which every
    expiration can be asked for at once, a day at a time; ``max_dte`` those whose requests the provider cuts to the
    days to expiration by itself.
    """

    intraday_months: int | None = None
    under_a_minute_days: int | None = None
    report_days: int | None = None
    wide: frozenset[Schema] = frozenset()
    max_dte: frozenset[Schema] = frozenset()


#: A provider without any rule.
UNLIMITED = Limits()
