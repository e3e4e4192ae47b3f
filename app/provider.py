"""The seam to the market data: what a provider has to be able to do.

A provider is called from several threads at once. It fetches exactly one chunk per call and neither retries
nor limits itself: that is the business of ``app.history.fetch``, which asks the errors it raises.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.series import SeriesName


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of the day asked for, New York wall clock, both inclusive; None: the provider's regular hours."""

    start: dt.time | None
    end: dt.time | None


class Provider(Protocol):
    """A source of historical rows."""

    @property
    def name(self) -> str:
        """How receipts name it."""
        ...

    def fetch(self, series: SeriesName, chunk: Chunk, hours: Hours) -> Rows:
        """The chunk's rows in the series' record type, checked, in event-time order; none is no error.

        Times are UTC microseconds, prices dollars, nothing is left out or added: rows of zeros are still there.
        Raises ``ProviderError`` in one of its kinds; ``BadTable`` for an answer that is not what was asked.
        """
        ...

    def state(self) -> str:
        """One word on the provider's own connection: ``CONNECTED``, or why not. Raises nothing."""
        ...
