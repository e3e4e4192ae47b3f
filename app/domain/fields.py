"""What the checks of all requests share: the fields that name series, and telling what is wrong with them."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.domain import described, sessions
from app.domain.contract_filter import ContractFilter
from app.domain.described import said
from app.domain.schema import TICK, Interval, RecordType
from app.domain.series import ROOT_RULE, SYMBOL_RULE, canonical_symbol, is_symbol_of
from app.errors import MOST_PROBLEMS, FieldProblem, InvalidRequest

#: Series that one request asks for at the most.
MAX_SERIES = 10_000
_RECENT = 8
#: Levels of objects and lists, and letters of a field's name that is looked up.
_DEEPEST, _LONGEST_NAME = 32, 64
_TICKERS = f"{SYMBOL_RULE}; upper or lower case. One topic each."
_MANY_TICKERS = {"type": "array", "items": dict(described.TICKER), "minItems": 1, "maxItems": MAX_SERIES}
_INTERVAL = (
    "`1m` for `ohlcv`, `greeks` and `implied_volatility`, `tick` (every change) for `quote`, unless it is named; "
    "`ohlcv` has no `tick`; `trade`, `trade_quote`, `eod` and `open_interest` have none."
)
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")


class SeriesFields(BaseModel):
    """The fields that say which series are meant, as they come."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=described.of_either_asset)

    asset: Annotated[str, said("`stock` or `option`.", described.ASSET)]
    #: Told of the first that is no text: three hundred thousand of them take seconds.
    tickers: Annotated[list[str] | None, said(_TICKERS, _MANY_TICKERS, optional=True)] = Field(None, fail_fast=True)
    ticker: Annotated[str | None, said("One ticker, in place of `tickers`.", described.TICKER, optional=True)] = None
    root: Annotated[
        str | None,
        said("Root of an option chain; one topic holds all of its contracts.", described.ROOT, optional=True),
    ] = None
    contracts: ContractFilter | None = Field(None, description="Which contracts of the chain; the whole chain without.")
    schema_: Annotated[str, said("Kind of record; `ohlcv` unless it is named.", described.SCHEMA, optional=True)] = (
        Field("ohlcv", alias="schema")
    )
    interval: Annotated[str | None, said(_INTERVAL, described.INTERVAL, optional=True)] = None
    start_time: Annotated[
        str | None, said("First time of day, New York; 09:30:00 unless it is named.", described.TIME, optional=True)
    ] = None
    end_time: Annotated[
        str | None, said("Last time of day, New York; 16:00:00 unless it is named.", described.TIME, optional=True)
    ] = None


class Check:
    """Collects what is wrong with a request and goes on, so that a user sees all of it at once."""

    def __init__(self) -> None:
        self.problems: list[FieldProblem] = []

    def wrong(self, field: str, message: str, allowed: tuple[str, ...] | None = None) -> None:
        if len(self.problems) >= MOST_PROBLEMS:
            # A megabyte of them takes seconds, and nobody is told of more.
            return
        problem = FieldProblem(field, message, allowed)
        # An option at the top level is looked at for each series, and wrong only once.
        if problem not in self.problems[-_RECENT:]:
            self.problems.append(problem)

    def choice(self, field: str, value: str, allowed: tuple[Any, ...]) -> Any:
        """The value if it is an allowed one, else None."""
        if value in allowed:
            return value
        self.wrong(field, f"{value!r} is not one of {', '.join(allowed)}", allowed)
        return None

    def tickers(self, at: str, raw: SeriesFields) -> tuple[str, ...]:
        """The symbols of stocks, each once. ``at`` is put before the names of fields, here and below."""
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

    def root(self, at: str, raw: SeriesFields) -> tuple[str, ...]:
        """The one root of options."""
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

    def interval(
        self, field: str, text: str | None, record: RecordType, allowed: tuple[str, ...] | None = None
    ) -> Interval | None:
        """The interval of a record, its default where none is named. ``allowed`` where that is less than it has."""
        if not record.intervals:
            if text is not None:
                self.wrong(field, f"{record.schema} has no interval; leave it out")
            return None
        if text is None:
            return record.default_interval
        found = self.choice(field, text, record.allowed_intervals if allowed is None else allowed)
        interval: Interval | None = None if found == TICK else found
        return interval

    def time(self, field: str, text: str | None) -> dt.time | None:
        """A time of day, New York; None where none is named."""
        if text is None:
            return None
        if _TIME.fullmatch(text):
            return dt.time.fromisoformat(text)
        self.wrong(field, f"{text!r} is not a time: write HH:MM:SS, New York")
        return None


def regular(start_time: dt.time | None, end_time: dt.time | None) -> tuple[dt.time | None, dt.time | None]:
    """Hours in their canonical form: the regular ones written out are the same as the hours left out."""
    return None if start_time == sessions.OPEN else start_time, None if end_time == sessions.CLOSE else end_time


def without_nulls(value: object) -> object:
    """An object without the fields that are null, however deep: null is the same as left out."""
    if not isinstance(value, Mapping):
        return value
    return {name: without_nulls(part) for name, part in value.items() if part is not None}


def names_of(*models: type[BaseModel]) -> list[str]:
    """The fields that some models know, as requests spell them."""
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


def refused(
    error: ValidationError, known: Iterable[str], take: str = "", put: str = "", what: str = "field"
) -> InvalidRequest:
    """What a model found wrong, in words. ``known`` are the fields there are; ``take`` is taken from the begin of
    each path, and ``put`` in its place; ``what`` is the word for one of them."""
    names = list(known)
    found = error.errors(include_url=False)[:MOST_PROBLEMS]
    return InvalidRequest([_problem(one, names, take, put, what) for one in found])


def too_deep(body: object) -> bool:
    """Whether JSON is nested deeper than any request is: what looks into it as deep as it goes would not come back."""
    level = [body]
    for _ in range(_DEEPEST):
        level = [
            part
            for one in level
            if isinstance(one, dict | list)
            for part in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
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


def _problem(error: Any, known: list[str], take: str, put: str, what: str) -> FieldProblem:
    path = ""
    for part in error["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    path = put + path.removeprefix(take)
    allowed = None
    match error["type"]:
        case "missing":
            message = "is required"
        case "extra_forbidden":
            message = f"is not a {what} of a request"
            near = difflib.get_close_matches(str(error["loc"][-1])[:_LONGEST_NAME], known, 1)
            if near:
                message += f"; did you mean {near[0]}?"
        case "model_type":
            message = f"must be an object, got {kind_of(error['input'])}"
        case _:
            # Some of our own say what is allowed.
            allowed = error.get("ctx", {}).get("allowed")
            message = f"{error['msg'][0].lower()}{error['msg'][1:]}"
            if error["type"].endswith(("_type", "_parsing")):
                message += f", got {kind_of(error['input'])}"
    return FieldProblem(path, message, allowed)
