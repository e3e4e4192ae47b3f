"""The stocks of the simulated market: what they cost, how restless and how busy they are, since when they trade.

Well-known names have the prices of 2024-01-02. Any other ticker trades too, with a price and a liquidity drawn from
the seed and the name, so that a test may take ten thousand symbols. Some names mean something:

* ``ZZ`` and then letters only (``ZZTOP``): no such stock, always 472;
* ``NEW…`` (``NEWCO``): listed on 2024-01-10, no data before;
* ``GONE…`` (``GONECO``): last traded on 2024-01-10, no data after.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

FIRST_DAY = dt.date(2012, 6, 1)
"""The first day of the vendor's stock history."""

LANDMARK = dt.date(2024, 1, 10)
"""The first day of ``NEW…`` and the last of ``GONE…``."""

_TICKER = re.compile(r"[A-Z][A-Z0-9]{0,9}([./-][A-Z0-9]{1,4})?", re.ASCII)

# Symbol: price in dollars, trades a session in thousands, daily volatility in percent.
_KNOWN: dict[str, tuple[float, float, float]] = {
    "AAPL": (185.64, 620, 1.3),
    "AMD": (138.58, 520, 2.8),
    "AMZN": (149.93, 480, 1.8),
    "BA": (251.76, 110, 2.0),
    "BAC": (33.90, 150, 1.5),
    "BRK.B": (362.46, 42, 0.9),
    "C": (52.24, 75, 1.6),
    "CAT": (291.90, 40, 1.5),
    "COST": (649.36, 38, 1.2),
    "CRM": (256.13, 75, 1.8),
    "CSCO": (50.23, 80, 1.1),
    "CVX": (149.52, 65, 1.2),
    "DIS": (90.60, 95, 1.5),
    "F": (12.16, 160, 2.0),
    "GE": (128.18, 45, 1.5),
    "GM": (36.11, 75, 2.0),
    "GOOG": (139.56, 210, 1.7),
    "GOOGL": (138.17, 290, 1.7),
    "IBM": (161.50, 42, 1.2),
    "INTC": (47.80, 310, 2.3),
    "IWM": (198.66, 260, 1.3),
    "JNJ": (159.23, 62, 0.9),
    "JPM": (172.08, 85, 1.2),
    "KO": (59.82, 78, 0.8),
    "MCD": (297.04, 32, 0.9),
    "META": (346.29, 260, 2.1),
    "MSFT": (370.87, 420, 1.4),
    "NFLX": (468.50, 85, 2.2),
    "NKE": (105.43, 62, 1.6),
    "NVDA": (481.68, 640, 2.9),
    "ORCL": (103.74, 68, 1.7),
    "PFE": (29.73, 190, 1.4),
    "PG": (148.29, 52, 0.8),
    "QQQ": (402.59, 540, 1.2),
    "SPY": (472.65, 720, 0.8),
    "T": (17.20, 110, 1.2),
    "TSLA": (248.42, 980, 3.2),
    "V": (258.87, 52, 1.1),
    "VZ": (38.75, 95, 1.2),
    "WMT": (159.20, 58, 0.9),
    "XOM": (102.36, 115, 1.3),
}


@dataclass(frozen=True)
class Instrument:
    """A stock. ``price`` in dollars at the close of 2024-01-02, ``volatility`` per day (0.013 = 1.3 %), ``trades`` in
    an average session, ``size`` in shares of an average trade; ``key`` seeds everything random about it."""

    symbol: str
    price: float
    volatility: float
    trades: float
    size: float
    first: dt.date
    last: dt.date
    key: int

    def listed(self, date: dt.date) -> bool:
        """Whether it trades on that day, if the exchange is open."""
        return self.first <= date <= self.last


def symbols() -> list[str]:
    """The well-known names, sorted: what ``/v3/stock/list/symbols`` tells."""
    return sorted(_KNOWN)


@lru_cache(maxsize=65_536)
def instrument(seed: int, symbol: str) -> Instrument | None:
    """The stock of that name in the market of that seed, or None if there is none."""
    if not _TICKER.fullmatch(symbol) or re.fullmatch(r"ZZ[A-Z]+", symbol):
        return None
    digest = blake2b(f"{seed}/{symbol}".encode(), digest_size=32).digest()
    draws = [int.from_bytes(digest[i : i + 8]) / 2**64 for i in (8, 16, 24)]
    if symbol in _KNOWN:
        price, thousands, percent = _KNOWN[symbol]
        trades, volatility = thousands * 1000, percent / 100
    else:
        price = round(4 * 100 ** draws[0], 2)  # 4 to 400 dollars
        trades = 500 * 160 ** draws[1]  # 500 to 80,000 a session: the quieter half has empty minutes
        volatility = 0.01 + 0.03 * draws[2]
    return Instrument(
        symbol=symbol,
        price=price,
        volatility=volatility,
        trades=trades,
        size=4000 / (price + 20) + 40,
        first=LANDMARK if symbol.startswith("NEW") else FIRST_DAY,
        last=LANDMARK if symbol.startswith("GONE") else dt.date.max,
        key=int.from_bytes(digest[:8]),
    )
