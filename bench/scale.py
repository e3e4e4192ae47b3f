"""The model of ``docs/scale.md``: from what a row and a series cost one core to a hundred workers.

Every measured number is taken from ``bench/results/latest.json`` (sections ``scaling`` and ``series``); what is assumed
of a provider or a cluster is said as an assumption. The page is made by ``python -m bench.page``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from app.history.runner import MAX_RUNNING
from app.history.slots import QUEUE_SHARE, TURNAROUND
from app.settings import Settings

#: Rows that the provider sends for a ticker's session of one-second bars, in one request.
ROWS_PER_REQUEST = 23_401
#: What an account may have outstanding at once, by its tier (vendor page "Concurrent requests").
TIERS = {"FREE": 1, "VALUE": 2, "STANDARD": 4, "PRO": 8}
#: Seconds that a request may take at the provider: assumed, for nobody has measured it here.
REQUEST_SECONDS = (0.1, 0.5, 2.0, 5.0)
#: What a user might ask for: series, rows and requests of each (a session of one-second bars, a month of longer ones).
JOBS = (
    ("10 tickers, a year of one-second bars", 10, 252 * ROWS_PER_REQUEST, 252),
    ("500 tickers, ten years of one-minute bars", 500, 2_520 * 391, 120),
    ("10,000 series of 50 rows", 10_000, 50, 1),
    ("10,000 tickers, a year of one-minute bars", 10_000, 252 * 391, 12),
)
WORKERS = (1, 2, 3, 10, 100)
#: Rows of the series whose cost was measured.
SMALL = 50


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured: seconds of processor time of history workers (``history``), broker and coordinator, a row and a series
    without its rows; ``shared_row``: a row of workers of which several share the cores; the seconds that a series takes
    from request to receipt when thousands are under way; bytes that a finished one takes in the index of a process."""

    history_row: float
    shared_row: float
    broker_row: float
    coordinator_row: float
    history_series: float
    broker_series: float
    series_seconds: float
    index_bytes: float

    @classmethod
    def of(cls, sections: Mapping[str, Any]) -> Costs:
        """From the kept results. Raises ``KeyError`` when one is not there."""
        scaling, series = (_medians(sections[key]["figures"]) for key in ("scaling", "series"))

        def small(what: str) -> float:
            names = [name for name in series if name.startswith(f"{what} a series of 50 rows, ")]
            return series[names[-1]] / 1e3

        def row(process: str, workers: str = "1 worker") -> float:
            return scaling[f"processor time of the {process}, {workers}"] / 1e9

        return cls(
            row("history"),
            row("history", "3 workers"),
            row("broker"),
            row("coordinator"),
            small("our processor time") - SMALL * row("history"),
            small("the broker's processor time") - SMALL * row("broker"),
            small("time"),
            series["memory of a process's index, each finished series"] * 1e3,
        )


def page(sections: Mapping[str, Any]) -> str:
    """``docs/scale.md``; a line that says what is missing when the sections it needs were not run."""
    try:
        costs = Costs.of(sections)
    except KeyError as error:
        return f"{_HEAD}\nNot measured yet: {error}.\n"
    parts = [_HEAD, _one_core(costs), _jobs(costs), _provider(costs), _workers(costs), _first(costs)]
    return "\n".join(parts)


_HEAD = """# Scale

How far this goes, on paper: what a row and a series cost was measured on the machine of
[performance.md](performance.md) (sections *More workers* and *Many series*), the rest is arithmetic with assumptions
that are named. This page is made by `python -m bench.page`; on another machine measure anew, for only the proportions
carry over.
"""


def _one_core(costs: Costs) -> str:
    return (
        f"""## What one core does

| | a row | rows a second of one core | a series | series a second of one core |
|---|---|---|---|---|
| history workers | {costs.history_row * 1e6:.1f} µs | {_count(1 / costs.history_row)} """
        f"""| {costs.history_series * 1e3:.1f} ms | {1 / costs.history_series:.0f} |
| brokers | {costs.broker_row * 1e6:.1f} µs | {_count(1 / costs.broker_row)} | {costs.broker_series * 1e3:.1f} ms """
        f"""| {1 / costs.broker_series:.0f} |
| coordinator | {costs.coordinator_row * 1e6:.1f} µs | {_count(1 / costs.coordinator_row)} | | |

A series is a topic, a plan, two transactions or more, checkpoints and a receipt; it costs a worker as much as
{_count(costs.history_series / costs.history_row)} rows and a broker as much as """
        f"""{_count(costs.broker_series / costs.broker_row)}. With one broker on two cores a series took
{costs.series_seconds * 1e3:.0f} ms of the clock when ten thousand were asked for at once. In the index of every history
worker and coordinator a finished one keeps {costs.index_bytes / 1e3:.1f} kB.
"""
    )


def _jobs(costs: Costs) -> str:
    lines = []
    for name, series, rows, requests in JOBS:
        history = series * (rows * costs.history_row + costs.history_series)
        broker = series * (rows * costs.broker_row + costs.broker_series)
        index = series * costs.index_bytes / 1e6
        lines.append(
            f"| {name} | {_count(series * rows)} | {_time(history)} | {_time(broker)} | {_count(series * requests)} "
            f"| {_time(series * requests * 0.5 / TIERS['PRO'])} "
            f"| {index:,.1f} MB |"
        )
    table = "\n".join(lines)
    return f"""## What jobs take

Processor time, to be divided by the cores there are; and what the provider takes, if a request takes half a second and
eight are under way. The longest of these is what a job takes.

| job | rows | history workers | brokers | requests | provider | index |
|---|---|---|---|---|---|---|
{table}
"""


