"""Every data endpoint the simulator has, in one table: path, subscription, parameters, columns, and who answers.

Source: the vendor's OpenAPI file (paths, tiers, parameters and their defaults, columns in CSV order).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from simulator import calendar, stock
from simulator.answers import Portion, Terminal
from simulator.query import Parameter, Query
from simulator.tables import Columns
from simulator.tiers import Tier

Endpoint = Callable[[Terminal, Query], list[Portion]]


@dataclass(frozen=True)
class Route:
    """An endpoint. ``path`` may have ``{parameters}``; ``tier`` is the least subscription; ``queued``: it takes one of
    the account's slots (snapshots do not)."""

    path: str
    tier: Tier
    parameters: tuple[Parameter, ...]
    columns: Columns
    answer: Endpoint
    queued: bool = True

    @property
    def security(self) -> str:
        """The first word of the path, as the text of a 403 names it."""
        return self.path.split("/")[2]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a request's path must look like."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))


def _columns(names: str, *, hashed: bool = True) -> Columns:
    return Columns(tuple(names.split(",")), hashed)


SYMBOL = Parameter("symbol", required=True)
START_DATE = Parameter("start_date", required=True)
END_DATE = Parameter("end_date", required=True)
FORMAT = Parameter("format", default="csv", allowed=("csv", "json", "ndjson", "html"))
VENUE = Parameter("venue", default="nqb", allowed=("nqb", "utp_cta"))
# ``date``, or both ends of a range: which of them is required, the endpoint says.
INTRADAY = (
    Parameter("date"),
    Parameter("start_date"),
    Parameter("end_date"),
    Parameter("start_time", default="09:30:00"),
    Parameter("end_time", default="16:00:00"),
    Parameter("interval", default="1s"),
)

ROUTES = (
    Route("/v3/stock/list/symbols", Tier.FREE, (FORMAT,), _columns("symbol"), stock.list_symbols),
    Route(
        "/v3/stock/list/dates/{request_type}",
        Tier.FREE,
        (Parameter("request_type", required=True, allowed=("trade", "quote")), SYMBOL, FORMAT),
        _columns("date"),
        stock.list_dates,
    ),
    Route(
        "/v3/stock/history/eod",
        Tier.FREE,
        (SYMBOL, START_DATE, END_DATE, FORMAT),
        _columns(
            "created,last_trade,open,high,low,close,volume,count,bid_size,bid_exchange,bid,bid_condition,"
            "ask_size,ask_exchange,ask,ask_condition"
        ),
        stock.eod,
    ),
    Route(
        "/v3/stock/history/ohlc",
        Tier.VALUE,
        (SYMBOL, *INTRADAY, VENUE, FORMAT),
        _columns("timestamp,open,high,low,close,volume,count,vwap"),
        stock.ohlc,
    ),
    Route(
        "/v3/calendar/today",
        Tier.FREE,
        (FORMAT,),
        _columns("type,open,close", hashed=False),
        calendar.today,
    ),
    Route(
        "/v3/calendar/on_date",
        Tier.VALUE,
        (Parameter("date", required=True), FORMAT),
        _columns("type,open,close", hashed=False),
        calendar.on_date,
    ),
    Route(
        "/v3/calendar/year_holidays",
        Tier.VALUE,
        (Parameter("year", required=True), FORMAT),
        _columns("date,type,open,close", hashed=False),
        calendar.year_holidays,
    ),
)

_PLAIN = {route.path: route for route in ROUTES if "{" not in route.path}


def find(path: str) -> tuple[Route, Mapping[str, str]] | None:
    """The route of a path and the parameters in it, or None if there is no such endpoint."""
    if path in _PLAIN:
        return _PLAIN[path], {}
    for route in ROUTES:
        if found := route.pattern.fullmatch(path):
            return route, found.groupdict()
    return None
