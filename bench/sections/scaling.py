"""One, two and three history workers on one machine, and what a row costs each process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from app.domain import sessions
from app.settings import Role
from bench.figures import Contestant, Figure, Section, ratio, take_turns
from bench.history_workers import Workers, backtest, workers
from bench.machine import cores
from bench.services import Services, bench_services
from bench.workload import START

#: The busier ones of the simulated market's well-known names: 24 series.
TICKERS = (
    *("AAPL", "AMD", "AMZN", "BA", "BAC", "CRM", "CVX", "DIS", "F", "GOOG", "GOOGL", "INTC"),
    *("IWM", "JPM", "META", "MSFT", "NFLX", "NVDA", "PFE", "QQQ", "SPY", "T", "TSLA", "XOM"),
)
WORKERS = (1, 2, 3)
TEXT = """\
The same backtest of 24 series of one-second bars by one, two and three history workers: the real processes, which share
the partitions of `series` as a consumer group, beside one coordinator, broker and simulator on the same machine.
The clock runs from the request over HTTP until the coordinator tells that the backtest is complete, looked at every
50 ms. The rows come from the simulator's cache; each set of workers has moved a session of every ticker before. As all
processes share the machine's cores, the sum of their processor time is the bound here and not the number of workers:
what one row costs each process is what a cluster is reckoned from."""
PROCESSES = ("history", "coordinator", "broker", "simulator")


def measure(quick: bool, say: Callable[[str], None]) -> Section:
    rounds, sessions_each = (1, 1) if quick else (3, 6)
    with bench_services(say) as services, _workers(services, "coordinator", 1, "all") as coordinator:
        # The first run has the simulator make the rows, and warms the broker's compiler.
        _run(services, coordinator, 1, "warm", sessions_each)
        found = take_turns(
            {
                _name(many): lambda n, many=many: _run(services, coordinator, many, f"{n}", sessions_each)  # type: ignore[misc]
                for many in WORKERS
            },
            rounds,
            say,
        )
    contestants = [Contestant(name, name, runs) for name, runs in found.items()]
    one, two, three = contestants
    figures = [ratio("two workers over one", two, one), ratio("three workers over one", three, one)]
    for contestant in (one, three):
        figures += [_each(contestant, process) for process in PROCESSES]
        busy = [sum(run["cpu_by"].values()) / run["seconds"] for run in contestant.runs]
        figures.append(Figure(f"cores busy with all of these, {contestant.label}", busy, f"of {cores()}"))
    for contestant in contestants:
        most = [max(run["rss"]["history"]) / 1e6 for run in contestant.runs]
        figures.append(Figure(f"resident memory of the largest history process, {contestant.label}", most, "MB"))
    return Section("scaling", "More workers", TEXT, contestants, figures)


def _name(many: int) -> str:
    return f"{many} worker{'s' if many > 1 else ''}"


def _run(services: Services, coordinator: Workers, many: int, key: str, count: int) -> dict[str, Any]:
    """One backtest by so many workers, started for it."""
    pids = services.pids()
    first, last = START, sessions.sessions(START, START.replace(month=12))[count - 1].date
    with _workers(services, "history", many, f"{many}-{key}") as history:
        watched = {
            "history": history.pids,
            "coordinator": coordinator.pids,
            "broker": [pids["broker"]],
            "simulator": [pids["simulator"]],
        }
        body = {"tickers": list(TICKERS), "start": f"{first}", "schema": "ohlcv", "interval": "1s"}
        backtest(coordinator.urls[0], body | {"backtest_id": f"first-{many}-{key}", "end": f"{first}"}, watched)
        found = backtest(coordinator.urls[0], body | {"backtest_id": f"run-{many}-{key}", "end": f"{last}"}, watched)
    return found | {"cpu": found["cpu_by"]["history"]}


def _workers(services: Services, role: Role, count: int, key: str) -> AbstractContextManager[Workers]:
    return workers(services.settings, services.folder / f"{role}-{key}", role, count)


def _each(contestant: Contestant, process: str) -> Figure:
    """Processor time of a process for each row, by round."""
    spent = [1e9 * run["cpu_by"][process] / run["rows"] for run in contestant.runs]
    return Figure(f"processor time of the {process}, {contestant.label}", spent, "ns a row")
