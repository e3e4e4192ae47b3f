"""Which request of the terminal's REST API brings a chunk, and which a listing: path and parameters.

Paths and parameter names are those of the vendor's OpenAPI file. Unknown parameters are ignored by the terminal in
silence, so a test holds every name used here against that file.
"""

from __future__ import annotations

import datetime as dt

from app.domain.listing import Need
from app.domain.plan import Chunk
from app.domain.schema import Schema
from app.domain.series import SeriesName
from app.theta.limits import THETA_LIMITS

Request = tuple[str, dict[str, str]]

_ENDPOINTS: dict[Schema, str] = {
    "ohlcv": "ohlc",
    "quote": "quote",
    "trade": "trade",
    "trade_quote": "trade_quote",
    "eod": "eod",
    "open_interest": "open_interest",
    "greeks": "greeks/all",
    "implied_volatility": "greeks/implied_volatility",
}
#: Stock streams are Nasdaq Basic; history of past days is the consolidated tape unless this is asked for.
_STREAMED_VENUE = "nqb"
#: Schemas whose endpoint takes an interval, ``tick`` for every change.
_WITH_INTERVAL = frozenset({"ohlcv", "quote", "greeks", "implied_volatility"})


def request_of(series: SeriesName, chunk: Chunk) -> Request:
    """Path and parameters of a chunk's request."""
    params = {"symbol": series.symbol, "format": "csv"}
    if series.schema in _WITH_INTERVAL:
        params["interval"] = series.interval or "tick"
    if series.record.has_hours:
        if chunk.start_time is not None:
            params["start_time"] = _time(chunk.start_time)
        if chunk.end_time is not None:
            params["end_time"] = _time(chunk.end_time)
    if chunk.start == chunk.end and series.schema != "eod":
        params["date"] = _day(chunk.start)
    else:
        params |= {"start_date": _day(chunk.start), "end_date": _day(chunk.end)}
    if chunk.contracts is not None:
        params |= _contracts(series, chunk)
    if chunk.as_streamed and series.asset == "stock" and series.schema != "eod":
        params["venue"] = _STREAMED_VENUE
    return f"/v3/{series.asset}/history/{_ENDPOINTS[series.schema]}", params


def listing_of(series: SeriesName, need: Need) -> Request:
    """Path and parameters of a listing's request."""
    params = {"symbol": series.symbol, "format": "csv"}
    match need.kind:
        case "expirations":
            return "/v3/option/list/expirations", params
        case "strikes":
            assert need.date is not None
            return "/v3/option/list/strikes", params | {"expiration": _day(need.date)}
        case "contracts":
            assert need.date is not None
            # What traded that day is less than what was quoted, and all that a series of trades will have.
            kind = "trade" if series.schema in ("trade", "trade_quote") else "quote"
            return f"/v3/option/list/contracts/{kind}", params | {"date": _day(need.date)}


def _contracts(series: SeriesName, chunk: Chunk) -> dict[str, str]:
    asked = chunk.contracts
    assert asked is not None
    params = {"expiration": _day(asked.expirations[0]) if asked.expirations else "*"}
    if asked.strikes:
        params["strike"] = f"{asked.strikes[0] / 1000:.3f}"
    if asked.right != "both":
        params["right"] = asked.right
    if asked.max_dte is not None and series.schema in THETA_LIMITS.max_dte:
        params["max_dte"] = str(asked.max_dte)
    if asked.strike_range is not None:
        params["strike_range"] = str(asked.strike_range)
    return params


def _day(date: dt.date) -> str:
    return date.strftime("%Y%m%d")


def _time(time: dt.time) -> str:
    return time.isoformat(timespec="milliseconds" if time.microsecond else "seconds")
