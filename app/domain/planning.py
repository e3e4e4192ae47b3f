"""Planning: a pure function of the series, the calendar, the provider's rules and its listings.

What is cut, and why: ranges by the provider's rules (``Limits``) and by size; a day of a chain that is too large by
time of day. Days on which the exchange is closed are not asked for where a range can do without them. Which contracts
a session has is never looked up later than that session: either the provider filters each day by itself, or the
listing of that very day tells.
"""

from __future__ import annotations

import calendar
import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from app.domain import sessions
from app.domain.contracts import Contracts
from app.domain.hours import AskedHours
from app.domain.limits import Limits
from app.domain.listing import Listing, Listings, Need, recorded
from app.domain.plan import Chunk, Plan, Step
from app.domain.schema import INTERVAL_SECONDS
from app.domain.series import SeriesName

#: Rows that a step is planned to have at the most.
STEP_ROWS = 250_000
#: What a request costs beside its rows, in rows: the provider needs about as long for it as for sending that many.
REQUEST_ROWS = 20_000
#: Memory for a row's columns while they are parsed, merged and encoded, in multiples of the columns' own size.
_WORKING = 1.6

#: Rows a session is taken to have where only the market knows; what turns out larger is split.
_STOCK_TICKS = STEP_ROWS
_CONTRACT_TICKS: Mapping[str, int] = {"trade": 40, "trade_quote": 40}
_CONTRACT_QUOTES = 10_000
#: Contracts an expiration and a chain are taken to have where no listing tells.
_CONTRACTS_OF_EXPIRATION, _CONTRACTS_OF_CHAIN = 300, 5_000


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

    ``listings`` answers ``needs``; without them the sizes of chains are guessed. ``whole_days``: no session is cut,
    because a bar that is filled needs those before it.
    """
    hours = AskedHours(name, start_time, end_time)
    days = [session.date for session in sessions.sessions(start, end)]
    if contracts is None:
        return Plan(tuple(_stock_steps(name, days, hours, limits)))
    # Several strikes are one request for all that there are, or one for each, whichever asks less.
    forms = (False, True) if len(contracts.strikes) > 1 else (False,)
    chains = [_Chain(name, contracts, listings or {}, limits, hours, whole_days, apart) for apart in forms]
    return min((chain.plan(days) for chain in chains), key=_cost_of)


def _cost_of(plan: Plan) -> int:
    return sum(REQUEST_ROWS + chunk.rows for chunk in plan.chunks)


def step_bytes(name: SeriesName, rows: int) -> int:
    """An upper estimate of the memory that so many rows of a series take until they are written."""
    return int(rows * name.record.row_bytes * _WORKING)


def largest_step(
    name: SeriesName, start_time: dt.time | None, end_time: dt.time | None, contracts: Contracts | None = None
) -> int:
    """Bytes that no planned step of such a series exceeds, without planning it."""
    if contracts is not None:
        return step_bytes(name, STEP_ROWS)
    per_day = _rows_of_stock(AskedHours(name, start_time, end_time))
    days = 366 if name.record.schema == "eod" else 23
    return step_bytes(name, min(STEP_ROWS, days * per_day))


def _stock_steps(name: SeriesName, days: list[dt.date], hours: AskedHours, limits: Limits) -> Iterator[Step]:
    per_day = _rows_of_stock(hours)
    at = 0
    while at < len(days):
        stop = bisect_right(days, _last_of_request(name, days[at], limits))
        stop = min(stop, at + max(1, STEP_ROWS // per_day))
        yield Step((Chunk(days[at], days[stop - 1], (stop - at) * per_day, hours.start_time, hours.end_time),))
        at = stop


def _last_of_request(name: SeriesName, first: dt.date, limits: Limits) -> dt.date:
    """The last day that a request beginning on this day may have."""
    far = dt.date.max
    if not name.record.has_hours:
        return first + dt.timedelta(days=limits.report_days - 1) if limits.report_days else far
    quick = name.interval is not None and INTERVAL_SECONDS[name.interval] < 60
    ticks = name.interval is None and name.record.ticks
    if (quick or ticks) and limits.under_a_minute_days:
        return first + dt.timedelta(days=limits.under_a_minute_days - 1)
    if not limits.intraday_months:
        return far
    months = first.month - 1 + limits.intraday_months
    year, month = first.year + months // 12, months % 12 + 1
    # The day before the same day of that month: a whole number of months by whichever way it is counted.
    last = calendar.monthrange(year, month)[1]
    return dt.date(year, month, min(first.day, last)) - dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Chain:
    """The requests for the contracts of one root."""

    name: SeriesName
    contracts: Contracts
    listings: Listings
    limits: Limits
    hours: AskedHours
    whole_days: bool
    strikes_apart: bool

    def plan(self, days: list[dt.date]) -> Plan:
        """The plan for these sessions."""
        # The provider chooses the strikes around the money, and is asked to do so session by session.
        by_name = bool(self.contracts.expirations) or self.name.schema not in self.limits.wide
        ranges = by_name and self.contracts.strike_range is None
        steps = self.ranges(days) if ranges else (step for day in days for step in self.day(day))
        return Plan(tuple(steps), recorded(self.listings))

    def ranges(self, days: list[dt.date]) -> Iterator[Step]:
        """Expirations by name: each one request for as many days as rules and size allow."""
        at = 0
        while at < len(days):
            limit = bisect_right(days, _last_of_request(self.name, days[at], self.limits))
            window: dict[dt.date, Listing] = {}
            rows = 0
            for day in days[at:limit]:
                wanted = self._wanted(day)
                more = self._rows(sum(wanted.values()))
                if window and rows + more > STEP_ROWS:
                    break
                window[day], rows = wanted, rows + more
            if len(window) == 1:
                yield from self.day(days[at])
            elif chunks := self._by_expiration(window):
                yield Step(tuple(chunks))
            at += len(window)

    def day(self, day: dt.date) -> Iterator[Step]:
        """One session: every expiration at once or one after the other, whichever asks less; cut by time if large."""
        wanted = self._wanted(day)
        if not wanted:
            return
        rows = self._rows(sum(wanted.values()))
        if self._all_at_once(day, len(wanted), rows):
            chunks = self._by_strike(self._chunk(day, None, max(rows, self._rows_of_all(day, rows))))
        else:
            chunks = self._by_expiration({day: wanted})
        yield from self._windows(chunks)

    def _all_at_once(self, day: dt.date, expirations: int, rows: int) -> bool:
        """Whether one request for all expirations costs less than one for each."""
        if self.name.schema not in self.limits.wide:
            return False
        if self._provider_chooses():
            return True
        return self._cost(1, self._rows_of_all(day, rows)) < self._cost(expirations, rows)

    def _provider_chooses(self) -> bool:
        """Whether a request for all expirations brings no more than what is wanted."""
        if self.contracts.expirations:
            return False
        return self.contracts.max_dte is None or self.name.schema in self.limits.max_dte

    def _wanted(self, day: dt.date) -> Listing:
        """The expirations that are meant on a session, and their contracts as far as is known."""
        if self.contracts.expirations:
            return {expiration: self._listed(expiration) for expiration in self._alive(day)}
        listed = self.listings.get(Need("contracts", day))
        if listed is None:
            listed = self.listings.get(Need("expirations"))
            if listed is None:
                return {day: self._by_filters(_CONTRACTS_OF_CHAIN)}
            listed = dict.fromkeys(listed, _CONTRACTS_OF_EXPIRATION)
        return {e: self._by_filters(n) for e, n in listed.items() if self.contracts.days_of(e, day, day)}

    def _rows_of_all(self, day: dt.date, least: int) -> int:
        """Rows that a request for all expirations brings, as far as is known."""
        if self._provider_chooses():
            return least
        listed = self.listings.get(Need("contracts", day))
        if listed is None:
            return max(least, self._rows(self._by_filters(_CONTRACTS_OF_CHAIN)))
        return max(least, self._rows(sum(self._by_filters(n) for n in listed.values())))

    def _alive(self, day: dt.date) -> list[dt.date]:
        return [e for e in self.contracts.expirations if self.contracts.days_of(e, day, day)]

    def _listed(self, expiration: dt.date) -> int:
        """Contracts of a named expiration: a list of strikes stands for two contracts each."""
        found = self.listings.get(Need("strikes", expiration))
        if found is not None:
            return self._by_filters(2 * found.get(expiration, 0))
        return self._by_filters(_CONTRACTS_OF_EXPIRATION)

    def _by_filters(self, listed: int) -> int:
        """How many of an expiration's contracts requests bring; several strikes at once bring all."""
        both = 2 if self.contracts.right == "both" else 1
        if len(self.contracts.strikes) == 1 or self.strikes_apart:
            return both * len(self.contracts.strikes)
        if self.contracts.strike_range is not None:
            return min(listed, both * (2 * self.contracts.strike_range + 1))
        return listed * both // 2

    def _rows(self, contracts: int) -> int:
        return contracts * _rows_of_contract(self.hours)

    def _cost(self, requests: int, rows: int) -> int:
        windows = max(1, -(-rows // STEP_ROWS))
        return requests * windows * REQUEST_ROWS + rows

    def _by_expiration(self, window: Mapping[dt.date, Listing]) -> list[Chunk]:
        """One request for each expiration, from the first to the last day on which it is wanted."""
        chunks = []
        for expiration in sorted({e for wanted in window.values() for e in wanted}):
            days = {day: wanted[expiration] for day, wanted in window.items() if expiration in wanted}
            chunk = self._chunk(min(days), expiration, self._rows(sum(days.values())))
            chunks += self._by_strike(replace(chunk, end=max(days)))
        return chunks

    def _by_strike(self, chunk: Chunk) -> list[Chunk]:
        """A request as it is, or one for each strike."""
        if not self.strikes_apart or chunk.contracts is None:
            return [chunk]
        rows = -(-chunk.rows // len(self.contracts.strikes))
        return [
            replace(chunk, rows=rows, contracts=replace(chunk.contracts, strikes=(strike,)))
            for strike in self.contracts.strikes
        ]

    def _chunk(self, day: dt.date, expiration: dt.date | None, rows: int) -> Chunk:
        asked = Contracts(
            expirations=() if expiration is None else (expiration,),
            # Where several strikes are one request for all there are, what is not wanted is left out here.
            strikes=self.contracts.strikes if len(self.contracts.strikes) == 1 else (),
            right=self.contracts.right,
            max_dte=None
            if expiration is not None or self.name.schema not in self.limits.max_dte
            else self.contracts.max_dte,
            strike_range=self.contracts.strike_range,
        )
        return Chunk(day, day, rows, self.hours.start_time, self.hours.end_time, asked)

    def _windows(self, chunks: list[Chunk]) -> Iterator[Step]:
        count = -(-sum(chunk.rows for chunk in chunks) // STEP_ROWS)
        if count <= 1 or self.whole_days or not self.name.record.has_hours:
            yield Step(tuple(chunks))
            return
        windows = self.hours.windows(count)
        for begin, end in windows:
            yield Step(
                tuple(
                    replace(chunk, start_time=begin, end_time=end, rows=-(-chunk.rows // len(windows)))
                    for chunk in chunks
                )
            )


def _rows_of_stock(hours: AskedHours) -> int:
    """Rows of a session of a stock; ticks are a guess."""
    if not hours.name.record.has_hours:
        return 1
    return hours.points if hours.grid else _STOCK_TICKS


def _rows_of_contract(hours: AskedHours) -> int:
    """Rows of a session of a contract; ticks are a guess."""
    if not hours.name.record.has_hours:
        return 1
    return hours.points if hours.grid else _CONTRACT_TICKS.get(hours.name.schema, _CONTRACT_QUOTES)
