"""The seam to the market data: what a provider has to be able to do.

A provider is called from several threads at once. It fetches exactly one chunk per call and neither retries
nor limits itself: that is the business of ``app.history.fetch``, which asks the errors it raises.
"""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from app.domain.limits import Limits
from app.domain.listing import Listing, Need
from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.series import SeriesName


class Provider(Protocol):
    """A source of historical rows."""

    @property
    def name(self) -> str:
        """How receipts name it."""
        ...

    @property
    def limits(self) -> Limits:
        """The rules that plans keep to."""
        ...

    def refuses(self, series: SeriesName, start: dt.date) -> str | None:
        """Why a series that begins on this session cannot be had, in one sentence; None when it may. Asks nobody."""
        ...

    def list(self, series: SeriesName, need: Need) -> Listing:
        """A listing that planning wants. Raises as ``fetch`` does; nothing listed is no error."""
        ...

    def fetch(self, series: SeriesName, chunk: Chunk, most: int) -> Rows:
        """The chunk's rows in the series' record type, checked.

        Of a stock they are in event-time order; of an option each contract's are, and contracts may follow one
        another. No rows are no error; rows are only those of sessions. Hours include both ends: a window that is cut
        out of a day ends a millisecond before the next one begins, and that whole millisecond is meant. Times are
        UTC microseconds, prices dollars, nothing is left out or added: rows of zeros are still there, and so are
        contracts beyond those asked for where the provider does not filter. Raises ``ProviderError`` in one of its
        kinds: ``BadTable`` for an answer that is not what was asked, ``RequestTooLarge`` when the provider wants it
        split, and as soon as there are more than ``most`` rows.
        """
        ...

    def state(self) -> str:
        """One word on the provider's own connection: ``CONNECTED``, or why not. Raises nothing."""
        ...

    def close(self) -> None:
        """Give up requests under way and let go of connections."""
        ...
