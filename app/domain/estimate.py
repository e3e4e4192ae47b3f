"""What a backtest would do, without doing it: requests to the provider, rows, bytes and time, series by series.

A pure function of the request, the provider's rules, what its tier refuses, and as many listings as were asked for.
One listing of a kind stands for all that the run itself will ask for: the strikes of the last expiration for those of
the others, the contracts of the last session for those of the sessions before, whole weeks earlier, so that weekdays
keep their expirations.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from app.domain import sessions
from app.domain.contracts import Contracts
from app.domain.kinds import Kind
from app.domain.limits import Limits
from app.domain.listing import Listing, Need
from app.domain.plan import Plan
from app.domain.planning import needs, needs_whole_days, plan_series
from app.domain.request import Backtest, SeriesRequest
from app.domain.schema import Asset, RecordType, Schema
from app.domain.series import SeriesName
from app.errors import RequestTooLarge

#: The model of time: a slot is busy this long with a request, and rows are parsed, encoded and committed at this rate
#: (a cautious figure for one history worker; `make bench` tells what a machine does).
REQUEST_SECONDS, ROWS_PER_SECOND = 0.5, 300_000

#: The model of bytes, about what a row is on the broker before its lz4: the Avro body by the record's columns, a string
#: being its length and one byte more; the registry's frame; the key; the broker's own fields of a record.
_COLUMN_BYTES: Mapping[Kind, int] = {
    Kind.INT: 2,
    Kind.LONG: 4,
    Kind.DOUBLE: 8,
    Kind.NULLABLE: 9,
    Kind.TIMESTAMP: 8,
    Kind.DATE: 3,
    Kind.RIGHT: 1,
    Kind.CODES: 2,
}
_FRAME_BYTES, _RECORD_BYTES, _OCC_BYTES = 5, 9, 21

_WEEK = dt.timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Ask:
    """A listing to be asked for; series that want the same one share it. ``trades``: contracts that traded, which are
    fewer than those that were quoted."""

    root: str
    need: Need
    trades: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of the asks: each one's listing, or why there is none."""

    found: Mapping[Ask, Listing] = field(default_factory=dict)
    missing: Mapping[Ask, str] = field(default_factory=dict)


Refusals = Mapping[SeriesName, str]


@dataclass(frozen=True, slots=True)
class Size:
    """How much a series is. ``listings``: requests for listings, beside ``requests``. ``rows`` is an upper estimate,
    before empty bars are dropped; not ``exact``: a guess. ``unlisted``: why it was made without a listing."""

    requests: int = 0
    listings: int = 0
    rows: int = 0
    steps: int = 0
    sessions: int = 0
    exact: bool = True
    unlisted: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesEstimate:
    """A series' part; of one that is refused the size is nothing."""

    name: SeriesName
    size: Size
    refused: str | None = None

    @property
    def bytes(self) -> int:
        return self.size.rows * row_bytes(self.name)

    def as_json(self, slots: int) -> dict[str, Any]:
        size = self.size
        body: dict[str, Any] = {
            "topic": self.name.topic,
            "requests": size.requests,
            "listings": size.listings,
            "rows": size.rows,
            "exact": size.exact,
            "bytes": self.bytes,
            "seconds": seconds(size.requests + size.listings, size.rows, slots),
            "steps": size.steps,
            "sessions": size.sessions,
            "listed": size.unlisted is None,
        }
        if size.unlisted is not None:
            body["why"] = size.unlisted
        if self.refused is not None:
            body["refused"] = self.refused
        return body


@dataclass(frozen=True, slots=True)
class Estimate:
    """A whole backtest's. ``sessions`` are those of its range; ``slots`` requests run at once."""

    backtest_id: str
    sessions: int
    slots: int
    series: tuple[SeriesEstimate, ...]

    def as_json(self) -> dict[str, Any]:
        """The answer of ``POST /plan``."""
        series = [one.as_json(self.slots) for one in self.series]
        total = {name: sum(one[name] for one in series) for name in ("requests", "listings", "rows", "bytes")}
        return {
            "backtest_id": self.backtest_id,
            **total,
            "seconds": seconds(total["requests"] + total["listings"], total["rows"], self.slots),
            "sessions": self.sessions,
            "refused": [{"topic": one["topic"], "reason": one["refused"]} for one in series if "refused" in one],
            "series": series,
        }


def seconds(requests: int, rows: int, slots: int) -> float:
    """The model of time: what the provider needs for the requests, and the platform for the rows."""
    return round(requests / slots * REQUEST_SECONDS + rows / ROWS_PER_SECOND, 2)


def row_bytes(name: SeriesName) -> int:
    """The model of bytes: about what a row of a series takes on the broker before it is compressed."""
    record = name.record
    key = len(name.symbol) if record.asset == "stock" else _OCC_BYTES
    texts = sum(1 + len(name.symbol) for column in record.columns if column.kind is Kind.STRING)
    return _fixed_bytes(record) + texts + key


def asks(backtest: Backtest, limits: Limits, refusals: Refusals) -> dict[Ask, SeriesName]:
    """The listings worth asking for, in the request's order, each with a series in whose name to ask."""
    found: dict[Ask, SeriesName] = {}
    for name, entry in backtest.members():
        if name not in refusals and (wanted := _wanted(entry, backtest, limits)):
            found.setdefault(_ask(name, wanted), name)
    return found


