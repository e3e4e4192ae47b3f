"""The option endpoints as routes.

Source: the vendor's OpenAPI file (paths, tiers, parameters and their defaults, columns in CSV order). There the bars
and the intraday Greeks want one expiration; here ``*`` is as good for a single day everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial

from simulator.options import lists, rows
from simulator.options.history import Daily, Intraday, Make
from simulator.query import Parameter, Query
from simulator.route import END_DATE, EXCLUSIVE, FORMAT, INTRADAY, PERIOD, QUOTE, START_DATE, SYMBOL, TRADE, Route, columns
from simulator.tiers import Tier

_CONTRACT = "symbol,expiration,strike,right"
_EXPIRATION = Parameter("expiration", required=True)
_STRIKE = Parameter("strike", default="*")
_RIGHT = Parameter("right", default="both")
_MAX_DTE = Parameter("max_dte")
_STRIKE_RANGE = Parameter("strike_range")
_OPTION = (SYMBOL, _EXPIRATION, _STRIKE, _RIGHT, _STRIKE_RANGE, FORMAT)
_REQUEST_TYPE = Parameter("request_type", required=True, allowed=("trade", "quote"))

Plan = Callable[[Query], tuple[Hashable, Make]]


def _plainly(make: Make) -> Plan:
    return lambda query: (None, make)


def _paired(query: Query) -> tuple[Hashable, Make]:
    exclusive = query.text("exclusive") == "true"
    return exclusive, partial(rows.trade_quote, exclusive=exclusive)


def _intraday(name: str, tier: Tier, parameters: tuple[Parameter, ...], names: str, plan: Plan) -> Route:
    declared = (*_OPTION, *parameters)
    answer = Intraday(name, frozenset(parameter.name for parameter in declared), plan)
    return Route(f"/v3/option/history/{name}", tier, declared, columns(f"{_CONTRACT},{names}"), answer)


LIST_ROUTES = (
    Route("/v3/option/list/symbols", Tier.FREE, (FORMAT,), columns("symbol"), lists.symbols),
    Route(
        "/v3/option/list/dates/{request_type}",
        Tier.FREE,
        (_REQUEST_TYPE, SYMBOL, _EXPIRATION, _STRIKE, _RIGHT, FORMAT),
        columns("date"),
        lists.dates,
    ),
    Route("/v3/option/list/expirations", Tier.FREE, (SYMBOL, FORMAT), columns("symbol,expiration"), lists.expirations),
    Route(
        "/v3/option/list/strikes", Tier.FREE, (SYMBOL, _EXPIRATION, FORMAT), columns("symbol,strike"), lists.strikes
    ),
    Route(
        "/v3/option/list/contracts/{request_type}",
        Tier.VALUE,
        (_REQUEST_TYPE, Parameter("symbol"), Parameter("date", required=True), _MAX_DTE, FORMAT),
        columns(_CONTRACT),
        lists.contracts,
    ),
)

HISTORY_ROUTES = (
    _intraday(
        "ohlc", Tier.VALUE, INTRADAY, "timestamp,open,high,low,close,volume,count,vwap", _plainly(rows.ohlc)
    ),
    _intraday("quote", Tier.VALUE, (*INTRADAY, _MAX_DTE), f"timestamp,{QUOTE}", _plainly(rows.quote)),
    _intraday("trade", Tier.STANDARD, (*PERIOD, _MAX_DTE), f"timestamp,{TRADE}", _plainly(rows.trade)),
    _intraday(
        "trade_quote",
        Tier.STANDARD,
        (*PERIOD, EXCLUSIVE, _MAX_DTE),
        f"trade_timestamp,quote_timestamp,{TRADE},{QUOTE}",
        _paired,
    ),
)

OPTION_ROUTES = (*LIST_ROUTES, *HISTORY_ROUTES)
