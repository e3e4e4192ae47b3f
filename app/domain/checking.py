"""Checking: from the messages of the ``requests`` topic and the bodies of the POST endpoints to a ``Backtest``.

Everything that can be known without the provider is checked here. All field paths in errors are those of the message
as it came.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.domain import described, sessions
from app.domain.contract_filter import ContractFilter, check_contracts
from app.domain.contracts import Contracts
from app.domain.dates import read_date
from app.domain.described import said
from app.domain.fields import MAX_SERIES, Check, SeriesFields, kind_of, names_of, refused, regular, without_nulls
from app.domain.handover import last_available
from app.domain.live_request import why_not_live
from app.domain.request import Backtest, EmptyBars, SeriesRequest
from app.domain.schema import RECORDS, Interval, RecordType, schemas_of
from app.domain.series import ID_RULE, SeriesName, is_backtest_id
from app.errors import InvalidRequest

#: The first day for which the provider sells anything (its calendar and its oldest tier begin in 2012).
FIRST_DATE = dt.date(2012, 1, 1)


_EMPTY_BARS = "Of `ohlcv`: whether bars in which nothing traded are dropped, or filled with the last close."
_FILLING = described.choice(get_args(EmptyBars))


class Entry(SeriesFields):
    """An entry of a request's series."""

    empty_bars: Annotated[str | None, said(_EMPTY_BARS, _FILLING, optional=True)] = None


