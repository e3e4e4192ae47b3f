"""Every data endpoint the simulator has, in one table.

Source: the vendor's OpenAPI file (paths, tiers, parameters and their defaults, columns in CSV order).
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator import calendar, stock, stock_ticks
from simulator.options import OPTION_ROUTES
from simulator.query import Parameter
from simulator.route import (
    END_DATE,
    EXCLUSIVE,
    FORMAT,
    INTRADAY,
    PERIOD,
    QUOTE,
    START_DATE,
    SYMBOL,
    TRADE,
    VENUE,
    Route,
    columns,
)
from simulator.tiers import Tier

ROUTES = (
    *OPTION_ROUTES,
    Route("/v3/stock/list/symbols", Tier.FREE, (FORMAT,), columns("symbol"), stock.list_symbols),
    Route(
        "/v3/stock/list/dates/{request_type}",
        Tier.FREE,
        (Parameter("request_type", required=True, allowed=("trade", "quote")), SYMBOL, FORMAT),
        columns("date"),
        stock.list_dates,
    ),
    Route(
        "/v3/stock/history/eod",
        Tier.FREE,
        (SYMBOL, START_DATE, END_DATE, FORMAT),
        columns(
            "created,last_trade,open,high,low,close,volume,count,bid_size,bid_exchange,bid,bid_condition,"
            "ask_size,ask_exchange,ask,ask_condition"
        ),
        stock.eod,
    ),
    Route(
        "/v3/stock/history/ohlc",
        Tier.VALUE,
        (SYMBOL, *INTRADAY, VENUE, FORMAT),
        columns("timestamp,open,high,low,close,volume,count,vwap"),
        stock.ohlc,
    ),
    Route(
        "/v3/stock/history/quote",
        Tier.VALUE,
        (SYMBOL, *INTRADAY, VENUE, FORMAT),
        columns(f"timestamp,{QUOTE}"),
        stock_ticks.quote,
    ),
    Route(
        "/v3/stock/history/trade",
        Tier.STANDARD,
        (SYMBOL, *PERIOD, VENUE, FORMAT),
        columns(f"timestamp,{TRADE}"),
        stock_ticks.trade,
    ),
    Route(
        "/v3/stock/history/trade_quote",
        Tier.STANDARD,
        (SYMBOL, *PERIOD, EXCLUSIVE, VENUE, FORMAT),
        columns(f"trade_timestamp,quote_timestamp,{TRADE},{QUOTE}"),
        stock_ticks.trade_quote,
    ),
    Route(
        "/v3/calendar/today",
        Tier.FREE,
        (FORMAT,),
        columns("type,open,close", hashed=False),
        calendar.today,
    ),
    Route(
        "/v3/calendar/on_date",
        Tier.VALUE,
        (Parameter("date", required=True), FORMAT),
        columns("type,open,close", hashed=False),
        calendar.on_date,
    ),
    Route(
        "/v3/calendar/year_holidays",
        Tier.VALUE,
        (Parameter("year", required=True), FORMAT),
        columns("date,type,open,close", hashed=False),
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
