"""The option endpoints as routes.

Source: the vendor's OpenAPI file (paths, tiers, parameters and their defaults, columns in CSV order). There the bars
and the intraday Greeks want one expiration; here ``*`` is as good for a single day everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial

from simulator.options import daily, greek_rows, greeks, lists, rows
from simulator.options.greek_rows import Terms
from simulator.options.history import Daily, Intraday, Make
from simulator.query import Parameter, Query
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
    Route,
    columns,
)
from simulator.tables import Columns
from simulator.tiers import Tier

_CONTRACT = "symbol,expiration,strike,right"
_EXPIRATION = Parameter("expiration", required=True)
_STRIKE = Parameter("strike", default="*")
_RIGHT = Parameter("right", default="both")
_MAX_DTE = Parameter("max_dte")
_STRIKE_RANGE = Parameter("strike_range")
_OPTION = (SYMBOL, _EXPIRATION, _STRIKE, _RIGHT, _STRIKE_RANGE, FORMAT)
_TREASURIES = ("m1", "m3", "m6", "y1", "y2", "y3", "y5", "y7", "y10", "y20", "y30")
_RATES = ("sofr", *(f"treasury_{term}" for term in _TREASURIES))
_TERMS = (
    Parameter("annual_dividend"),
    Parameter("rate_type", default="sofr", allowed=_RATES),
    Parameter("rate_value"),
    Parameter("version", default="latest", allowed=("latest", "1")),
)
_BARS = "open,high,low,close,volume,count"
_UNDERLYING = "underlying_timestamp,underlying_price"
_VOLATILITY = f"implied_vol,iv_error,{_UNDERLYING}"
_REQUEST_TYPE = Parameter("request_type", required=True, allowed=("trade", "quote"))

Plan = Callable[[Query], tuple[Hashable, Make]]


def _rows_of(names: str) -> Columns:
    return replace(columns(f"{_CONTRACT},{names}"), grouped=True)


def _plainly(make: Make) -> Plan:
    return lambda query: (None, make)


def _paired(query: Query) -> tuple[Hashable, Make]:
    exclusive = query.text("exclusive") == "true"
    return exclusive, partial(rows.trade_quote, exclusive=exclusive)


def _greeks(names: tuple[str, ...]) -> Plan:
    def plan(query: Query) -> tuple[Hashable, Make]:
        terms = Terms.read(query)
        return terms, partial(greek_rows.grid, names=names, terms=terms)

    return plan


def _volatilities(query: Query) -> tuple[Hashable, Make]:
    terms = Terms.read(query)
    return terms, partial(greek_rows.implied_volatility, terms=terms)


def _greeks_eod(query: Query) -> tuple[Hashable, Make]:
    terms = Terms.read(query)
    return terms, partial(greek_rows.eod, terms=terms)


def _intraday(name: str, tier: Tier, parameters: tuple[Parameter, ...], names: str, plan: Plan) -> Route:
    declared = (*_OPTION, *parameters)
    answer = Intraday(name, frozenset(parameter.name for parameter in declared), plan)
    return Route(f"/v3/option/history/{name}", tier, declared, _rows_of(names), answer)


def _daily(
    name: str, tier: Tier, parameters: tuple[Parameter, ...], names: str, plan: Plan, *, day_at_a_time: bool = False
) -> Route:
    declared = (*_OPTION, _MAX_DTE, *parameters)
    answer = Daily(name, frozenset(parameter.name for parameter in declared), plan, day_at_a_time)
    return Route(f"/v3/option/history/{name}", tier, declared, _rows_of(names), answer)


def _greeks_route(name: str, tier: Tier, names: tuple[str, ...]) -> Route:
    shown = f"timestamp,bid,ask,{','.join(names)},{_VOLATILITY}"
    return _intraday(f"greeks/{name}", tier, (*INTRADAY, *_TERMS), shown, _greeks(names))


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
    Route("/v3/option/list/strikes", Tier.FREE, (SYMBOL, _EXPIRATION, FORMAT), columns("symbol,strike"), lists.strikes),
    Route(
        "/v3/option/list/contracts/{request_type}",
        Tier.VALUE,
        (_REQUEST_TYPE, Parameter("symbol"), Parameter("date", required=True), _MAX_DTE, FORMAT),
        columns(_CONTRACT),
        lists.contracts,
    ),
)

HISTORY_ROUTES = (
    _intraday("ohlc", Tier.VALUE, INTRADAY, f"timestamp,{_BARS},vwap", _plainly(rows.ohlc)),
    _intraday("quote", Tier.VALUE, (*INTRADAY, _MAX_DTE), f"timestamp,{QUOTE}", _plainly(rows.quote)),
    _intraday("trade", Tier.STANDARD, (*PERIOD, _MAX_DTE), f"timestamp,{TRADE}", _plainly(rows.trade)),
    _intraday(
        "trade_quote",
        Tier.STANDARD,
        (*PERIOD, EXCLUSIVE, _MAX_DTE),
        f"trade_timestamp,quote_timestamp,{TRADE},{QUOTE}",
        _paired,
    ),
    _daily("eod", Tier.FREE, (START_DATE, END_DATE), f"created,last_trade,{_BARS},{QUOTE}", _plainly(daily.eod)),
    _daily(
        "open_interest",
        Tier.VALUE,
        (Parameter("date"), Parameter("start_date"), Parameter("end_date")),
        "timestamp,open_interest",
        _plainly(daily.open_interest),
    ),
)

GREEKS_ROUTES = (
    _greeks_route("all", Tier.PRO, greeks.ALL),
    _greeks_route("first_order", Tier.STANDARD, greeks.FIRST_ORDER),
    _greeks_route("second_order", Tier.PRO, greeks.SECOND_ORDER),
    _greeks_route("third_order", Tier.PRO, greeks.THIRD_ORDER),
    _intraday(
        "greeks/implied_volatility",
        Tier.STANDARD,
        (*INTRADAY, *_TERMS),
        "timestamp,bid,bid_implied_vol,midpoint,implied_vol,ask,ask_implied_vol,iv_error," + _UNDERLYING,
        _volatilities,
    ),
    _daily(
        "greeks/eod",
        Tier.STANDARD,
        (START_DATE, END_DATE, *_TERMS, Parameter("underlyer_use_nbbo", default="false", allowed=("true", "false"))),
        f"timestamp,{_BARS},{QUOTE},{','.join(greeks.ALL)},{_VOLATILITY}",
        _greeks_eod,
        day_at_a_time=True,
    ),
)

OPTION_ROUTES = (*LIST_ROUTES, *HISTORY_ROUTES, *GREEKS_ROUTES)
