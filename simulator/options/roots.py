"""What options are written on: the roots, how often they expire, and how much of a chain each has.

* ``SPXW``: an expiration every session, on the S&P 500 index, settled at the close (PM).
* ``SPX``: the third Friday of each month, settled at the open (AM): nothing prints on the day of expiry.
* Every stock of the market: each Friday, the third one of a month listed long before.

The index follows the fund: its path is that of ``SPY``, at the index's level of 2024-01-02. All of a stock's options
follow the stock's own tape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Literal

from simulator.instruments import Instrument, instrument
from simulator.instruments import symbols as stock_symbols
from simulator.market import UNIT

Cycle = Literal["daily", "weekly", "monthly"]

_INDEX, _INDEX_FUND, _INDEX_LEVEL = "SPX", "SPY", 4742.83
_STEPS = tuple(round(UNIT * step) for step in (0.5, 1, 2.5, 5, 10, 25, 50, 100, 250))
_BUSY = ("SPY", "QQQ", "AAPL", "TSLA", "NVDA")
_MOST_TRADES = 640_000


@dataclass(frozen=True)
class Root:
    """A symbol with options. ``short_days`` and ``long_days`` before its expiration a contract is listed, the long
    ones being the monthly ones. Strikes lie ``grain`` of the price apart (0.01 = 1 %) as far as ``reach`` away from
    it, and ``sparser`` times that as far as ``far``. ``liquidity`` is 1 for the busiest."""

    symbol: str
    underlying: Instrument
    cycle: Cycle
    morning: bool
    short_days: int
    long_days: int
    grain: float
    reach: float
    far: float
    sparser: int
    liquidity: float

    @property
    def penny(self) -> bool:
        """Whether prices go by a cent below three dollars, and not by five; above by five, and not by ten."""
        return self.underlying.symbol != _INDEX

    @cached_property
    def key(self) -> int:
        """Seeds what is random about its contracts; two roots on one underlying have two of them."""
        digest = blake2b(f"{self.underlying.key}/{self.symbol}".encode(), digest_size=8).digest()
        return int.from_bytes(digest)

    def step(self, price: int) -> int:
        """The distance of two strikes when the underlying costs so much, both in units."""
        return min(_STEPS, key=lambda step: abs(math.log(step / (self.grain * price))))


@lru_cache(maxsize=4096)
def root(seed: int, symbol: str) -> Root | None:
    """The root of that name in the market of that seed, or None if there are no options on it."""
    if symbol in ("SPX", "SPXW"):
        fund = instrument(seed, _INDEX_FUND)
        assert fund is not None
        index = replace(fund, symbol=_INDEX, price=_INDEX_LEVEL)
        weekly = symbol == "SPXW"
        return Root(
            symbol=symbol,
            underlying=index,
            cycle="daily" if weekly else "monthly",
            morning=not weekly,
            short_days=35,
            long_days=365,
            grain=0.001,
            reach=0.05,
            far=0.2,
            sparser=5,
            liquidity=1.0 if weekly else 0.3,
        )
    stock = instrument(seed, symbol)
    if stock is None:
        return None
    if symbol in stock_symbols():
        liquidity = 1.0 if symbol in _BUSY else max((stock.trades / _MOST_TRADES) ** 0.7, 0.05)
        return Root(symbol, stock, "weekly", False, 35, 365, 0.0135, 0.16, 0.4, 2, liquidity)
    liquidity = 0.02 + 0.08 * min(stock.trades / 80_000, 1)
    return Root(symbol, stock, "weekly", False, 14, 120, 0.025, 0.15, 0.3, 2, liquidity)


def symbols() -> list[str]:
    """The well-known roots, sorted: what ``/v3/option/list/symbols`` tells."""
    return sorted([*stock_symbols(), "SPX", "SPXW"])
