"""Rows of a finished series into a DataFrame: over HTTP and straight from the topic, beside the libraries' own ways."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.errors import LocalServiceError
from bench.figures import Contestant, Figure, Result, Section, at_least, at_most, ratio, take_turns
from bench.finished import BACKTEST, Finished, finished
from bench.read_frame import Asked
from bench.watch import Watch, cpu_of, percentile

_TEXT = """One-second bars of one stock, from a finished series to a `pandas.DataFrame`, each contestant in a process of
its own; all read the same topic, committed rows only. The clock runs from the making of the client to the frame;
loading the libraries is not in it. What handles a row at a time reads the first rows only, as many as take some
seconds. Every frame's values are compared outside the clock, all of them, by SHA-256 over the columns. The endpoint's
processor time is that of client and coordinator together. `curl` fetches the other forms, from its start to the last
byte."""
_LABELS = {
    "deserializer": "Consumer.poll, AvroDeserializer, dicts",
    "fastavro": "Consumer.consume with tuned settings, fastavro, dicts",
    "endpoint": "the client: `GET …/data?format=arrow`, `to_pandas()`",
    "reader": "the platform's reader in the process itself",
    "bare": "a consumer that only counts",
}
_FORMS = ("arrow", "parquet", "ndjson", "csv")
_PATHS = ("/health/live", f"/backtests/{BACKTEST}")
_STALLED = 10
#: Seconds after which the coordinator has given up what it holds for a reader that reads no more.
_SETTLED = 6.0


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Rows of the series, those that the slow ones read, and rounds."""

    rows: int
    deserializer: int
    fastavro: int
    rounds: int
    form_rounds: int


_FULL = _Sizes(2_000_000, 200_000, 400_000, 3, 2)
_QUICK = _Sizes(300_000, 30_000, 60_000, 1, 1)


def measure(quick: bool, say: Callable[[str], None]) -> Section:
    sizes = _QUICK if quick else _FULL
    with finished(sizes.rows, say) as run:
        watch = Watch(run.coordinator, run.http, _PATHS)
        before = run.coordinator.memory_info().rss
        # So that the broker has its files in memory and its compiler has seen the way to read them.
        _bare(run)
        found = take_turns(_contestants(run, sizes, watch), sizes.rounds, say)
        _check(found)
        forms = take_turns(_curls(run, watch), sizes.form_rounds, say)
        after = run.coordinator.memory_info().rss
        figures = _memory(before, watch.rss, after) + _answers(watch)
        if not quick:
            figures += _stalled(run)
    by_name = {name: Contestant(name, _LABELS[name], runs) for name, runs in found.items()}
    of_forms = {name: Contestant(name, f"curl, {name}", runs) for name, runs in forms.items()}
    return Section(
        "read",
        "Reading a series into a DataFrame",
        _TEXT,
        [*by_name.values(), *(of_forms[form] for form in _FORMS)],
        [*_ratios(by_name), *_form_figures(of_forms), *figures],
        [
            f"Of {run.rows:,} rows AvroDeserializer read the first {sizes.deserializer:,}, "
            f"fastavro {sizes.fastavro:,}; {sizes.rounds} rounds, {sizes.form_rounds} of the other forms.",
            *(_form_note(of_forms[form]) for form in _FORMS),
        ],
    )


def _contestants(run: Finished, sizes: _Sizes, watch: Watch) -> dict[str, Callable[[int], Result]]:
    checked = (sizes.deserializer, sizes.fastavro, run.rows)

    def one(name: str, rows: int, _round: int) -> Result:
        asked = Asked(run.topic, run.end, run.web, BACKTEST, rows, checked)
        return run.services.run(f"bench.read_{name}", asked.as_json())

    def endpoint(number: int) -> Result:
        cpu = cpu_of(run.coordinator)
        with watch.looking():
            result = dict(one("endpoint", run.rows, number))
        return result | {"cpu": result["cpu"] + cpu_of(run.coordinator) - cpu}

    return {
        "deserializer": partial(one, "deserializer", sizes.deserializer),
        "fastavro": partial(one, "fastavro", sizes.fastavro),
        "endpoint": endpoint,
        "reader": partial(one, "reader", run.rows),
        "bare": lambda _: _bare(run),
    }


