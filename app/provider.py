"""The seam to the market data: what a provider has to be able to do.

A provider is called from several threads at once. It fetches exactly one chunk per call and neither retries
nor limits itself: that is the business of ``app.history.fetch``, which asks the errors it raises.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Protocol

from app.domain.contracts import Packed
from app.domain.limits import Limits
from app.domain.listing import Listing, Need
from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.series import SeriesName
from app.domain.stream import Segment, StreamKey
from app.errors import ProviderError


class Observer:
    """What those who ask a provider tell about it; the metrics take its place. Called from several threads."""

    def fetched(self, seconds: float, rows: int, error: ProviderError | None) -> None:
        """One request ended after ``seconds`` with ``rows`` rows of the provider or an error."""

    def retried(self, error: ProviderError) -> None:
        """A request is made again because of an error."""


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

    def strikes(self, series: SeriesName, expiration: dt.date) -> frozenset[int]:
        """The strikes of an expiration of the series' root, in thousandths of a dollar. Raises as ``list`` does."""
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


class StreamedProvider(Provider, Protocol):
    """A source of history that has a live stream beside it, and what the stream carried."""

    def contracts(self, series: SeriesName, date: dt.date) -> Packed:
        """The contracts of a root that are listed on a day, packed, rising. Raises as ``fetch`` does."""
        ...


class StreamSocket(Protocol):
    """One connection to a provider's stream, read in a thread of its own."""

    def start(self) -> None:
        """Begin to connect."""
        ...

    @property
    def opened(self) -> bool:
        """Whether the connection was made."""
        ...

    @property
    def closed(self) -> str | None:
        """Why nothing more will arrive; None while something may. What had arrived can still be taken."""
        ...

    @property
    def waiting(self) -> int:
        """Bytes that have arrived and were not taken."""
        ...

    def wait(self, timeout: float) -> None:
        """Wait until something has arrived, the connection is over, or ``timeout`` seconds are."""
        ...

    def take(self) -> list[str]:
        """The frames that have arrived, in their order."""
        ...

    def send(self, texts: Iterable[str]) -> None:
        """Send in this order."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class StreamReader(Protocol):
    """Reads frames; one for each owner of the stream."""

    @property
    def bad(self) -> int:
        """Frames that were not as documented, which are left out."""
        ...

    def read(self, frames: list[str]) -> list[Segment]:
        """Frames in their order as columns, cut where the link's state changes."""
        ...


class Stream(Protocol):
    """A source of live events."""

    @property
    def connected(self) -> str:
        """The provider's word for a link that works."""
        ...

    def connect(self) -> StreamSocket:
        """A new connection, not started."""
        ...

    def reader(self) -> StreamReader:
        """A reader of its frames."""
        ...

    def request(self, key: StreamKey, number: int, *, add: bool) -> str:
        """The frame that begins or ends a subscription; ``number`` is greater than that of every one before."""
        ...
