"""Which contracts a live option topic has in a session: named ones, or a declared universe by the day's listing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from app.domain import sessions
from app.domain.contracts import Contracts, Packed, pack
from app.domain.live import Subscription
from app.domain.plan import Chunk
from app.domain.series import SeriesName
from app.domain.sizes import MOST_ROWS
from app.errors import ProviderGlitch
from app.provider import StreamedProvider

_EPOCH = dt.date(1970, 1, 1)


class NotYet(ProviderGlitch):
    """The session's contracts are not known before it opens."""


def universe(
    provider: StreamedProvider, sub: Subscription, date: dt.date, patiently: Callable[[Callable[[], Any]], Any]
) -> Packed:
    """The contracts of an option subscription in a session, rising. Raises ``ProviderError``."""
    found = [_of(provider, sub, one, date, patiently) for one in sub.filters]
    return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)


def needs_listing(sub: Subscription) -> bool:
    """Whether its contracts depend on what is listed."""
    return any(not (one.expirations and one.strikes) for one in sub.filters)


def session_of(date: dt.date) -> dt.date:
    """The session on a date, or else the last one before."""
    while sessions.session(date) is None:
        date -= dt.timedelta(days=1)
    return date


def _of(
    provider: StreamedProvider,
    sub: Subscription,
    one: Contracts,
    date: dt.date,
    patiently: Callable[[Callable[[], Any]], Any],
) -> Packed:
    if one.expirations and one.strikes:
        return _packed(_named(one, date))
    if one.strike_range is not None:
        return _near_the_money(provider, sub, one, date, patiently)
    listed = patiently(lambda: provider.contracts(sub.name, date))
    if not len(listed):
        raise NotYet(f"no contract of {sub.name.symbol} is listed for {date} yet")
    return np.asarray(listed[one.mask(listed, np.full(len(listed), (date - _EPOCH).days))])


def _named(one: Contracts, date: dt.date) -> Iterable[int]:
    for expiration in one.expirations:
        if one.days_of(expiration, date, date):
            for strike in one.strikes:
                if one.right != "put":
                    yield pack(expiration, False, strike)
                if one.right != "call":
                    yield pack(expiration, True, strike)


def _near_the_money(
    provider: StreamedProvider,
    sub: Subscription,
    one: Contracts,
    date: dt.date,
    patiently: Callable[[Callable[[], Any]], Any],
) -> Packed:
    """The provider chooses the strikes around the money, session by session: what it answers with quotes for at the
    open is what a backtest of that session gets."""
    name = SeriesName("option", sub.name.symbol, "quote", "1h", None)
    found = []
    each: list[tuple[dt.date, ...]] = [(expiration,) for expiration in one.expirations] or [()]
    for expirations in each:
        if expirations and not one.days_of(expirations[0], date, date):
            continue
        asked = replace(one, expirations=expirations, max_dte=None if expirations else one.max_dte)
        chunk = Chunk(date, date, 0, sessions.OPEN, sessions.OPEN, asked)
        rows = patiently(partial(provider.fetch, name, chunk, MOST_ROWS))
        assert rows.contracts is not None
        found.append(rows.contracts[one.mask(rows.contracts, np.full(len(rows), (date - _EPOCH).days))])
    every = np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
    if not len(every):
        raise NotYet(f"no quotes of {sub.name.symbol} on {date} yet: the strikes near the money are chosen at the open")
    return every


def _packed(contracts: Iterable[int]) -> Packed:
    return np.array(sorted(contracts), dtype=np.int64)
