"""One series or thousands: the same rows cut into more and more series, and ever more series of a few rows each."""

from __future__ import annotations

import datetime as dt
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import Contestant, Figure, Section, at_most, take_turns
from bench.many_series import ManySeries, Runs
from bench.request_log import Requests, requests_of
from bench.services import Services, bench_services

#: The busiest of the simulated market, which trade in nearly every second.
BUSY = ("AAPL", "TSLA", "SPY", "NVDA", "QQQ", "AMD", "AMZN", "MSFT", "INTC", "GOOGL")
START = dt.date(2019, 1, 2)
#: 09:30:00 to this: a request of 5,001 one-second bars, or of 50 one-minute bars.
LONG, SHORT = dt.time(10, 53, 20), dt.time(10, 19)
MOST, FLAT = 2.0, 1.5
TEXT = """\
What a series costs beside its rows. First the same one-second bars as fewer and longer, or more and shorter series: the
requests are alike (a ticker's session from 09:30:00 to 10:53:20, 5,001 bars, one request each), from the simulator's
cache, and all but the single series make the very same requests. The clock runs from the series records in `series`
until the last receipt is in the index, in a process with the production classes (`bench/platform_path.py`) that has
moved something before. Topics are made while the first rows are fetched; *topics apart* is without the time in which
topics were being made and nothing was written. Then thousands of series of 50 one-minute bars (empty bars filled),
each a topic of its own: what one costs when there are few and when there are many. Requests to the broker are counted
by its own log of requests, in a run that is not timed."""
Say = Callable[[str], None]
Many = dict[str, ManySeries]


def measure(quick: bool, say: Say) -> Section:
    cuts, few, many = _cuts(quick), 100 if quick else 1_000, 500 if quick else 10_000
    with bench_services(say) as services:
        contestants = _cut(services, cuts, 1 if quick else 2, say)
        flat = _small(services, few, many, say)
    notes = [
        f"{one.label}: topics were being made in {_median(one, 'topics'):.2f} s of {_median(one, 'seconds'):.2f} s, "
        f"in {_median(one, 'topics_alone'):.2f} s of these nothing was written; the broker took "
        f"{1e9 * _median(one, 'broker') / one.runs[0]['rows']:,.0f} ns of processor time a row"
        for one in contestants
    ]
    return Section(
        "series",
        "Many series",
        TEXT,
        contestants,
        [*_spread(contestants), *flat, *_requests(50 if quick else 250, 150 if quick else 1_000, say)],
        notes,
    )


def small(count: int) -> ManySeries:
    """So many series of 50 rows: made-up tickers on one session."""
    tickers = tuple(f"S{number:05}" for number in range(count))
    return ManySeries(tickers, dt.date(2024, 3, 4), 1, 1, "1m", SHORT, "fill")


def _cuts(quick: bool) -> Many:
    """The same number of requests as 1, 10, 100 and, unless quick, 1,000 series."""
    sessions = 10 if quick else 100
    single = ManySeries(BUSY[:1], START, len(BUSY) * sessions, len(BUSY) * sessions, "1s", LONG)
    found = [
        single,
        *(ManySeries(BUSY, START, sessions, each, "1s", LONG) for each in (100, 10, 1) if each <= sessions),
    ]
    return {f"{one.count:,} series of {one.per_series:,} requests": one for one in found}


def _run(services: Services, number: int, runs: list[tuple[str, ManySeries]]) -> list[dict[str, Any]]:
    pids = services.pids()
    others = {name: pids[name] for name in ("broker", "simulator")}
    found: list[dict[str, Any]] = services.run("bench.many_series", Runs(runs, number, others).as_json())["runs"]
    return found


def _cut(services: Services, cuts: Many, rounds: int, say: Say) -> list[Contestant]:
    for one in cuts.values():
        one.warm(services.settings.theta_url)
    first = ManySeries(BUSY, START, 1, 1, "1s", LONG)

    def run(label: str, number: int) -> dict[str, Any]:
        key = f"{cuts[label].count}x{number}"
        return _run(services, 2 * number, [(f"first-{key}", first), (f"cut-{key}", cuts[label])])[-1]

    # Before the first round, so that the broker's compiler has seen it all: the most series have as many rows as any.
    run(max(cuts, key=lambda label: cuts[label].count), rounds)
    runs = take_turns({label: lambda n, label=label: run(label, n) for label in cuts}, rounds, say)  # type: ignore[misc]
    for number in range(rounds):
        rows = {found[number]["rows"] for label, found in runs.items() if cuts[label].count > 1}
        if len(rows) > 1:
            raise SystemExit(f"the same requests brought different rows: {sorted(rows)}")
    return [Contestant(f"{cuts[label].count}", label, found) for label, found in runs.items()]