def estimate(backtest: Backtest, limits: Limits, slots: int, refusals: Refusals, answers: Answers) -> Estimate:
    """What the backtest would do. ``answers``: to ``asks``; what is not in them is estimated without."""
    days = [session.date for session in sessions.sessions(backtest.start, backtest.end)]
    # Stocks, and roots without a listing, differ only by name: ten thousand of them are planned once.
    sizes: dict[tuple[object, ...], Size | str] = {}
    series = []
    for entry in backtest.series:
        alike = replace(entry, symbols=())
        wanted = _wanted(entry, backtest, limits)
        for symbol in entry.symbols:
            name = SeriesName(entry.asset, symbol, entry.schema, entry.interval, backtest.backtest_id)
            if (refused := refusals.get(name)) is not None:
                series.append(SeriesEstimate(name, Size(), refused))
                continue
            ask = _ask(name, wanted) if wanted else None
            listing = answers.found.get(ask) if ask else None
            unlisted = None if ask is None or listing is not None else answers.missing.get(ask, "it was not asked for")
            key = alike, unlisted, None if listing is None else ask
            if key not in sizes:
                listings = {} if ask is None or listing is None else _standing_for(wanted, ask.need, listing)
                try:
                    size = _size(name, entry, days, backtest, limits, listings)
                except RequestTooLarge as error:
                    sizes[key] = str(error)
                else:
                    exact = _exact(entry, wanted, unlisted)
                    sizes[key] = replace(size, listings=len(wanted), exact=exact, unlisted=unlisted)
            found = sizes[key]
            series.append(SeriesEstimate(name, *((Size(), found) if isinstance(found, str) else (found,))))
    return Estimate(backtest.backtest_id, len(days), slots, tuple(series))


def _fixed_bytes(record: RecordType) -> int:
    body = sum(_COLUMN_BYTES.get(column.kind, 0) for column in record.columns)
    return body + _FRAME_BYTES + _RECORD_BYTES


def _wanted(entry: SeriesRequest, backtest: Backtest, limits: Limits) -> tuple[Need, ...]:
    if entry.contracts is None:
        return ()
    return _needs(entry.asset, entry.schema, backtest.start, backtest.end, entry.contracts, limits)


@lru_cache(maxsize=16)
def _needs(
    asset: Asset, schema: Schema, start: dt.date, end: dt.date, contracts: Contracts, limits: Limits
) -> tuple[Need, ...]:
    """The listings that the run will ask for; the same for every root."""
    return tuple(needs(SeriesName(asset, "A", schema, None, None), start, end, contracts, limits))


def _ask(name: SeriesName, wanted: tuple[Need, ...]) -> Ask:
    """The one listing that stands for all of those wanted, which are of one kind."""
    need = wanted[-1]
    return Ask(name.symbol, need, need.kind == "contracts" and name.schema in ("trade", "trade_quote"))


def _plan(
    name: SeriesName, entry: SeriesRequest, backtest: Backtest, limits: Limits, listings: Mapping[Need, Listing]
) -> Plan:
    """As the run makes it."""
    return plan_series(
        name,
        backtest.start,
        backtest.end,
        entry.start_time,
        entry.end_time,
        limits,
        entry.contracts,
        listings,
        whole_days=needs_whole_days(name, entry.empty_bars),
    )


def _size(
    name: SeriesName,
    entry: SeriesRequest,
    days: list[dt.date],
    backtest: Backtest,
    limits: Limits,
    listings: Mapping[Need, Listing],
) -> Size:
    """The size by its plan."""
    plan = _plan(name, entry, backtest, limits, listings)
    rows = _rows(plan)
    contracts = entry.contracts
    if contracts is not None and len(contracts.strikes) > 1 and (contracts.expirations or listings):
        # A request for several strikes brings all there are, of which those that are named are kept.
        single = replace(entry, contracts=replace(contracts, strikes=contracts.strikes[:1]))
        rows = len(contracts.strikes) * _rows(_plan(name, single, backtest, limits, listings))
    return Size(requests=len(plan.chunks), rows=rows, steps=len(plan.steps), sessions=_covered(plan, days))


def _rows(plan: Plan) -> int:
    return sum(step.rows for step in plan.steps)


def _standing_for(wanted: tuple[Need, ...], asked: Need, found: Listing) -> dict[Need, Listing]:
    """The one listing as an answer to every need of its kind."""
    if asked.date is None:
        return {asked: found}
    if asked.kind == "strikes":
        count = found.get(asked.date, 0)
        return {need: {need.date: count} for need in wanted if need.date is not None}
    return {need: _weeks_earlier(found, asked.date, need.date) for need in wanted if need.date is not None}


def _weeks_earlier(listing: Listing, on: dt.date, day: dt.date) -> Listing:
    """What may have been listed on a day, from the listing of a later one: expirations whole weeks earlier."""
    back = -(-(on - day) // _WEEK) * _WEEK
    return {expiration - back: count for expiration, count in listing.items() if expiration - back >= day}


def _covered(plan: Plan, days: list[dt.date]) -> int:
    """On how many of the sessions the plan asks for anything."""
    covered: set[int] = set()
    for start, end in {(chunk.start, chunk.end) for chunk in plan.chunks}:
        covered.update(range(bisect_left(days, start), bisect_right(days, end)))
    return len(covered)


def _exact(entry: SeriesRequest, wanted: tuple[Need, ...], unlisted: str | None) -> bool:
    """Whether the rows are counted, on a grid and of contracts that are known, and no guess."""
    contracts = entry.contracts
    if entry.interval is None and entry.record.has_hours:
        return False
    if contracts is None:
        return True
    if contracts.strike_range is not None:
        # How many strikes there are around the money, only the provider knows.
        return False
    if contracts.expirations and contracts.strikes:
        return True
    return len(wanted) == 1 and unlisted is None
