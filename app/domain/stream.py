"""What a live stream carries, whoever sends it: keys of subscriptions, and events as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app.domain.schema import Asset

Ints = npt.NDArray[np.int64]
What = Literal["trade", "quote"]
WHATS: tuple[What, ...] = ("trade", "quote")

#: Columns of an event beside symbol, contract and time, by the names of the record types.
TRADE_COLUMNS = ("price", "size", "exchange", "condition", "sequence")
QUOTE_COLUMNS = (
    "bid",
    "bid_size",
    "bid_exchange",
    "bid_condition",
    "ask",
    "ask_size",
    "ask_exchange",
    "ask_condition",
)
COLUMNS: dict[What, tuple[str, ...]] = {"trade": TRADE_COLUMNS, "quote": QUOTE_COLUMNS}


@dataclass(frozen=True, slots=True)
class StreamKey:
    """One subscription on the wire: a stock's or a contract's trades or quotes.

    ``contract`` is a packed contract (``app.domain.contracts``), 0 for a stock.
    """

    asset: Asset
    what: What
    symbol: str
    contract: int = 0


@dataclass(frozen=True, slots=True)
class Events:
    """Trades or quotes of one asset in the order of their arrival.

    Shapes: ``(n,)``. ``symbols``: ticker or root of each; ``contracts``: packed, 0 for stocks; ``timestamps``: UTC
    microseconds; ``time_of_day``: New York milliseconds since midnight; ``columns``: by ``COLUMNS``, prices as
    float64, everything else as int64 within 32 bits.
    """

    asset: Asset
    what: What
    symbols: list[str]
    contracts: Ints
    timestamps: Ints
    time_of_day: Ints
    columns: dict[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        return len(self.timestamps)


@dataclass(frozen=True, slots=True)
class Response:
    """The provider's word on a request: ``SUBSCRIBED``, or why not."""

    id: int
    word: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the stream during which the provider's link to its own servers was in one state."""

    link: str
    events: list[Events]
    responses: list[Response]
