"""What every contestant moves: the same one-second bars of the same tickers and sessions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from app.domain import sessions
from app.domain.records import SeriesRecord
from app.domain.series import SeriesName

TICKERS = ("AAPL", "MSFT", "NVDA", "SPY")
START = dt.date(2024, 3, 4)
ROWS_PER_REQUEST = 23_401
PATH = "/v3/stock/history/ohlc"


def record_of(name: SeriesName, run: int, order: int, start: dt.date, end: dt.date, **other: Any) -> SeriesRecord:
    """The record that the coordinator would write for a series of whole sessions without their empty bars, unless
    ``other`` says otherwise."""
    whole: dict[str, Any] = {"empty_bars": "drop", "start_time": None, "end_time": None, "retain_days": None}
    return SeriesRecord(name.topic, run=run, attempt=run, order=order, start=start, end=end, **(whole | other))


@dataclass(frozen=True)
class Workload:
    """Some tickers over some sessions; a request covers one ticker's session, 23,401 rows or 12,601 of a half-day."""

    tickers: tuple[str, ...]
    start: dt.date
    end: dt.date

    @classmethod
    def of_rows(cls, rows: int, tickers: tuple[str, ...] = TICKERS) -> Workload:
        """At least ``rows`` rows as the provider sends them, empty bars included."""
        needed = max(1, -(-rows // (len(tickers) * ROWS_PER_REQUEST)))
        found = sessions.sessions(START, START + dt.timedelta(days=2 * needed + 14))
        return cls(tickers, START, found[needed - 1].date)

    @property
    def first_session(self) -> Workload:
        """What a contestant moves before its clock runs, so that libraries are loaded and connections are open."""
        return Workload(self.tickers[:1], self.start, self.start)

    @classmethod
    def from_json(cls, text: str) -> Workload:
        tickers, start, end = orjson.loads(text)
        return cls(tuple(tickers), dt.date.fromisoformat(start), dt.date.fromisoformat(end))

    def as_json(self) -> str:
        return orjson.dumps([self.tickers, self.start, self.end]).decode()

    @property
    def days(self) -> list[dt.date]:
        return [session.date for session in sessions.sessions(self.start, self.end)]

    def requests(self, ticker: str, form: str) -> Iterator[dict[str, str]]:
        """The parameters of a ticker's requests, session by session."""
        for day in self.days:
            yield {"symbol": ticker, "format": form, "interval": "1s", "date": day.strftime("%Y%m%d")}

    def series(self, backtest_id: str, run: int) -> list[SeriesRecord]:
        """The records that the coordinator would write for a backtest of this."""
        return [
            record_of(SeriesName("stock", ticker, "ohlcv", "1s", backtest_id), run, order, self.start, self.end)
            for order, ticker in enumerate(self.tickers)
        ]

    def warm(self, theta_url: str, forms: Sequence[str] = ("csv", "json")) -> dict[str, int]:
        """Ask for everything once in these formats, so that the simulator has it in its cache; bytes by format."""
        return {
            form: warm(theta_url, [params for ticker in self.tickers for params in self.requests(ticker, form)])
            for form in forms
        }


def warm(theta_url: str, requests: Iterable[dict[str, str]]) -> int:
    """Make these requests once, so that the simulator has the answers in its cache; their bytes. Raises ``SystemExit``
    when it does not keep what it makes now."""
    with httpx.Client(base_url=theta_url, timeout=120, trust_env=False) as client, ThreadPoolExecutor(4) as pool:
        before = client.get("/sim/stats").json()["cache"]
        taken = sum(pool.map(lambda one: len(client.get(PATH, params=one).raise_for_status().content), requests))
        now = client.get("/sim/stats").json()["cache"]
    if now["leaves"] - before["leaves"] < now["misses"] - before["misses"]:
        raise SystemExit("the simulator's cache does not hold this many rows; choose fewer")
    return taken