def _provider(costs: Costs) -> str:
    lines = []
    for tier, slots in TIERS.items():
        for_each = [slots * ROWS_PER_REQUEST / seconds for seconds in REQUEST_SECONDS]
        cells = " | ".join(f"{_count(rate)} rows/s, {rate * costs.history_row:.1f} cores" for rate in for_each)
        lines.append(f"| {tier} ({slots}) | {cells} |")
    heads = " | ".join(f"{seconds:g} s a request" for seconds in REQUEST_SECONDS)
    table = "\n".join(lines)
    return f"""## The provider

An account has so many requests under way at once, whoever asks. If each brings {ROWS_PER_REQUEST:,} rows, a session of
one-second bars, that many rows come, and so many cores of history workers keep up with them; of other schemas a request
brings fewer. How long a request takes at the provider is assumed; others told of far less
([unverified](unverified.md)).

| tier (slots) | {heads} |
|---|{"---|" * len(REQUEST_SECONDS)}
{table}
"""


def _workers(costs: Costs) -> str:
    partitions = int(Settings.model_fields["series_partitions"].default)
    lines = []
    for many in WORKERS:
        rate = many / (costs.history_row if many == 1 else costs.shared_row)
        lines.append(
            f"| {many} | {_count(rate)} rows/s | {rate * costs.broker_row:.1f} | {many * MAX_RUNNING:,} "
            f"| {_outstanding(many, partitions)} |"
        )
    table = "\n".join(lines)
    return f"""## More workers

The time of one core each, and enough rows for all; from two workers on with what a row cost when three shared two cores
({costs.shared_row * 1e6:.1f} µs), where they wrote no more than one, for the cores were the bound;
{partitions} partitions of `series` (`SERIES_PARTITIONS`), a PRO account.

| workers | they could write | cores of brokers for that | series at once, at most | requests outstanding, at most |
|---|---|---|---|---|
{table}

A worker keeps the account's slots and {TURNAROUND} more outstanding, all together the slots and {QUEUE_SHARE}, but
each at least one: beyond {TIERS["PRO"] + QUEUE_SHARE} workers the terminal's queue overflows, and its refusals (429)
slow all of them down. A worker beyond the number of partitions has none, and nothing to do.
"""


def _outstanding(workers: int, partitions: int) -> int:
    """Requests that all workers together may have outstanding at a PRO account (``app.history.slots``)."""
    slots = TIERS["PRO"]
    each = [partitions // workers + (number < partitions % workers) for number in range(workers)]
    return sum(min(slots + TURNAROUND, max(1, (slots + QUEUE_SHARE) * owned // partitions)) for owned in each if owned)


def _first(costs: Costs) -> str:
    few = costs.broker_row / costs.history_row
    small = costs.broker_series / costs.history_series
    enough = TIERS["PRO"] * ROWS_PER_REQUEST / 0.5 * costs.history_row
    return f"""## What gives first, and what to do then

1. **The account's slots.** With half a second a request a PRO account brings at most what {enough:.1f} cores
   write. {ceil(enough)} workers keep up with that, one more is there for the case that one dies; others do not make it
   faster. *Then:* longer intervals, a higher tier, or a second account: another terminal, with a platform of its own
   (`THETA_URL`, `APP_ID`) beside the first on
   the same brokers, each for its share of the tickers.
2. **The broker, with many small series.** A series costs it {small:.1f} times what it costs a worker, probably
   most of it for its topic. *Then:* fewer, longer series (one id for all that a run needs), or more brokers:
   topics spread over them.
3. **The history workers' processor time**, when rows come from a provider without slots. *Then:* more workers, which
   share nothing but the logs; `HISTORY_WRITER=batches` before that; {1 / few:.1f} of their cores keep one core of a
   broker busy.
4. **Partitions of the brokers.** Each series is one partition for as long as its backtest is kept: 10,000 series are
   10,000 partitions, times the replication factor. A KRaft broker with 5,000 of them was seen to take 340 MB
   ([operations](operations.md)), and holds files of each open (`ulimit -n`). *Then:* `retain_days`,
   deletion of backtests that are done with, more brokers.
5. **Memory of the index.** {costs.index_bytes / 1e3:.1f} kB for every series that is kept, in every history worker and
   coordinator: a million of them are {costs.index_bytes * 1e6 / 1e9:.1f} GB. *Then:* delete what is done with.
6. **The coordinator** last: it writes no rows ({costs.coordinator_row * 1e6:.2f} µs a row, for the progress it tells).
   Several share the requests by partition.
"""


def _medians(figures: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    return {str(one["name"]): float(one["median"]) for one in figures}


def _count(number: float) -> str:
    """Two digits are what such a model is good for."""
    if number < 100:
        return f"{number:.2g}"
    digits = len(str(int(number)))
    return f"{round(number, 2 - digits):,.0f}"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
