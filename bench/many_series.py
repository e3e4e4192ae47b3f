"""Many series: the same requests to the provider, cut into few or many series; and the platform at work on them.

A contestant, in a process of its own: ``python -m bench.many_series RUNS`` runs several of these in turn, each with a
clock of its own, and prints a list of what each took.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from app.domain import sessions
from app.domain.records import SeriesRecord
from app.domain.request import EmptyBars
from app.domain.schema import Interval
from app.domain.series import SeriesName
from app.history.writing import Writing
from app.kafka.topics import Topics
from bench.platform_path import Platform, measure, platform
from bench.spans import Spans, seconds, seconds_without
from bench.workload import record_of, warm


@dataclass(frozen=True, slots=True)
class ManySeries:
    """One series of bars for every ticker and every ``per_series`` of its sessions, under a backtest id of its own.

    A request is one ticker's session from 09:30:00 to ``end_time``, whatever it is a part of.
    """

    tickers: tuple[str, ...]
    start: dt.date
    sessions: int
    per_series: int
    interval: Interval
    end_time: dt.time
    empty_bars: EmptyBars = "drop"

    @property
    def count(self) -> int:
        """How many series."""
        return len(self.tickers) * -(-self.sessions // self.per_series)

    @property
    def days(self) -> list[dt.date]:
        far = self.start + dt.timedelta(days=2 * self.sessions + 14)
        return [session.date for session in sessions.sessions(self.start, far)][: self.sessions]

    def series(self, backtest_id: str, run: int) -> list[SeriesRecord]:
        """The records that the coordinator would write for these."""
        days = self.days
        parts = [days[at : at + self.per_series] for at in range(0, len(days), self.per_series)]
        return [
            record_of(
                SeriesName("stock", ticker, "ohlcv", self.interval, f"{backtest_id}-{number}"),
                run,
                number * len(self.tickers) + order,
                part[0],
                part[-1],
                empty_bars=self.empty_bars,
                start_time=sessions.OPEN,
                end_time=self.end_time,
            )
            for number, part in enumerate(parts)
            for order, ticker in enumerate(self.tickers)
        ]

    def requests(self) -> Iterator[dict[str, str]]:
        """The parameters of all requests, as the platform makes them."""
        hours = {"start_time": sessions.OPEN.isoformat(), "end_time": self.end_time.isoformat()}
        for day in self.days:
            for ticker in self.tickers:
                asked = {"symbol": ticker, "format": "csv", "interval": self.interval, "date": day.strftime("%Y%m%d")}
                yield asked | hours

    def warm(self, theta_url: str) -> None:
        """Ask for everything once, so that the simulator has it in its cache; raises when it does not hold it."""
        warm(theta_url, self.requests())

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ManySeries:
        given = dict(body)
        given["tickers"] = tuple(given["tickers"])
        given["start"] = dt.date.fromisoformat(given["start"])
        given["end_time"] = dt.time.fromisoformat(given["end_time"])
        return cls(**given)


@dataclass(frozen=True, slots=True)
class Runs:
    """What a process is to do: run these, each under its backtest id; ``others``: processes whose time is told."""

    runs: list[tuple[str, ManySeries]]
    number: int
    others: Mapping[str, int]

    def as_json(self) -> str:
        runs = [[backtest_id, asdict(one)] for backtest_id, one in self.runs]
        return orjson.dumps([runs, self.number, self.others]).decode()

    @classmethod
    def from_json(cls, text: str) -> Runs:
        runs, number, others = orjson.loads(text)
        return cls([(backtest_id, ManySeries.from_json(one)) for backtest_id, one in runs], number, others)


def run_one(running: Platform, records: list[SeriesRecord], others: Mapping[str, int]) -> dict[str, Any]:
    """As ``measure``, and the seconds in which topics were made, and of these those in which no rows were written.

    The receipts are left out; ``series`` tells how many there were.
    """
    made, written = Spans(), Spans()
    original = Topics.create, Writing.transaction
    made.wrap(Topics, "create")
    written.wrap(Writing, "transaction")
    try:
        found = measure(running, records, others)
    finally:
        Topics.create, Writing.transaction = original  # type: ignore[method-assign]
    topics, rows = made.take(), written.take()
    del found["receipts"]
    return found | {
        "series": len(records),
        "topics": seconds(topics),
        "topics_alone": seconds_without(topics, rows),
    }


def main() -> None:
    """Argument: ``Runs`` as JSON. The last line is ``{"runs": [...]}``."""
    asked, found = Runs.from_json(sys.argv[1]), []
    with platform() as running:
        for number, (backtest_id, one) in enumerate(asked.runs):
            records = one.series(backtest_id, asked.number + number)
            found.append(run_one(running, records, asked.others))
    print(orjson.dumps({"runs": found}).decode())


if __name__ == "__main__":
    main()
