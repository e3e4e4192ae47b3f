"""The one table of record types: what is in a row, and how each part is called and stored.

Avro schemas, numpy dtypes, the decoder of provider answers, the encoder, the generated docs and tests are
all derived from ``RECORDS``. Nothing else in the house lists a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from app.domain.kinds import CODES_PER_ROW, Column, Kind

Asset = Literal["stock", "option"]
Schema = Literal["ohlcv", "quote", "trade", "trade_quote", "eod", "open_interest", "greeks", "implied_volatility"]
Interval = Literal["1s", "5s", "10s", "15s", "30s", "1m", "5m", "10m", "15m", "30m", "1h"]
#: Every change as it happened; a series of ticks has no interval in its name.
TICK = "tick"

INTERVAL_SECONDS: dict[Interval, int] = {
    "1s": 1,
    "5s": 5,
    "10s": 10,
    "15s": 15,
    "30s": 30,
    "1m": 60,
    "5m": 300,
    "10m": 600,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
}


@dataclass(frozen=True)
class RecordType:
    """One Avro record type: an asset and a schema.

    ``intervals`` is empty for schemas that have none; ``ticks``: the schema with intervals may also be had tick by
    tick. ``default_interval`` None with ``ticks`` means that ticks are the default.
    """

    name: str
    asset: Asset
    schema: Schema
    doc: str
    columns: tuple[Column, ...]
    intervals: tuple[Interval, ...] = ()
    default_interval: Interval | None = None
    ticks: bool = False

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def row_bytes(self) -> int:
        """Bytes that a row takes as columns, its sort key included."""
        return 8 + sum(column.kind.dtype.itemsize for column in self.columns)

    @property
    def allowed_intervals(self) -> tuple[str, ...]:
        """What a request may name as interval, in the words of requests."""
        return ((TICK,) if self.ticks else ()) + self.intervals

    def takes(self, interval: Interval | None) -> bool:
        """Whether a series of this type may have the interval; None: ticks, or a schema without."""
        return interval in self.intervals if interval is not None else self.ticks or not self.intervals

    @property
    def has_hours(self) -> bool:
        """Whether a part of the day can be asked for: reports of a whole day have none."""
        return self.schema not in ("eod", "open_interest")

    def avro(self) -> dict[str, Any]:
        """The Avro schema, as it is registered under the subject that bears the record's name."""
        return {"type": "record", "name": self.name, "doc": self.doc, "fields": [c.avro for c in self.columns]}


def _column(name: str, kind: Kind, doc: str, source: str | None = None) -> Column:
    return Column(name, kind, (source or name,), doc)


def _filled(name: str, kind: Kind, doc: str) -> Column:
    return Column(name, kind, (), doc)


def _prices(unit: str) -> tuple[Column, ...]:
    return (
        _column("open", Kind.DOUBLE, "First eligible trade, dollars."),
        _column("high", Kind.DOUBLE, "Highest eligible trade, dollars."),
        _column("low", Kind.DOUBLE, "Lowest eligible trade, dollars."),
        _column("close", Kind.DOUBLE, "Last eligible trade, dollars."),
        _column("volume", Kind.LONG, f"{unit} traded."),
        _column("count", Kind.LONG, "Trades counted."),
    )


def _side(side: Literal["bid", "ask"]) -> tuple[Column, ...]:
    return (
        _column(side, Kind.DOUBLE, f"National best {side}, dollars."),
        _column(f"{side}_size", Kind.INT, f"Size at the {side}, as the provider gives it."),
        _column(f"{side}_exchange", Kind.INT, f"Exchange code of the {side}."),
        _column(f"{side}_condition", Kind.INT, f"Quote condition code of the {side}."),
    )


def _trade(unit: str) -> tuple[Column, ...]:
    return (
        _column("price", Kind.DOUBLE, "Price, dollars."),
        _column("size", Kind.INT, f"{unit} traded."),
        _column("exchange", Kind.INT, "Exchange code."),
        _column("condition", Kind.INT, "Trade condition code."),
        Column(
            "ext_conditions",
            Kind.CODES,
            tuple(f"ext_condition{i}" for i in range(1, CODES_PER_ROW + 1)),
            "Further trade condition codes, none where the provider gives 255.",
        ),
        _column("sequence", Kind.LONG, "The exchange's sequence number; may be negative, is not unique."),
    )


_TIME_OF = {
    "ohlcv": "Open of the bar, UTC microseconds.",
    "quote": "Time of the quote, with an interval the end of it, UTC microseconds.",
    "trade": "Time of the trade, UTC microseconds.",
    "open_interest": "When it was reported, in the morning of the session, UTC microseconds.",
    "greeks": "The moment they stand for, UTC microseconds.",
    "implied_volatility": "The moment it stands for, UTC microseconds.",
}
_EVERY = tuple(INTERVAL_SECONDS)


def _at(schema: str) -> Column:
    return _column("timestamp", Kind.TIMESTAMP, _TIME_OF[schema])


_STOCK = (_filled("symbol", Kind.STRING, "Ticker, upper case."),)
_CONTRACT = (
    _column("root", Kind.STRING, "Root of the contract, upper case.", "symbol"),
    _column("expiration", Kind.DATE, "Expiration date."),
    _column("strike", Kind.DOUBLE, "Strike, dollars; not adjusted for splits."),
    _column("right", Kind.RIGHT, "CALL or PUT."),
)
_QUOTE = (*_side("bid"), *_side("ask"))
_UNADJUSTED = "not adjusted for splits or dividends"


def _ohlcv(unit: str) -> tuple[Column, ...]:
    vwap = "Volume-weighted price of the session so far, to this bar's end, rounded as the provider gives it."
    return _at("ohlcv"), *_prices(unit), _column("session_vwap", Kind.DOUBLE, vwap, "vwap")


