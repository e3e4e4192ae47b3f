"""Planning: a pure function of the series, the calendar, the provider's rules and its listings.

What is cut, and why: ranges by the provider's rules (``Limits``) and by size; a day of a chain that is too large by
time of day. Days on which the exchange is closed are not asked for where a range can do without them. Which contracts
a session has is never looked up later than that session: either the provider filters each day by itself, or the
listing of that very day tells.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator

from app.domain import sessions
from app.domain.chains import Chain
from app.domain.contracts import Contracts
from app.domain.hours import AskedHours
from app.domain.limits import Limits
from app.domain.listing import Listings, Need
from app.domain.plan import Chunk, Plan, Step
from app.domain.request import EmptyBars
from app.domain.series import SeriesName
from app.domain.sizes import REQUEST_ROWS, counted, last_of_request, rows_of_stock, step_bytes, step_rows


def needs(name: SeriesName, start: dt.date, end: dt.date, contracts: Contracts | None, limits: Limits) -> list[Need]:
    """The listings that ``plan_series`` wants, as few as it can do with."""
    if contracts is None or not name.record.has_hours:
        return []
    if contracts.expirations:
        if contracts.strikes or contracts.strike_range is not None:
            return []
        return [Need("strikes", day) for day in contracts.expirations if contracts.days_of(day, start, end)]
    few = bool(contracts.strikes) or contracts.strike_range is not None
    if few and contracts.max_dte is not None and name.schema in limits.wide:
        # All expirations of the next days are listed already: what they are tells how many there will be.
        return [Need("expirations")]
    return [Need("contracts", session.date) for session in sessions.sessions(start, end)]


def plan_series(
    name: SeriesName,
    start: dt.date,
    end: dt.date,
    start_time: dt.time | None,
    end_time: dt.time | None,
    limits: Limits,
    contracts: Contracts | None = None,
    listings: Listings | None = None,
    *,
    whole_days: bool = False,
) -> Plan:
    """The plan of a series over the session dates ``start`` to ``end``, both inclusive.

    ``listings`` answers ``needs``; without them the sizes of chains are guessed. ``whole_days``: see
    ``needs_whole_days``. Raises ``RequestTooLarge`` when the plan would be too large to carry out.
    """
    hours = AskedHours(name, start_time, end_time)
    days = [session.date for session in sessions.sessions(start, end)]
    if contracts is None:
        return Plan(tuple(counted(_stock_steps(name, days, hours, limits))))
    # Several strikes are one request for all that there are, or one for each, whichever asks less.
    forms = (False, True) if len(contracts.strikes) > 1 else (False,)
    chains = [Chain(name, contracts, listings or {}, limits, hours, whole_days, apart) for apart in forms]
    return min((chain.plan(days) for chain in chains), key=_cost_of)


def largest_step(
    name: SeriesName, start_time: dt.time | None, end_time: dt.time | None, contracts: Contracts | None = None
) -> int:
    """Bytes that no planned step of such a series exceeds, without planning it."""
    if contracts is not None:
        return step_bytes(name, step_rows(name))
    per_day = rows_of_stock(AskedHours(name, start_time, end_time))
    days = 366 if name.record.schema == "eod" else 23
    return step_bytes(name, min(step_rows(name), days * per_day))


def _stock_steps(name: SeriesName, days: list[dt.date], hours: AskedHours, limits: Limits) -> Iterator[Step]:
    per_day = rows_of_stock(hours)
    at = 0
    while at < len(days):
        stop = bisect_right(days, last_of_request(name, days[at], limits))
        stop = min(stop, at + max(1, step_rows(name) // per_day))
        yield Step((Chunk(days[at], days[stop - 1], (stop - at) * per_day, hours.start_time, hours.end_time),))
        at = stop


def _cost_of(plan: Plan) -> int:
    return sum(REQUEST_ROWS + chunk.rows for chunk in plan.chunks)


def needs_whole_days(name: SeriesName, empty_bars: EmptyBars) -> bool:
    """Whether no session of a series may be cut by time.

    A bar that is filled needs those before it, and a stock's bars are few enough to come at once, so that its running
    average is never in question.
    """
    return name.schema == "ohlcv" and (name.asset == "stock" or empty_bars == "fill")