def _curls(run: Finished, watch: Watch) -> dict[str, Callable[[int], Result]]:
    """The forms, and the consumer that only counts beside them."""

    def fetched(form: str, _round: int) -> Result:
        cpu = cpu_of(run.coordinator)
        with watch.looking():
            result = run.curl(f"format={form}")
        return result | {"cpu": cpu_of(run.coordinator) - cpu}

    return {form: partial(fetched, form) for form in _FORMS} | {"bare": lambda _: _bare(run)}


def _bare(run: Finished) -> Result:
    found = run.services.run("bench.read_bare", run.topic, str(run.rows))
    if found["rows"] != run.rows:
        raise LocalServiceError(f"{found['rows']} rows by the plain consumer, {run.rows} by the receipt")
    return found


def _check(found: Mapping[str, list[Result]]) -> None:
    """Raise ``LocalServiceError`` unless all frames have the same values, as far as they go."""
    seen: dict[str, Any] = {}
    for name, runs in found.items():
        for one in runs:
            for rows, digest in one.get("digests", {}).items():
                if seen.setdefault(rows, digest) != digest:
                    raise LocalServiceError(f"the first {rows} rows of {name} differ from those of the others")


def _ratios(by_name: Mapping[str, Contestant]) -> list[Figure]:
    goals = {"fastavro": at_least(7), "deserializer": at_least(15), "bare": None}
    return [
        ratio(f"{ours} / {other}", by_name[ours], by_name[other], goal)
        for other, goal in goals.items()
        for ours in ("endpoint", "reader")
    ]


def _form_figures(of_forms: Mapping[str, Contestant]) -> list[Figure]:
    return [ratio(f"{form} by curl / bare", of_forms[form], of_forms["bare"]) for form in _FORMS]


def _form_note(one: Contestant) -> str:
    size = one.runs[0]["bytes"] / one.runs[0]["rows"]
    first = statistics.median(run["first"] for run in one.runs) * 1e3
    return f"{one.label}: {size:.1f} bytes a row, the first one {first:.0f} ms after its start."


def _memory(before: int, meanwhile: list[int], after: int) -> list[Figure]:
    return [
        Figure("the coordinator's memory before", [before / 1e6], "MB"),
        Figure("at most, while rows are read", [max(meanwhile) / 1e6], "MB", at_most(300)),
        Figure("afterwards", [after / 1e6], "MB"),
    ]


def _answers(watch: Watch) -> list[Figure]:
    found = []
    for path, seconds in watch.seconds.items():
        found.append(Figure(f"`GET {path}` meanwhile, p50", [percentile(seconds, 0.5) * 1e3], "ms"))
        found.append(Figure(f"`GET {path}` meanwhile, p99", [percentile(seconds, 0.99) * 1e3], "ms", at_most(100)))
    return found


def _stalled(run: Finished) -> list[Figure]:
    """What readers cost the coordinator that have stopped reading."""
    run.curl("format=arrow&limit=1")
    time.sleep(_SETTLED / 2)
    before = _held(run)
    with run.stalled(_STALLED):
        time.sleep(_SETTLED)
        now = _held(run)
    units = {"memory": "MB", "threads": "", "file handles": ""}
    return [
        Figure(f"{_STALLED} readers that have stopped reading, more {name}", [now[name] - before[name]], unit)
        for name, unit in units.items()
    ]


def _held(run: Finished) -> dict[str, float]:
    process = run.coordinator
    return {
        "memory": process.memory_info().rss / 1e6,
        "threads": process.num_threads(),
        "file handles": process.num_fds(),
    }
