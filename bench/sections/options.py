"""Option chains beside stocks: the same path, with longer rows, two texts in each, and steps merged from requests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx

from app.domain import sessions
from app.domain.contracts import Contracts
from app.domain.records import SeriesRecord
from app.domain.schema import Interval, Schema
from app.domain.series import SeriesName
from app.main import preflight
from bench.chains import rising
from bench.figures import Contestant, Figure, Result, Section, at_least, ratio, take_turns
from bench.record_path import write_records
from bench.services import Services, bench_services
from bench.workload import START, Workload, record_of

ROOT = "SPXW"
#: All quote in every session that is asked for.
EXPIRATIONS = (dt.date(2024, 3, 28), dt.date(2024, 4, 1), dt.date(2024, 4, 2))
#: 41 strikes, calls and puts, of three expirations, each minute from 09:30 to 16:00.
STRIKE_RANGE, ROWS_A_SESSION = 20, 3 * 2 * 41 * 391
#: As many as the stocks have: two of them are written at a time.
SERIES = 4
GOAL = 0.6
LABELS = {
    "stock": "stocks: one-second bars",
    "quote": "SPXW: one-minute quotes, three expirations merged",
    "trade_quote": "SPXW: each trade with its quote, three expirations merged",
}
TEXT = """\
Four series of stocks and four of an option chain, about as many bars as quotes, by the same production classes, from
the simulator's cache. The chain is SPXW: three expirations, 20 strikes on each side of the money, calls and puts; a
step is a session, made of one request for each expiration, whose answers come contract by contract and are merged in
event-time order. The same contracts' trades, each with its quote, are far fewer rows, so what a request costs weighs
more. The clock runs as in the section on history: from the series records in `series` to the last receipt. The
receipts of all rounds must have the same digests, and the topics' event times must rise."""


@dataclass(frozen=True)
class Chain:
    """Series of one chain, each over some sessions that follow one another."""

    schema: Schema
    interval: Interval | None
    sessions: int

    def series(self, backtest_id: str, run: int) -> list[SeriesRecord]:
        """The records that the coordinator would write."""
        days = [one.date for one in sessions.sessions(START, EXPIRATIONS[0])][: SERIES * self.sessions]
        parts = [days[at : at + self.sessions] for at in range(0, len(days), self.sessions)]
        return [
            record_of(
                SeriesName("option", ROOT, self.schema, self.interval, f"{backtest_id}-{number}"),
                run,
                number,
                part[0],
                part[-1],
                contracts=Contracts(expirations=EXPIRATIONS, strike_range=STRIKE_RANGE),
            )
            for number, part in enumerate(parts)
        ]


def measure(quick: bool, say: Callable[[str], None]) -> Section:
    rounds, rows = (1, 300_000) if quick else (3, 1_500_000)
    each = max(1, round(rows / ROWS_A_SESSION / SERIES))
    series: dict[str, Callable[[str, int], list[SeriesRecord]]] = {
        "stock": Workload.of_rows(rows).series,
        "quote": Chain("quote", "1m", each).series,
        "trade_quote": Chain("trade_quote", None, each).series,
    }
    with bench_services(say) as services:
        preflight(services.settings)
        # Twice: the first run has the simulator make the rows, both warm the broker's compiler.
        for number in (-2, -1):
            for name in series:
                _run(services, series, name, number + 2)
        before = _misses(services)
        found = take_turns(
            {name: lambda n, name=name: _run(services, series, name, n + 2) for name in series},  # type: ignore[misc]
            rounds,
            say,
        )
        if _misses(services) != before:
            raise SystemExit("the simulator's cache does not hold this many rows; choose fewer")
        _check(services, series, found, rounds + 1)
    contestants = {name: Contestant(name, LABELS[name], runs) for name, runs in found.items()}
    stock, quote, trades = (contestants[name] for name in LABELS)
    return Section(
        "options",
        "Option chains",
        TEXT,
        [stock, quote, trades],
        [
            ratio("quotes of a chain over bars of stocks, rows a second", quote, stock, at_least(GOAL)),
            ratio("trades with quotes of a chain over bars of stocks, rows a second", trades, stock),
            Figure(
                "processor time a row: quotes over bars",
                [a / b for a, b in zip(quote.cpu, stock.cpu, strict=True)],
            ),
        ],
    )


def _run(services: Services, series: Mapping[str, Any], name: str, number: int) -> Result:
    file = services.folder / f"{name}-{number}.json"
    write_records(
        file, _first(series[name](f"first-{_id(name)}{number}", number)), series[name](_of(name, number), number)
    )
    return services.run("bench.record_path", str(file))


def _first(records: list[SeriesRecord]) -> list[SeriesRecord]:
    """One session of one series."""
    return [replace(records[0], end=records[0].start)]


def _of(name: str, number: int) -> str:
    """The backtest of a run."""
    return f"{_id(name)}{number}"


def _id(name: str) -> str:
    return name.replace("_", ".")


def _misses(services: Services) -> int:
    """What the simulator had to make so far."""
    stats = httpx.get(f"{services.settings.theta_url}/sim/stats", trust_env=False, timeout=60).json()
    return int(stats["cache"]["misses"])


def _check(services: Services, series: Mapping[str, Any], found: Mapping[str, Sequence[Result]], last: int) -> None:
    """Every round wrote the same rows, and those of chains are in event-time order."""
    for name, runs in found.items():
        if any(one["receipts"] != runs[0]["receipts"] for one in runs):
            raise SystemExit(f"the rounds of {name} did not write the same rows")
        for record, (rows, _) in zip(series[name](_of(name, last), last), runs[-1]["receipts"], strict=True):
            if not rising(services.settings.kafka_bootstrap_servers, record.topic, rows):
                raise SystemExit(f"{record.topic} is not whole or not in event-time order")