def _trade_quote(unit: str) -> tuple[Column, ...]:
    return (
        _column("timestamp", Kind.TIMESTAMP, _TIME_OF["trade"], "trade_timestamp"),
        *_trade(unit),
        _column("quote_timestamp", Kind.TIMESTAMP, "Time of the last quote before the trade, UTC microseconds."),
        *_QUOTE,
    )


def _eod(unit: str) -> tuple[Column, ...]:
    return (
        _filled("timestamp", Kind.TIMESTAMP, "Session date: midnight in New York, UTC microseconds."),
        *_prices(unit),
        *_QUOTE,
        _column("created", Kind.TIMESTAMP, "When the provider made the report, UTC microseconds."),
        _column("last_trade", Kind.TIMESTAMP, "Time of the session's last trade, UTC microseconds."),
    )


def _nullable(**docs: str) -> tuple[Column, ...]:
    return tuple(_column(name, Kind.NULLABLE, doc) for name, doc in docs.items())


def _order(*names: str, order: str) -> tuple[Column, ...]:
    return tuple(
        _column(name, Kind.NULLABLE, f"Greek of {order} order, as the provider computes it.") for name in names
    )


_UNDERLYING = (
    _column("underlying_timestamp", Kind.TIMESTAMP, "Time of the underlying's price, UTC microseconds."),
    *_nullable(underlying_price="Price of the underlying, dollars."),
)
_GREEKS = (
    _at("greeks"),
    *_nullable(bid="National best bid, dollars.", ask="National best ask, dollars."),
    *_order("delta", "theta", "vega", "rho", "epsilon", "lambda", order="first"),
    *_order("gamma", "vanna", "charm", "vomma", "veta", order="second"),
    *_order("vera", order="second"),
    *_order("speed", "zomma", "color", "ultima", order="third"),
    *_nullable(
        d1="d1 of the Black-Scholes formula.",
        d2="d2 of the Black-Scholes formula.",
        dual_delta="Derivative by the strike.",
        dual_gamma="Second derivative by the strike.",
        implied_vol="Implied volatility at the midpoint.",
        iv_error="Error of the implied volatility; 100 where there is none.",
    ),
    *_UNDERLYING,
)
_IMPLIED_VOLATILITY = (
    _at("implied_volatility"),
    *_nullable(
        bid="National best bid, dollars.",
        bid_implied_vol="Implied volatility at the bid.",
        midpoint="Between bid and ask, dollars.",
        implied_vol="Implied volatility at the midpoint.",
        ask="National best ask, dollars.",
        ask_implied_vol="Implied volatility at the ask.",
        iv_error="Error of the implied volatility; 100 where there is none.",
    ),
    *_UNDERLYING,
)


def _stock(name: str, schema: Schema, doc: str, columns: tuple[Column, ...], **more: Any) -> RecordType:
    return RecordType(f"Stock{name}", "stock", schema, doc, _STOCK + columns, **more)


def _option(name: str, schema: Schema, doc: str, columns: tuple[Column, ...], **more: Any) -> RecordType:
    return RecordType(f"Option{name}", "option", schema, doc, _CONTRACT + columns, **more)


_BARS: dict[str, Any] = {"intervals": _EVERY, "default_interval": "1m"}
_TICKS: dict[str, Any] = {"intervals": _EVERY, "ticks": True}

STOCK_OHLCV = _stock("Ohlcv", "ohlcv", f"A bar of a stock, {_UNADJUSTED}.", _ohlcv("Shares"), **_BARS)
STOCK_EOD = _stock("Eod", "eod", f"The provider's end-of-day report of a stock, {_UNADJUSTED}.", _eod("Shares"))

#: Every record type, by asset and schema.
RECORDS: dict[tuple[Asset, Schema], RecordType] = {
    (record.asset, record.schema): record
    for record in (
        STOCK_OHLCV,
        _stock("Quote", "quote", "The national best bid and offer of a stock.", (_at("quote"), *_QUOTE), **_TICKS),
        _stock("Trade", "trade", f"A trade of a stock, {_UNADJUSTED}.", (_at("trade"), *_trade("Shares"))),
        _stock("TradeQuote", "trade_quote", "A trade of a stock and the last quote before it.", _trade_quote("Shares")),
        STOCK_EOD,
        _option("Ohlcv", "ohlcv", "A bar of an option contract.", _ohlcv("Contracts"), **_BARS),
        _option("Quote", "quote", "The national best bid and offer of a contract.", (_at("quote"), *_QUOTE), **_TICKS),
        _option("Trade", "trade", "A trade of an option contract.", (_at("trade"), *_trade("Contracts"))),
        _option(
            "TradeQuote",
            "trade_quote",
            "A trade of a contract and the last quote before it.",
            _trade_quote("Contracts"),
        ),
        _option("Eod", "eod", "The provider's end-of-day report of a contract.", _eod("Contracts")),
        _option(
            "OpenInterest",
            "open_interest",
            "Open contracts at the close of the session before, as reported in the morning.",
            (_at("open_interest"), _column("open_interest", Kind.LONG, "Open contracts.")),
        ),
        _option("Greeks", "greeks", "Greeks of first to third order of a contract.", _GREEKS, ticks=True, **_BARS),
        _option(
            "ImpliedVolatility",
            "implied_volatility",
            "Implied volatility of a contract at bid, midpoint and ask.",
            _IMPLIED_VOLATILITY,
            ticks=True,
            **_BARS,
        ),
    )
}


def schemas_of(asset: Asset) -> tuple[Schema, ...]:
    """The schemas that are served for an asset, in the table's order."""
    return tuple(schema for (of, schema) in RECORDS if of == asset)
