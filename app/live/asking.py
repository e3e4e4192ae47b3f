"""What of a live series' past is asked of the provider's history, and cut to what the stream carries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from app.domain.contracts import Contracts, Packed, unpack
from app.domain.kinds import Kind
from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.schema import INTERVAL_SECONDS
from app.domain.series import SeriesName
from app.domain.sizes import MOST_ROWS
from app.domain.spans import Span
from app.errors import RequestTooLarge
from app.provider import Provider

#: Milliseconds of ticks that are asked for at once.
LONGEST = 600_000
#: Expirations from which on all are asked for at once; strikes of one from which on all of them are.
_FEW = 4
#: The same of bars, of which there is one for each moment of the grid whether anything traded or not.
_MANY = 40
Patiently = Callable[[Callable[[], Rows]], Rows]


def past(
    provider: Provider,
    name: SeriesName,
    span: Span,
    members: Packed | None,
    patiently: Patiently,
) -> Iterator[tuple[Span, Rows]]:
    """The rows of history in a span, part by part in the order of time, in event-time order, as the stream has them.

    ``members``: of an option, the contracts that are streamed in that session. A part that is too large is asked for
    in halves. Raises ``ProviderError``.
    """
    try:
        parts = []
        for chunk in _chunks(name, span, members, wide=name.schema in provider.limits.wide):
            rows = patiently(partial(provider.fetch, name, chunk, MOST_ROWS))
            if rows.contracts is not None and members is not None:
                rows = rows.take(np.isin(rows.contracts, members))
            parts.append(rows)
    except RequestTooLarge:
        halves = span.halves(1 if name.interval is None else INTERVAL_SECONDS[name.interval] * 1000)
        if halves is None:
            raise
        for half in halves:
            yield from past(provider, name, half, members, patiently)
        return
    yield span, as_streamed(Rows.joined(parts).in_event_order() if parts else Rows.none(name.record))


def as_streamed(rows: Rows) -> Rows:
    """Rows of history without what the stream does not carry: a trade's further condition codes."""
    columns = {
        name: np.zeros(len(rows), dtype=np.int64) if rows.record.by_name[name].kind is Kind.CODES else column
        for name, column in rows.columns.items()
    }
    return Rows(rows.record, columns, rows.contracts)


def _chunks(name: SeriesName, span: Span, members: Packed | None, *, wide: bool) -> Iterator[Chunk]:
    """The requests for a span: of an option expiration by expiration, a few strikes one by one."""
    chunk = Chunk(span.date, span.date, 0, span.start_time, span.end_time, as_streamed=True)
    if members is None:
        yield chunk
        return
    by_expiration: dict[dt.date, set[int]] = {}
    for contract in members.tolist():
        expiration, _, strike = unpack(contract)
        by_expiration.setdefault(expiration, set()).add(strike)
    if wide and len(by_expiration) > _FEW:
        yield replace(chunk, contracts=Contracts())
        return
    for expiration, strikes in sorted(by_expiration.items()):
        one = Contracts(expirations=(expiration,))
        if len(strikes) > (_MANY if name.schema == "ohlcv" else _FEW):
            yield replace(chunk, contracts=one)
        else:
            for strike in sorted(strikes):
                yield replace(chunk, contracts=replace(one, strikes=(strike,)))
