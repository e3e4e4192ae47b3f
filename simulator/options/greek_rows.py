"""A session's rows of the Greeks endpoints, as raw numbers.

The implied volatility is not solved for: it is the one the market was made with, and a little noise. Before a
contract's first quote (the row of 09:30:00) the Greeks are 0, the volatility 0.25 and its error 100, as in the
vendor's examples; bid and ask are 0.00 as there for one half of the contracts, and empty, as reported from live
terminals, for the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulator.digits import Ints
from simulator.intraday import EVENTS
from simulator.market import Floats
from simulator.options import daily, greeks, nbbo
from simulator.options.board import YEAR, Board
from simulator.options.cells import BLANK, Raw
from simulator.options.greeks import Point
from simulator.options.history import Part
from simulator.options.nbbo import Quotes
from simulator.query import Query
from simulator.refusals import bad

_HOUR = 3_600_000 / YEAR
_FIXED_DAY = 0.15 / 365
_UNKNOWN, _FAILED = 2_500, 1_000_000  # in ten-thousandths: the volatility, and its error, where there is no quote


@dataclass(frozen=True)
class Terms:
    """How a request wants them calculated: the rate in percent, the dividend in dollars a year, the vendor's version.
    There is no interest in this market: unless a rate is given it is 0, whatever the ``rate_type``."""

    rate: float
    dividend: float
    version: str

    @classmethod
    def read(cls, query: Query) -> Terms:
        """From the parameters; raises 400."""
        return cls(_number(query, "rate_value"), _number(query, "annual_dividend"), query.text("version"))


def grid(part: Part, names: tuple[str, ...], terms: Terms) -> Raw:
    """``history/greeks/…``: the Greeks of these names from the quote in force at each stamp."""
    contract, stamps, quotes, at, underlying, noise = _on_grid(part, terms)
    quoted = quotes.ms > 0
    blank = ~quoted & (part.board.key[contract] % 2 == 1)
    return {
        "contract": contract,
        "timestamp": stamps,
        "bid": np.where(blank, BLANK, quotes.bid),
        "ask": np.where(blank, BLANK, quotes.ask),
        **_formulas(at, names, quoted),
        "implied_vol": np.where(quoted, _scaled(at.volatility), _UNKNOWN),
        "iv_error": np.where(quoted, noise, _FAILED),
        **underlying,
    }


def implied_volatility(part: Part, terms: Terms) -> Raw:
    """``history/greeks/implied_volatility``: that of the bid, of the middle and of the ask."""
    contract, stamps, quotes, at, underlying, noise = _on_grid(part, terms)
    quoted = quotes.ms > 0
    blank = ~quoted & (part.board.key[contract] % 2 == 1)
    slope = np.maximum(at.vega, 1e-3)
    reach = (quotes.ask - quotes.bid) / 200 / slope
    below = np.where(quotes.bid > 0, np.maximum(at.volatility - reach, 0), 0)
    return {
        "contract": contract,
        "timestamp": stamps,
        "bid": np.where(blank, BLANK, quotes.bid),
        "bid_implied_vol": np.where(quoted, _scaled(below), 0),
        "midpoint": (quotes.bid + quotes.ask) * 50,
        "implied_vol": np.where(quoted, _scaled(at.volatility), 0),
        "ask": np.where(blank, BLANK, quotes.ask),
        "ask_implied_vol": np.where(quoted, _scaled(np.minimum(at.volatility + reach, 20)), 0),
        "iv_error": np.where(quoted, noise, _FAILED),
        **underlying,
    }


def eod(part: Part, terms: Terms) -> Raw:
    """``history/greeks/eod``: the end-of-day report, and all Greeks from its closing prices; from the middle of the
    quote where a contract did not trade."""
    report, board = dict(daily.eod(part)), part.board
    every = np.arange(len(board))
    quotes = nbbo.in_force(board, every, np.full(len(board), board.close))
    at = _point(board, every, np.full(len(board), board.close), quotes, terms)
    close = np.asarray(report["close"])
    at = replace(at, premium=np.where(close > 0, close / 100, at.premium))
    made, traded = report.pop("created"), report.pop("last_trade")
    spot = nbbo.path(board.expiration.root.underlying, board.session)[0][-1]
    return {
        "contract": report.pop("contract"),
        "timestamp": traded,
        **report,
        **_formulas(at, greeks.ALL, quotes.ms > 0),
        "implied_vol": _scaled(at.volatility),
        "iv_error": _noise(quotes),
        "underlying_timestamp": made,
        "underlying_price": np.full(len(board), round(spot)),
    }


def _on_grid(part: Part, terms: Terms) -> tuple[Ints, Ints, Quotes, Point, dict[str, Ints], Ints]:
    board = part.board
    if part.window.interval == EVENTS:
        quotes = nbbo.changes(board, part.window.start, part.end)
        stamps = quotes.ms
    else:
        each = np.arange(part.window.start, part.end + 1, part.window.interval)
        quotes, stamps = nbbo.grid(board, each), np.tile(each, len(board))
    cents, _ = nbbo.path(board.expiration.root.underlying, board.session)
    second = np.clip((stamps - board.open) // 1000, 0, len(cents) - 1)
    underlying = {
        "underlying_timestamp": board.open + second * 1000,
        "underlying_price": np.rint(cents[second]).astype(np.int64),
    }
    at = _point(board, quotes.contract, stamps, quotes, terms)
    return quotes.contract, stamps, quotes, at, underlying, _noise(quotes)


def _point(board: Board, contract: Ints, ms: Ints, quotes: Quotes, terms: Terms) -> Point:
    cents, _ = nbbo.path(board.expiration.root.underlying, board.session)
    second = np.clip((ms - board.open) // 1000, 0, len(cents) - 1)
    spot = cents[second] / 100
    market_life = board.life(ms)
    life = np.maximum(market_life, _HOUR)
    if terms.version == "1" and board.expiration.date == board.session.date:
        life = np.full(len(ms), _FIXED_DAY)
    # The same uncertainty until the expiration as the price was made with, a thousandth more or less.
    volatility = board.volatility[contract] * np.sqrt(market_life / life) * (1 + _noise(quotes) / 50_000)
    return Point(
        spot=spot,
        strike=board.strike[contract] / 10_000,
        life=life,
        volatility=volatility,
        sign=np.where(board.put, -1.0, 1.0)[contract],
        premium=np.maximum((quotes.bid + quotes.ask) / 200, 0.005),
        rate=terms.rate / 100,
        dividend=terms.dividend / spot,
    )


def _noise(quotes: Quotes) -> Ints:
    """A small number of either sign, in ten-thousandths, that stays as long as the quote."""
    return np.asarray((quotes.ms * 2_654_435_761 >> 12) % 101 - 50)


def _formulas(at: Point, names: tuple[str, ...], quoted: np.typing.NDArray[np.bool_]) -> dict[str, Ints]:
    return {name: np.where(quoted, _scaled(greeks.FORMULAS[name](at)), 0) for name in names}


def _scaled(values: Floats) -> Ints:
    return np.rint(np.clip(values, -1e6, 1e6) * 10_000).astype(np.int64)


def _number(query: Query, name: str) -> float:
    text = query.values.get(name) or "0"
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e6:
        raise bad(f"Invalid {name}: {text}. Expected a number")
    return number
