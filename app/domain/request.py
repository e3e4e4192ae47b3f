"""What a user asks, once it has been checked: frozen, canonical (defaults filled in, one spelling for everything).

``app.domain.checking`` makes these from messages.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import orjson

from app.domain.contracts import Contracts
from app.domain.schema import RECORDS, TICK, Asset, Interval, RecordType, Schema
from app.domain.series import SeriesName

EmptyBars = Literal["drop", "fill"]


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """One entry of a request's ``series``: the same asset, schema and options for one or more symbols.

    ``start_time`` and ``end_time`` are New York wall clock, both inclusive; None: the provider's regular hours.
    ``contracts`` is None for stocks; options have one root.
    """

    asset: Asset
    symbols: tuple[str, ...]
    schema: Schema
    interval: Interval | None
    empty_bars: EmptyBars
    start_time: dt.time | None
    end_time: dt.time | None
    contracts: Contracts | None = None

    @property
    def record(self) -> RecordType:
        return RECORDS[self.asset, self.schema]

    def canonical(self) -> dict[str, object]:
        who: dict[str, object] = {"tickers": list(self.symbols)}
        if self.contracts is not None:
            who = {"root": self.symbols[0], "contracts": self.contracts.as_json()}
        return {
            "asset": self.asset,
            **who,
            "schema": self.schema,
            "interval": self.interval or (TICK if self.record.ticks else None),
            # A record without bars has no such choice, and the parser refuses to be given one.
            "empty_bars": self.empty_bars if self.schema == "ohlcv" else None,
            "start_time": self.start_time and self.start_time.isoformat(),
            "end_time": self.end_time and self.end_time.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Backtest:
    """A request that passed: what to fetch, for which session dates (inclusive), under which id.

    ``live``: each series goes on into its live topic; then ``end`` may be a session that is not over.
    """

    backtest_id: str
    start: dt.date
    end: dt.date
    series: tuple[SeriesRequest, ...]
    retain_days: int | None = None
    live: bool = False

    def canonical(self) -> dict[str, object]:
        """The request with its defaults filled in; what two equal requests have in common."""
        return {
            "backtest_id": self.backtest_id,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "series": [entry.canonical() for entry in self.series],
            # Left out when it is not asked for: the hash of what was accepted before there was live stays.
            **({"live": True} if self.live else {}),
        }

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, hex. ``retain_days`` does not count."""
        return hashlib.sha256(orjson.dumps(self.canonical(), option=orjson.OPT_SORT_KEYS)).hexdigest()

    def members(self) -> Iterator[tuple[SeriesName, SeriesRequest]]:
        """Every series of the backtest, in the request's order."""
        for entry in self.series:
            for symbol in entry.symbols:
                yield SeriesName(entry.asset, symbol, entry.schema, entry.interval, self.backtest_id), entry

    def as_json(self) -> dict[str, object]:
        """The canonical form and ``retain_days``: what a decision records and a start reads back."""
        return {**self.canonical(), "retain_days": self.retain_days}
