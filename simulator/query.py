"""A request's parameters, read as the terminal reads them.

Unknown names are ignored (a misspelt one yields other data, not an error, as on the real terminal); the names of API
v2 are refused with 410; what is missing or malformed is refused with 400.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simulator.refusals import bad, upgraded

# v2 name -> what the v3 terminal says about it.
V2_NAMES = {
    "root": "symbol",
    "exp": "expiration",
    "ivl": "interval",
    "use_csv": "format",
    "rate": "rate_type",
    "annual_div": "annual_dividend",
    "under_price": "stock_price",
    "sec": "path parameter",
    "rth": "unnecessary",
    "pretty_time": "unnecessary",
    "perf_boost": "unnecessary",
}

INTERVALS = {
    "10ms": 10,
    "100ms": 100,
    "500ms": 500,
    "1s": 1_000,
    "5s": 5_000,
    "10s": 10_000,
    "15s": 15_000,
    "30s": 30_000,
    "1m": 60_000,
    "5m": 300_000,
    "10m": 600_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
}
"""The widths of bars in milliseconds; the vendor's ``tick`` is for quotes, a bar has no tick."""

_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,3}))?", re.ASCII)


def refuse_v2(path: str, given: Iterable[tuple[str, str]]) -> None:
    """410 for a path of API v2, and for a name of its parameters on any path."""
    deprecated = [(name, V2_NAMES[name]) for name, _ in given if name in V2_NAMES]
    if deprecated or path.startswith("/v2/"):
        raise upgraded(deprecated)


@dataclass(frozen=True)
class Parameter:
    """A query parameter of a route; without a ``default`` and not ``required`` it may be absent."""

    name: str
    required: bool = False
    default: str | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Span:
    """Calendar days from ``start`` to ``end``, both included."""

    start: dt.date
    end: dt.date


@dataclass(frozen=True)
class Query:
    """The parameters of one request, those of the path among them, defaults filled in."""

    values: Mapping[str, str]

    @classmethod
    def read(cls, declared: Iterable[Parameter], path: Mapping[str, str], given: Iterable[tuple[str, str]]) -> Query:
        """Check presence and fill in defaults; of a name given twice the first counts. Raises 400."""
        values = {**dict(reversed(list(given))), **path}
        for parameter in declared:
            value = values.get(parameter.name)
            if not value:
                if parameter.required:
                    raise bad(f"Missing required parameter: {parameter.name}")
                values.pop(parameter.name, None)
                if parameter.default is not None:
                    values[parameter.name] = parameter.default
            elif parameter.allowed and value not in parameter.allowed:
                allowed = ", ".join(parameter.allowed)
                raise bad(f"Invalid {parameter.name}: {value}. Allowed values: {allowed}")
        return cls(values)

    def text(self, name: str) -> str:
        """A parameter that is there."""
        return self.values[name]

    def date(self, name: str) -> dt.date:
        """A date, ``YYYYMMDD`` or ``YYYY-MM-DD``."""
        text = self.values[name]
        if not (found := _DATE.fullmatch(text)):
            raise bad(f"Invalid {name}: {text}. Expected YYYYMMDD or YYYY-MM-DD")
        try:
            return dt.date(*map(int, found.groups()))
        except ValueError:
            raise bad(f"Invalid {name}: {text}. No such day") from None

    def time(self, name: str) -> int:
        """A New York time of day ``HH:MM:SS[.SSS]``, in milliseconds since midnight."""
        text = self.values[name]
        if not (found := _TIME.fullmatch(text)):
            raise bad(f"Invalid {name}: {text}. Expected HH:MM:SS.SSS")
        hours, minutes, seconds, fraction = found.groups()
        return (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 1000 + int((fraction or "0").ljust(3, "0"))

    def interval(self) -> int:
        """The width of a bar, in milliseconds."""
        text = self.values["interval"]
        if text not in INTERVALS:
            raise bad(f"Invalid interval: {text}. Allowed values: {', '.join(INTERVALS)}")
        return INTERVALS[text]

    def year(self, name: str) -> int:
        """A year of four digits."""
        text = self.values[name]
        if not re.fullmatch(r"[12]\d{3}", text, re.ASCII):
            raise bad(f"Invalid {name}: {text}. Expected YYYY")
        return int(text)

    def range(self) -> Span:
        """``start_date`` to ``end_date``; raises 400 when one is missing or they are the wrong way round."""
        for name in ("start_date", "end_date"):
            if not self.values.get(name):
                raise bad(f"Missing required parameter: {name}")
        span = Span(self.date("start_date"), self.date("end_date"))
        if span.start > span.end:
            raise bad(f"Invalid date range: start date {span.start} is after end date {span.end}")
        return span

    def date_or_range(self) -> Span:
        """``date``, which overrides the range, or else the range."""
        if self.values.get("date"):
            day = self.date("date")
            return Span(day, day)
        return self.range()