def _spread(contestants: list[Contestant]) -> list[Figure]:
    """The slowest over the fastest, by the time a row takes, round by round."""

    def ratios(of: Callable[[dict[str, Any]], float]) -> list[float]:
        each = [[of(run) / run["rows"] for run in one.runs] for one in contestants]  # type: ignore[arg-type]
        return [max(times) / min(times) for times in zip(*each, strict=True)]

    apart = ratios(lambda run: run["seconds"] - run["topics_alone"])
    most = max(contestants, key=lambda one: one.runs[0]["series"])
    each = [1e3 * run["topics"] / run["series"] for run in most.runs]
    return [
        Figure("slowest over fastest of these, topics apart", apart, "×", at_most(MOST)),
        Figure("slowest over fastest of these, with their topics", ratios(lambda run: run["seconds"])),
        Figure(f"making a topic, of {most.runs[0]['series']:,}", each, "ms"),
    ]


def _small(services: Services, few: int, many: int, say: Say) -> list[Figure]:
    """Few and many series of 50 rows, and what an index of them takes."""
    say(f"  the simulator makes the rows of {many:,} series")
    small(many).warm(services.settings.theta_url)
    say(f"  {few:,} series of 50 rows, then {many:,}")
    found, memory = {}, {}
    for number, count in enumerate((few, many)):
        key = f"small-{count}"
        found[count] = _run(services, 2 * number, [(f"first-{key}", small(50)), (key, small(count))])[-1]
        memory[count] = services.run("bench.index_memory")
        say(f"  {count:6,} series: {found[count]['seconds']:.1f} s")

    def each(count: int, what: str) -> float:
        one = found[count]
        return 1e3 * float(one["others"][what] if what in one["others"] else one[what]) / count

    growth = memory[many]["rss"] - memory[few]["rss"]
    figures = []
    for what, name in (("seconds", "time"), ("cpu", "our processor time"), ("broker", "the broker's processor time")):
        ratio, goal = each(many, what) / each(few, what), None if what == "broker" else at_most(FLAT)
        figures += [
            Figure(f"{name} a series of 50 rows, {few:,} series", [each(few, what)], "ms"),
            Figure(f"{name} a series of 50 rows, {many:,} series", [each(many, what)], "ms"),
            Figure(f"{name} a series: {many:,} series over {few:,}", [ratio], "×", goal),
        ]
    in_all = memory[many]["series"] - memory[few]["series"]
    return [*figures, Figure("memory of a process's index, each finished series", [growth / in_all / 1e3], "kB")]


def _requests(few: int, many: int, say: Say) -> list[Figure]:
    """Requests a series, and the broker's work on them: the difference of two runs, so that starts do not count."""
    with tempfile.TemporaryDirectory(prefix="fdp-bench-") as folder:
        log = Path(folder) / "requests.log"
        with bench_services(say, request_log=log) as services:
            small(many).warm(services.settings.theta_url)
            told: list[Requests] = []
            # The first run is for the broker's compiler: without it the fewer series seem to cost more.
            for number, count in enumerate((few, few, many)):
                begin = log.stat().st_size
                _run(services, number, [(f"counted-{number}", small(count))])
                told.append(requests_of(log, begin))
            del told[0]
    for kind in sorted(told[1].count):
        say(f"  {kind}: {told[0].count[kind]:,} for {few:,} series, {told[1].count[kind]:,} for {many:,}")
    more = many - few
    kinds = {"METADATA": "metadata requests", "PRODUCE": "produce requests"}
    counts = [
        Figure(f"{name} to the broker a series of 50 rows", [(told[1].count[kind] - told[0].count[kind]) / more], "")
        for kind, name in kinds.items()
    ]
    spent = [one.seconds.get("METADATA", 0.0) for one in told]
    return [*counts, Figure("the broker's work on metadata, each series", [1e3 * (spent[1] - spent[0]) / more], "ms")]


def _median(one: Contestant, what: str) -> float:
    return statistics.median(float(run["others"][what] if what in run["others"] else run[what]) for run in one.runs)
