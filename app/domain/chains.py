"""The requests for the contracts of one root: which form asks least, and how it is cut.

Which contracts a session has is never looked up later than that session: either the provider filters each day by
itself, or the listing of that very day tells.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from app.domain.contracts import Contracts
from app.domain.hours import AskedHours
from app.domain.limits import Limits
from app.domain.listing import Listing, Listings, Need, recorded
from app.domain.plan import Chunk, Plan, Step
from app.domain.series import SeriesName
from app.domain.sizes import (
    CONTRACTS_OF_CHAIN,
    CONTRACTS_OF_EXPIRATION,
    MOST_ROWS,
    REQUEST_ROWS,
    counted,
    last_of_request,
    rows_of_contract,
    step_rows,
)
from app.errors import RequestTooLarge


@dataclass(frozen=True, slots=True)
class Chain:
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
        return Plan(tuple(counted(steps)), recorded(self.listings))

    def ranges(self, days: list[dt.date]) -> Iterator[Step]:
        """Expirations by name: each one request for as many days as rules and size allow."""
        at = 0
        while at < len(days):
            limit = bisect_right(days, last_of_request(self.name, days[at], self.limits))
            window: dict[dt.date, Listing] = {}
            rows = 0
            for day in days[at:limit]:
                wanted = self._wanted(day)
                more = self._rows(sum(wanted.values()))
                if window and rows + more > step_rows(self.name):
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
        if self.name.schema not in self.limits.wide or self.contracts.expirations:
            # What else there is beside named expirations is not known, and may be a hundred times as much.
            return False
        if self._provider_chooses():
            return True
        return self._cost(1, self._rows_of_all(day, rows)) < self._cost(expirations, rows)

    def _provider_chooses(self) -> bool:
        """Whether a request for all expirations brings no more than what is wanted."""
        return self.contracts.max_dte is None or self.name.schema in self.limits.max_dte

    def _wanted(self, day: dt.date) -> Listing:
        """The expirations that are meant on a session, and their contracts as far as is known."""
        if self.contracts.expirations:
            return {expiration: self._listed(expiration) for expiration in self._alive(day)}
        listed = self.listings.get(Need("contracts", day))
        if listed is None:
            listed = self.listings.get(Need("expirations"))
            if listed is None:
                return {day: self._by_filters(CONTRACTS_OF_CHAIN)}
            listed = dict.fromkeys(listed, CONTRACTS_OF_EXPIRATION)
        return {e: self._by_filters(n) for e, n in listed.items() if self.contracts.days_of(e, day, day)}

    def _rows_of_all(self, day: dt.date, least: int) -> int:
        """Rows that a request for all expirations brings, as far as is known."""
        if self._provider_chooses():
            return least
        listed = self.listings.get(Need("contracts", day))
        if listed is None:
            return max(least, self._rows(self._by_filters(CONTRACTS_OF_CHAIN)))
        return max(least, self._rows(sum(self._by_filters(n) for n in listed.values())))

    def _alive(self, day: dt.date) -> list[dt.date]:
        return [e for e in self.contracts.expirations if self.contracts.days_of(e, day, day)]

    def _listed(self, expiration: dt.date) -> int:
        """Contracts of a named expiration: a list of strikes stands for two contracts each."""
        found = self.listings.get(Need("strikes", expiration))
        if found is not None:
            return self._by_filters(2 * found.get(expiration, 0))
        return self._by_filters(CONTRACTS_OF_EXPIRATION)

    def _by_filters(self, listed: int) -> int:
        """How many of an expiration's contracts requests bring; several strikes at once bring all."""
        both = 2 if self.contracts.right == "both" else 1
        if len(self.contracts.strikes) == 1 or self.strikes_apart:
            return both * len(self.contracts.strikes)
        if self.contracts.strike_range is not None:
            return min(listed, both * (2 * self.contracts.strike_range + 1))
        return listed * both // 2

    def _rows(self, contracts: int) -> int:
        return contracts * rows_of_contract(self.hours)

    def _cost(self, requests: int, rows: int) -> int:
        windows = max(1, -(-rows // step_rows(self.name)))
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
        rows = sum(chunk.rows for chunk in chunks)
        count = -(-rows // step_rows(self.name))
        if self.whole_days and rows > MOST_ROWS:
            raise RequestTooLarge(
                f"to be filled, the bars of a session must be held at once, and {rows:,} are more than {MOST_ROWS:,}: "
                "ask for fewer contracts, a longer interval, or empty_bars drop"
            )
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
