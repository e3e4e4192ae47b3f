"""Option rows by the contract, and a provider of contracts that does as it is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.domain.contracts import occ_parts, pack
from app.domain.limits import Limits
from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.schema import RecordType
from app.domain.series import SeriesName

DAY = dt.date(2024, 7, 2)
AUGUST, SEPTEMBER = dt.date(2024, 8, 16), dt.date(2024, 9, 20)


def call(strike: float, expiration: dt.date = AUGUST) -> int:
    return pack(expiration, False, round(strike * 1000))


def put(strike: float, expiration: dt.date = AUGUST) -> int:
    return pack(expiration, True, round(strike * 1000))


def packed(*contracts: int) -> Any:
    return np.array(sorted(contracts), dtype=np.int64)


def patiently(ask: Callable[[], Any]) -> Any:
    return ask()


def rows_of(record: RecordType, times: list[int], contracts: list[int] | None = None, **values: Any) -> Rows:
    """Rows with these times; everything that is not named is zero."""
    count = len(times)
    columns: dict[str, Any] = {one.name: np.zeros(count, dtype=one.kind.dtype) for one in record.columns}
    columns["timestamp"] = np.array(times, dtype=np.int64)
    for name in ("symbol", "root"):
        if name in columns:
            columns[name] = np.array(["AAPL"] * count, dtype=object)
    which = None
    if contracts is not None:
        which = np.array(contracts, dtype=np.int64)
        columns |= occ_parts(which)
    for name, value in values.items():
        columns[name] = np.array(value).astype(columns[name].dtype)
    return Rows(record, columns, which)


@dataclass
class Provider:
    """``answer`` gives the rows of a chunk, or raises; ``listed`` the contracts of a day."""

    answer: Callable[[SeriesName, Chunk], Rows]
    listed: Any = None
    limits: Limits = field(default_factory=Limits)
    asked: list[tuple[SeriesName, Chunk]] = field(default_factory=list)
    listings: list[dt.date] = field(default_factory=list)

    def fetch(self, series: SeriesName, chunk: Chunk, most: int) -> Rows:
        self.asked.append((series, chunk))
        return self.answer(series, chunk)

    def contracts(self, series: SeriesName, date: dt.date) -> Any:
        self.listings.append(date)
        return self.listed

    @property
    def chunks(self) -> list[Chunk]:
        return [chunk for _, chunk in self.asked]
