"""The rows of the golden files, one list a record type: rows as the provider might give them, and of extremes."""

from __future__ import annotations

from tests.unit.avro.reference import Row

_CALL: Row = {"root": "SPXW", "expiration": 19_797, "strike": 4800.0, "right": "CALL"}
_PUT: Row = {"root": "BRKB", "expiration": 19_741, "strike": 347.5, "right": "PUT"}
_OLD: Row = {"root": "A", "expiration": -1, "strike": 0.001, "right": "PUT"}
#: 2024-01-02 09:30:00 in New York.
_OPEN = 1_704_205_800_000_000

_BAR: Row = {
    "timestamp": _OPEN,
    "open": 187.15,
    "high": 188.05,
    "low": 186.35,
    "close": 187.83,
    "volume": 3_256_708,
    "count": 37_886,
    "session_vwap": 187.25,
}
_EMPTY_BAR: Row = {
    "timestamp": 1_704_205_860_000_000,
    "open": 0.0,
    "high": 0.0,
    "low": 0.0,
    "close": 0.0,
    "volume": 64,
    "count": 0,
    "session_vwap": -0.0,
}
_QUOTE: Row = {
    "bid": 185.34,
    "bid_size": 2,
    "bid_exchange": 7,
    "bid_condition": 0,
    "ask": 185.36,
    "ask_size": 2,
    "ask_exchange": 1,
    "ask_condition": 0,
}
_NO_QUOTE: Row = {
    "bid": 0.0,
    "bid_size": 2**31 - 1,
    "bid_exchange": -(2**31),
    "bid_condition": 63,
    "ask": 0.0,
    "ask_size": 64,
    "ask_exchange": -64,
    "ask_condition": -65,
}
_TRADE: Row = {
    "price": 187.15,
    "size": 100,
    "exchange": 57,
    "condition": 18,
    "ext_conditions": [],
    "sequence": -771_441,
}
_CODED_TRADE: Row = {
    "price": 0.05,
    "size": 1,
    "exchange": 7,
    "condition": 130,
    "ext_conditions": [0, 95, 145, 32_766],
    "sequence": 2**31 + 5,
}
_ONE_CODE: Row = _CODED_TRADE | {"ext_conditions": [115], "sequence": 64}
_DAY: Row = {
    "timestamp": 1_704_171_600_000_000,
    "open": 187.03,
    "high": 188.44,
    "low": 183.885,
    "close": 185.64,
    "volume": 80_680_243,
    "count": 1_003_582,
}
_LARGE_DAY: Row = {
    "timestamp": -1,
    "open": 1.0,
    "high": 1.0,
    "low": 1.0,
    "close": 1.0,
    "volume": 2**63 - 1,
    "count": -(2**63),
}
_TOLD: Row = {"created": 1_704_233_873_606_000, "last_trade": 1_704_233_871_877_000}
_UNDERLYING: Row = {"underlying_timestamp": 1_704_205_859_987_000, "underlying_price": 4745.2}
_GREEKS: Row = {
    "timestamp": _OPEN,
    "bid": 98.1,
    "ask": 98.7,
    "delta": 0.4713,
    "theta": -1.0421,
    "vega": 868.2234,
    "rho": 451.0097,
    "epsilon": -459.1254,
    "lambda": 22.7257,
    "gamma": 0.0011,
    "vanna": 0.3471,
    "charm": 0.0612,
    "vomma": 12.4419,
    "veta": 1523.7781,
    "vera": -0.5,
    "speed": -0.0,
    "zomma": -0.0085,
    "color": 0.0,
    "ultima": -88.1234,
    "d1": -0.0719,
    "d2": -0.1258,
    "dual_delta": -0.4499,
    "dual_gamma": 0.0011,
    "implied_vol": 0.1206,
    "iv_error": 0.0,
    **_UNDERLYING,
}
_NO_GREEKS: Row = dict.fromkeys(_GREEKS) | {
    "timestamp": _OPEN,
    "bid": 0.0,
    "ask": 0.05,
    "iv_error": 100.0,
    "underlying_timestamp": 0,
}
_VOLATILITY: Row = {
    "timestamp": _OPEN,
    "bid": 98.1,
    "bid_implied_vol": 0.1203,
    "midpoint": 98.4,
    "implied_vol": 0.1206,
    "ask": 98.7,
    "ask_implied_vol": 0.121,
    "iv_error": 0.0,
    **_UNDERLYING,
}
_NO_VOLATILITY: Row = dict.fromkeys(_VOLATILITY) | {"timestamp": _OPEN, "bid": 0.0, "underlying_timestamp": -1}
_QUOTED: Row = {"quote_timestamp": _OPEN - 1000}

GOLDEN_ROWS: dict[str, list[Row]] = {
    "StockOhlcv": [{"symbol": "AAPL", **_BAR}, {"symbol": "BRK.B", **_EMPTY_BAR}],
    "StockQuote": [
        {"symbol": "AAPL", "timestamp": _OPEN, **_QUOTE},
        {"symbol": "A", "timestamp": -1, **_NO_QUOTE},
    ],
    "StockTrade": [
        {"symbol": "AAPL", "timestamp": _OPEN, **_TRADE},
        {"symbol": "AAPL", "timestamp": _OPEN, **_CODED_TRADE},
        {"symbol": "BRK.B", "timestamp": _OPEN, **_ONE_CODE},
    ],
    "StockTradeQuote": [
        {"symbol": "AAPL", "timestamp": _OPEN, **_TRADE, **_QUOTED, **_QUOTE},
        {"symbol": "BRK.B", "timestamp": _OPEN, **_CODED_TRADE, **_QUOTED, **_NO_QUOTE},
    ],
    "StockEod": [
        {"symbol": "AAPL", **_DAY, **_QUOTE, **_TOLD},
        {"symbol": "A", **_LARGE_DAY, **_NO_QUOTE, "created": 0, "last_trade": 8191},
    ],
    "OptionOhlcv": [_CALL | _BAR, _PUT | _EMPTY_BAR],
    "OptionQuote": [_CALL | {"timestamp": _OPEN} | _QUOTE, _OLD | {"timestamp": -1} | _NO_QUOTE],
    "OptionTrade": [_CALL | {"timestamp": _OPEN} | _TRADE, _PUT | {"timestamp": _OPEN} | _CODED_TRADE],
    "OptionTradeQuote": [
        _CALL | {"timestamp": _OPEN} | _TRADE | _QUOTED | _QUOTE,
        _PUT | {"timestamp": _OPEN} | _ONE_CODE | _QUOTED | _NO_QUOTE,
    ],
    "OptionEod": [
        _CALL | _DAY | _QUOTE | _TOLD,
        _OLD | _LARGE_DAY | _NO_QUOTE | {"created": 0, "last_trade": 8191},
    ],
    "OptionOpenInterest": [
        _CALL | {"timestamp": 1_704_195_000_000_000, "open_interest": 12_345},
        _OLD | {"timestamp": 0, "open_interest": 0},
    ],
    "OptionGreeks": [_CALL | _GREEKS, _PUT | _NO_GREEKS],
    "OptionImpliedVolatility": [_CALL | _VOLATILITY, _PUT | _NO_VOLATILITY],
}