class RequestFields(BaseModel):
    """The fields of a request that are not those of its series, as they come."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    backtest_id: Annotated[
        str, said(f"{ID_RULE}; part of the topics' names. A number is taken as its digits.", described.ID)
    ]
    start: Annotated[str, said(f"First session date, New York, inclusive; from {FIRST_DATE} on.", described.DATE)]
    end: Annotated[
        str,
        said(
            "Last session date, New York, inclusive; at the latest the last session whose rows are all there, with "
            "`live` today.",
            described.DATE,
        ),
    ]
    empty_bars: Annotated[str | None, said(_EMPTY_BARS, _FILLING, optional=True)] = None
    start_time: Annotated[
        str | None, said("First time of day, New York; 09:30:00 unless it is named.", described.TIME, optional=True)
    ] = None
    end_time: Annotated[
        str | None, said("Last time of day, New York; 16:00:00 unless it is named.", described.TIME, optional=True)
    ] = None
    live: Annotated[
        bool, said("`true`: each series goes on into its live topic.", {"type": "boolean"}, optional=True)
    ] = Field(False, strict=True)
    retain_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        strict=True,
        description="Days after its last series ended at which the backtest is deleted with its topics; never without.",
    )


class BacktestRequest(RequestFields):
    """The full form of a request: several series, and options that are defaults for them."""

    series: list[Entry] = Field(
        min_length=1, max_length=MAX_SERIES, description="What is asked for; answers are in this order."
    )


#: What a request, an entry of its series, or its contracts may say.
_FIELDS = names_of(BacktestRequest, Entry, ContractFilter)


def parse_request(body: object, now: dt.datetime, *, short_form: bool = False) -> Backtest:
    """Check a request and bring it into its canonical form.

    ``now`` (aware) decides which session is the last closed one. ``short_form``: errors name the fields of the
    one series without ``series[0].``. Raises ``InvalidRequest`` naming every field that is wrong.
    """
    if not isinstance(body, Mapping):
        raise InvalidRequest.of("", f"a request is a JSON object, this is {kind_of(body)}")
    clean = {name: value for name, value in body.items() if value is not None}
    if isinstance(clean.get("series"), list):
        clean["series"] = [without_nulls(entry) for entry in clean["series"]]
    try:
        raw = BacktestRequest.model_validate(clean)
    except ValidationError as error:
        raise refused(error, _FIELDS, take="series[0]." if short_form else "") from None
    return _Check(raw, now, short_form).backtest()


class _Check(Check):
    """One request being checked."""

    def __init__(self, raw: BacktestRequest, now: dt.datetime, short_form: bool) -> None:
        super().__init__()
        self.raw = raw
        self.now = now
        self.short_form = short_form

    def backtest(self) -> Backtest:
        raw = self.raw
        if not is_backtest_id(raw.backtest_id):
            self.wrong("backtest_id", f"{raw.backtest_id!r} is not an id: {ID_RULE}")
        start, end = self._date("start", raw.start), self._date("end", raw.end)
        entries = [found for i, entry in enumerate(raw.series) if (found := self._entry(i, entry)) is not None]
        if start and end:
            self._range(start, end, entries)
        self._same_topic_twice(raw.backtest_id, entries)
        if self.problems or start is None or end is None:
            raise InvalidRequest(self.problems)
        return Backtest(raw.backtest_id, start, end, tuple(entries), raw.retain_days, raw.live)

    def _date(self, field: str, text: str) -> dt.date | None:
        found = read_date(text)
        if found is None:
            self.wrong(field, f"{text!r} is not a date: write YYYY-MM-DD")
        return found

    def _range(self, start: dt.date, end: dt.date, entries: list[SeriesRequest]) -> None:
        if end < start:
            self.wrong("end", f"{end} is before start, {start}")
            return
        if start < FIRST_DATE:
            self.wrong("start", f"{start} is before {FIRST_DATE}, the first day the provider has")
        last = min((last_available(entry, self.now) for entry in entries), default=sessions.last_closed(self.now).date)
        # What is not over yet is not history's but the live topic's.
        latest = max(last, self.now.astimezone(sessions.NEW_YORK).date()) if self.raw.live else last
        if end > latest or start > last:
            if end > latest:
                what = "today in New York" if self.raw.live else "the last closed session"
                self.wrong("end", f"{end} is after {what}, {latest}", (f"<= {latest}",))
            if start > last:
                self.wrong("start", f"{start} is after the last closed session, {last}", (f"<= {last}",))

    def _entry(self, index: int, raw: Entry) -> SeriesRequest | None:
        at = "" if self.short_form else f"series[{index}]."
        before = len(self.problems)
        asset = self.choice(f"{at}asset", raw.asset, tuple(dict.fromkeys(a for a, _ in RECORDS)))
        symbols: tuple[str, ...] = ()
        contracts: Contracts | None = None
        if asset == "stock":
            symbols = self.tickers(at, raw)
        elif asset == "option":
            symbols = self.root(at, raw)
            contracts = check_contracts(raw.contracts, f"{at}contracts", self.wrong)
            start = read_date(self.raw.start)
            if start and contracts.expirations and contracts.expirations[-1] < start:
                self.wrong(f"{at}contracts.expirations", f"all of them are before start, {start}")
        record = None
        if asset is not None:
            schema = self.choice(f"{at}schema", raw.schema_, schemas_of(asset))
            record = RECORDS[asset, schema] if schema is not None else None
        interval = self.interval(f"{at}interval", raw.interval, record) if record else None
        empty_bars: EmptyBars | None = self.choice(
            f"{at if raw.empty_bars is not None else ''}empty_bars",
            next((given for given in (raw.empty_bars, self.raw.empty_bars) if given is not None), "drop"),
            get_args(EmptyBars),
        )
        start_time, end_time = self._hours(at, raw)
        if record is not None and record.schema != "ohlcv":
            if self._own(raw, "empty_bars") not in (None, "drop"):
                self.wrong(f"{at}empty_bars", f"{record.schema} has no bars; leave it out")
            empty_bars = "drop"
        if record is not None and not record.has_hours:
            # A day has one report whatever the hours, so these options say nothing about it.
            for name in ("start_time", "end_time"):
                if self._own(raw, name) is not None:
                    self.wrong(f"{at}{name}", f"{record.schema} has one row a session; leave it out")
            start_time, end_time = None, None
        if self.raw.live and record is not None:
            self._goes_on_live(at, record, interval)
        start_time, end_time = regular(start_time, end_time)
        if len(self.problems) > before or record is None or empty_bars is None:
            return None
        return SeriesRequest(
            record.asset, symbols, record.schema, interval, empty_bars, start_time, end_time, contracts
        )

    def _goes_on_live(self, at: str, record: RecordType, interval: Interval | None) -> None:
        why = why_not_live(record, interval)
        if why is not None:
            self.wrong(f"{at}{why.field}", f"{why.message}; leave live out for it", why.allowed)

    def _own(self, raw: Entry, name: str) -> Any:
        """An option that is said of this very series; in the short form everything is."""
        own = getattr(raw, name)
        return getattr(self.raw, name) if own is None and self.short_form else own

    def _hours(self, at: str, raw: Entry) -> tuple[dt.time | None, dt.time | None]:
        start_time, end_time = self._time(at, raw, "start_time"), self._time(at, raw, "end_time")
        if (start_time or sessions.OPEN) > (end_time or sessions.CLOSE):
            # Named is what the message holds: an end of its own, the common end, or else the start.
            field = next(
                (
                    f"{prefix}{name}"
                    for name in ("end_time", "start_time")
                    for prefix, given in ((at, getattr(raw, name)), ("", getattr(self.raw, name)))
                    if given is not None
                ),
                "end_time",
            )
            self.wrong(field, f"the hours end at {end_time or sessions.CLOSE}, before {start_time or sessions.OPEN}")
        return start_time, end_time

    def _time(self, at: str, raw: Entry, name: str) -> dt.time | None:
        own = getattr(raw, name)
        return self.time(name, getattr(self.raw, name)) if own is None else self.time(f"{at}{name}", own)

    def _same_topic_twice(self, backtest_id: str, entries: list[SeriesRequest]) -> None:
        if self.problems:
            return
        seen: dict[str, int] = {}
        for index, entry in enumerate(entries):
            for symbol in entry.symbols:
                name = SeriesName(entry.asset, symbol, entry.schema, entry.interval, backtest_id)
                if name.topic in seen:
                    field = "series" if self.short_form else f"series[{index}]"
                    self.wrong(field, f"{symbol} {entry.schema} is already asked for by series[{seen[name.topic]}]")
                seen[name.topic] = index
        if len(seen) > MAX_SERIES:
            self.wrong("series", f"{len(seen)} series are more than {MAX_SERIES}; split the request")
