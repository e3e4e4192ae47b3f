"""Checking: from the messages of the ``requests`` topic and the bodies of the POST endpoints to a ``Backtest``.

Everything that can be known without the provider is checked here. All field paths in errors are those of the message
as it came.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.domain import sessions
from app.domain.contract_filter import ContractFilter, check_contracts
from app.domain.contracts import Contracts
from app.domain.dates import read_date
from app.domain.request import Backtest, EmptyBars, SeriesRequest
from app.domain.schema import RECORDS, TICK, Interval, RecordType, schemas_of
from app.domain.series import (
    ID_RULE,
    ROOT_RULE,
    SYMBOL_RULE,
    SeriesName,
    canonical_symbol,
    is_backtest_id,
    is_symbol_of,
)
from app.errors import FieldProblem, InvalidRequest

MAX_SERIES = 10_000
#: The first day for which the provider sells anything (its calendar and its oldest tier begin in 2012).
FIRST_DATE = dt.date(2012, 1, 1)
#: The report of a session's end is made at about 17:15 New York time and readable by 18:00 at the latest.
EOD_READY = dt.time(18, 0)

_RECENT = 8
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    asset: str
    tickers: list[str] | None = None
    ticker: str | None = None
    root: str | None = None
    contracts: ContractFilter | None = None
    schema_: str = Field("ohlcv", alias="schema")
    interval: str | None = None
    empty_bars: str | None = None
    start_time: str | None = None
    end_time: str | None = None


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    backtest_id: str
    start: str
    end: str
    series: list[_Entry] = Field(min_length=1, max_length=MAX_SERIES)
    empty_bars: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    live: bool = Field(False, strict=True)
    retain_days: int | None = Field(None, ge=1, le=36_500, strict=True)


#: What a request, an entry of its series, or its contracts may say.
_FIELDS = sorted(
    {field.alias or name for model in (_Request, _Entry, ContractFilter) for name, field in model.model_fields.items()}
)


def parse_request(body: object, now: dt.datetime, *, short_form: bool = False) -> Backtest:
    """Check a request and bring it into its canonical form.

    ``now`` (aware) decides which session is the last closed one. ``short_form``: errors name the fields of the
    one series without ``series[0].``. Raises ``InvalidRequest`` naming every field that is wrong.
    """
    if not isinstance(body, Mapping):
        raise InvalidRequest.of("", f"a request is a JSON object, this is {_kind(body)}")
    clean = {name: value for name, value in body.items() if value is not None}
    if isinstance(clean.get("series"), list):
        clean["series"] = [_without_nulls(entry) for entry in clean["series"]]
    try:
        raw = _Request.model_validate(clean)
    except ValidationError as error:
        raise InvalidRequest([_problem(e, short_form) for e in error.errors()]) from None
    return _Check(raw, now, short_form).backtest()


class _Check:
    """One request being checked; collects what is wrong and goes on, so that a user sees all of it at once."""

    def __init__(self, raw: _Request, now: dt.datetime, short_form: bool) -> None:
        self.raw = raw
        self.now = now
        self.short_form = short_form
        self.problems: list[FieldProblem] = []

    def wrong(self, field: str, message: str, allowed: tuple[str, ...] | None = None) -> None:
        problem = FieldProblem(field, message, allowed)
        # An option at the top level is looked at for each series, and wrong only once.
        if problem not in self.problems[-_RECENT:]:
            self.problems.append(problem)

    def backtest(self) -> Backtest:
        raw = self.raw
        if not is_backtest_id(raw.backtest_id):
            self.wrong("backtest_id", f"{raw.backtest_id!r} is not an id: {ID_RULE}")
        if raw.live:
            self.wrong("live", "going on into a live topic is not served by this version", ("false",))
        start, end = self._date("start", raw.start), self._date("end", raw.end)
        entries = [found for i, entry in enumerate(raw.series) if (found := self._entry(i, entry)) is not None]
        if start and end:
            self._range(start, end, entries)
        self._same_topic_twice(raw.backtest_id, entries)
        if self.problems or start is None or end is None:
            raise InvalidRequest(self.problems)
        return Backtest(raw.backtest_id, start, end, tuple(entries), raw.retain_days)

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
        last = min((_last_available(entry, self.now) for entry in entries), default=sessions.last_closed(self.now).date)
        if end > last:
            self.wrong("end", f"{end} is after the last closed session, {last}", (f"<= {last}",))
            if start > last:
                self.wrong("start", f"{start} is after the last closed session, {last}", (f"<= {last}",))

    def _entry(self, index: int, raw: _Entry) -> SeriesRequest | None:
        at = "" if self.short_form else f"series[{index}]."
        before = len(self.problems)
        asset = self._choice(f"{at}asset", raw.asset, tuple(dict.fromkeys(a for a, _ in RECORDS)))
        symbols: tuple[str, ...] = ()
        contracts: Contracts | None = None
        if asset == "stock":
            symbols = self._symbols(at, raw)
        elif asset == "option":
            symbols = self._root(at, raw)
            contracts = check_contracts(raw.contracts, f"{at}contracts", self.wrong)
            start = read_date(self.raw.start)
            if start and contracts.expirations and contracts.expirations[-1] < start:
                self.wrong(f"{at}contracts.expirations", f"all of them are before start, {start}")
        record = None
        if asset is not None:
            schema = self._choice(f"{at}schema", raw.schema_, schemas_of(asset))
            record = RECORDS[asset, schema] if schema is not None else None
        interval = self._interval(f"{at}interval", raw.interval, record) if record else None
        empty_bars: EmptyBars | None = self._choice(
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
        # The provider's own hours written out are the same request as the hours left out.
        start_time = None if start_time == sessions.OPEN else start_time
        end_time = None if end_time == sessions.CLOSE else end_time
        if len(self.problems) > before or record is None or empty_bars is None:
            return None
        return SeriesRequest(
            record.asset, symbols, record.schema, interval, empty_bars, start_time, end_time, contracts
        )

    def _own(self, raw: _Entry, name: str) -> Any:
        """An option that is said of this very series; in the short form everything is."""
        own = getattr(raw, name)
        return getattr(self.raw, name) if own is None and self.short_form else own

    def _hours(self, at: str, raw: _Entry) -> tuple[dt.time | None, dt.time | None]:
        start_time = self._time(at, "start_time", raw.start_time, self.raw.start_time)
        end_time = self._time(at, "end_time", raw.end_time, self.raw.end_time)
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

    def _choice(self, field: str, value: str, allowed: tuple[Any, ...]) -> Any:
        if value in allowed:
            return value
        self.wrong(field, f"{value!r} is not one of {', '.join(allowed)}", allowed)
        return None

    def _symbols(self, at: str, raw: _Entry) -> tuple[str, ...]:
        if raw.contracts is not None or raw.root is not None:
            self.wrong(f"{at}{'root' if raw.root is not None else 'contracts'}", "belongs to options, not to stocks")
        if raw.ticker is not None and raw.tickers is not None:
            self.wrong(f"{at}ticker", "name either ticker or tickers, not both")
        tickers = raw.tickers if raw.tickers is not None else [raw.ticker] if raw.ticker is not None else []
        if not tickers and raw.root is None:
            self.wrong(f"{at}tickers", "name at least one ticker")
        found: dict[str, None] = {}
        for i, text in enumerate(tickers):
            symbol = canonical_symbol(text)
            if symbol is None:
                field = f"{at}tickers[{i}]" if raw.tickers is not None else f"{at}ticker"
                self.wrong(field, f"{text!r} is not a ticker: {SYMBOL_RULE}")
            else:
                found[symbol] = None
        return tuple(found)

    def _root(self, at: str, raw: _Entry) -> tuple[str, ...]:
        for name in ("tickers", "ticker"):
            if getattr(raw, name) is not None:
                self.wrong(f"{at}{name}", "belongs to stocks; options have a root")
        if raw.root is None:
            self.wrong(f"{at}root", "name the root of the options, such as SPXW")
            return ()
        root = canonical_symbol(raw.root)
        if root is None or not is_symbol_of("option", root):
            self.wrong(f"{at}root", f"{raw.root!r} is not a root: {ROOT_RULE}")
            return ()
        return (root,)

    def _interval(self, field: str, text: str | None, record: RecordType) -> Interval | None:
        if not record.intervals:
            if text is not None:
                self.wrong(field, f"{record.schema} has no interval; leave it out")
            return None
        if text is None:
            return record.default_interval
        found = self._choice(field, text, record.allowed_intervals)
        interval: Interval | None = None if found == TICK else found
        return interval

    def _time(self, at: str, name: str, own: str | None, common: str | None) -> dt.time | None:
        text = own if own is not None else common
        if text is None:
            return None
        if _TIME.fullmatch(text):
            return dt.time.fromisoformat(text)
        self.wrong(f"{at if own is not None else ''}{name}", f"{text!r} is not a time: write HH:MM:SS, New York")
        return None

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


def _last_available(entry: SeriesRequest, now: dt.datetime) -> dt.date:
    """The last session whose rows for this series are all there at ``now``."""
    last = sessions.last_closed(now)
    # On half-days options trade on after the exchange's close.
    close = last.option_close if entry.asset == "option" else last.close
    ready = EOD_READY if entry.schema == "eod" else max(entry.end_time or close, close)
    local = now.astimezone(sessions.NEW_YORK)
    if last.date == local.date() and local.time() < ready:
        return sessions.last_closed(dt.datetime.combine(last.date, last.open, sessions.NEW_YORK)).date
    return last.date


def _without_nulls(entry: object) -> object:
    if not isinstance(entry, Mapping):
        return entry
    return {name: _without_nulls(value) for name, value in entry.items() if value is not None}


def _problem(error: Any, short_form: bool) -> FieldProblem:
    path = ""
    for part in error["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    if short_form:
        path = path.removeprefix("series[0].")
    match error["type"]:
        case "missing":
            message = "is required"
        case "extra_forbidden":
            message = "is not a field of a request"
            near = difflib.get_close_matches(str(error["loc"][-1]), _FIELDS, 1)
            if near:
                message += f"; did you mean {near[0]}?"
        case "model_type":
            message = f"must be an object, got {_kind(error['input'])}"
        case _:
            message = f"{error['msg'][0].lower()}{error['msg'][1:]}"
            if error["type"].endswith(("_type", "_parsing")):
                message += f", got {_kind(error['input'])}"
    return FieldProblem(path, message)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _:
            return "an object"
