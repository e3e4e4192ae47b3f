"""From a frame on the terminal's socket to a row that can be read in Kafka: latency, and processor time an event.

``python -m bench.live_path`` brings up broker, registry, a sender in the terminal's place, and the platform's
coordinator and live roles, and has events sent at a steady rate over 5, 20 and 100 topics (trades and quotes by
turns). An event's time is the moment at which it is to be sent, so the latency that a reader sees has the sender's
own lateness in it. Beside it a plain loop reads the same frames and produces without transactions.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import psutil  # type: ignore[import-untyped]

from app.errors import LocalServiceError
from app.kafka.topics import live_topic
from bench.live_frames import Stream, streams
from bench.live_services import LiveServices, live_services
from bench.machine import machine
from bench.services import exit_on_signals

GOAL_CPU = 16.6
#: Milliseconds for p50 and p99 read committed, by topics.
GOALS = {5: (20, 100), 20: (40, 100)}
WINDOWS = 3
#: Rates that the plain loop is tried at, as parts of ours, until it holds one.
_PARTS = (1.0, 0.25, 0.1)
#: Milliseconds of p50 beyond which a rate counts as not held.
_HELD = 250
#: Seconds of events before the first measurement.
_WARM_UP = 12.0
#: What the live role compares with history: windows that are over, so many seconds after their end.
_COMPARED, _GRACE = 300, 8
_LEVELS = ("read_committed", "read_uncommitted")
Result = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How long each measurement takes, in seconds."""

    warm_up: float
    window: float

    @property
    def seconds(self) -> float:
        return self.warm_up + WINDOWS * self.window

    def windows(self, begin: int) -> list[tuple[int, int]]:
        """Begin and end of each, milliseconds since 1970."""
        first = begin + round(self.warm_up * 1000)
        size = round(self.window * 1000)
        return [(first + i * size, first + (i + 1) * size) for i in range(WINDOWS)]


def measure(services: LiveServices, of: Sequence[Stream], rate: int, plan: Plan, subject: psutil.Process) -> Result:
    """One measurement of what ``subject`` writes to these streams' topics, which are there and fed."""
    _away_from_comparisons(plan)
    asked = {"topics": [one.topic for one in of], "events": round(rate * plan.seconds)}
    asked |= {"windows": plan.windows(0), "within": plan.seconds + 30}
    argument = orjson.dumps(asked).decode()
    readers = {level: services.start("bench.live_reader", level, argument, name=level) for level in _LEVELS}
    for level, child in readers.items():
        services.ready(child, level)
    windows = plan.windows(services.send(of, rate, plan.seconds))
    children = {level: psutil.Process(child.pid) for level, child in readers.items()}
    processes = children | {
        "subject": subject,
        "broker": services.process("broker"),
        "terminal": services.process("terminal"),
    }
    marks = []
    for moment in [windows[0][0], *(end for _, end in windows)]:
        time.sleep(max(0.0, moment / 1000 - time.time()))
        spent = {name: _spent(process) for name, process in processes.items()} | {"all": _busy()}
        marks.append((time.time(), spent, services.counters(), threads(subject)))
    found = {level: services.result(child, level) for level, child in readers.items()}
    return {"found": found, "marks": marks, "sent": services.sent(), "events": asked["events"], "rate": rate}


def row(topics: int, one: Result) -> dict[str, float]:
    """Medians of the windows."""
    spans = list(zip(one["marks"], one["marks"][1:], strict=False))
    seconds = [after[0] - before[0] for before, after in spans]

    def share(name: str) -> float:
        used = [after[1][name] - before[1][name] for before, after in spans]
        return statistics.median(cpu / span for cpu, span in zip(used, seconds, strict=True))

    def counted(name: str) -> float:
        moved = [after[2].get(name, 0.0) - before[2].get(name, 0.0) for before, after in spans]
        return statistics.median(count / span for count, span in zip(moved, seconds, strict=True))

    result: dict[str, float] = {"topics": topics, "rate": one["rate"]}
    for level, short in (("read_committed", "rc"), ("read_uncommitted", "ru")):
        windows = one["found"][level]["windows"]
        for name in ("p50", "p90", "p99", "rate"):
            result[f"{short}_{name}"] = _median([window[name] for window in windows])
    taken = [window["taken"] for window in one["found"]["read_uncommitted"]["windows"]]
    used = [after[1]["subject"] - before[1]["subject"] for before, after in spans]
    costs = [cpu / span / max(rate, 1) for cpu, span, rate in zip(used, seconds, taken, strict=True)]
    result |= {
        "commits": counted('fdp_transactions_total{outcome="committed"}'),
        "cpu": statistics.median(costs) * 1e6,
        "subject": share("subject"),
        "taken": statistics.median(taken),
        "broker": share("broker"),
        "terminal": share("terminal"),
        "others": share("all") - sum(map(share, (*_LEVELS, "subject", "broker", "terminal"))),
        "late_p50": one["sent"]["p50"],
        "late_p99": one["sent"]["p99"],
        "missing": one["events"] - one["found"]["read_committed"]["rows"],
        "faults": one["found"]["read_committed"]["faults"],
    }
    return result


def show(rows: list[tuple[str, dict[str, float]]]) -> None:
    print(
        "\n| | topics | events/s sent, written | read committed p50 / p90 / p99, ms "
        "| read uncommitted p50 / p90 / p99, ms | commits/s | µs an event | one core, events/s | broker, cores "
        "| sender late p50 / p99, ms | sender, cores | other programs, cores | missing, out of turn |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for label, one in rows:
        print(
            f"| {label} | {one['topics']} | {one['rate']:,.0f}, {one['taken']:,.0f} "
            f"| {_three(one, 'rc')} | {_three(one, 'ru')} "
            f"| {one['commits']:.0f} | {one['cpu']:.1f} | {1e6 / one['cpu']:,.0f} | {one['broker']:.2f} "
            f"| {one['late_p50']:.1f} / {one['late_p99']:.1f} | {one['terminal']:.2f} | {one['others']:.2f} "
            f"| {one['missing']:.0f}, {one['faults']:.0f} |"
        )


def show_threads(topics: int, one: Result) -> None:
    """Where the subject's time goes, by thread."""
    before, after = one["marks"][0], one["marks"][-1]
    events = one["rate"] * (after[0] - before[0])
    spent = {name: after[3][name] - before[3].get(name, 0.0) for name in after[3]}
    parts = [f"{name} {used / events * 1e6:.1f}" for name, used in sorted(spent.items(), key=lambda item: -item[1])[:6]]
    print(f"{topics} topics, µs an event by thread: {', '.join(parts)}", flush=True)


def threads(process: psutil.Process) -> dict[str, float]:
    """Seconds of processor time by thread of a process, as far as this system tells."""
    tick = os.sysconf("SC_CLK_TCK")
    found: dict[str, float] = {}
    for thread in process.threads():
        try:
            with open(f"/proc/{process.pid}/task/{thread.id}/stat") as file:  # noqa: PTH123
                head, _, tail = file.read().rpartition(")")
        except OSError:
            continue
        fields = tail.split()
        name = head.partition("(")[2]
        name = f"{name}-{thread.id - process.pid}" if name.startswith("python") else name
        found[name] = found.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / tick
    return found


@contextmanager
def plain_loop(services: LiveServices, of: Sequence[Stream]) -> Iterator[psutil.Process]:
    """The plain loop on topics of its own."""
    names = [one.topic for one in of]
    services.topics.create([live_topic(name) for name in names])
    child = services.start("bench.live_naive", *names, name="naive")
    try:
        services.ready(child, "naive")
        yield psutil.Process(child.pid)
    finally:
        child.stop(2)


def _median(values: list[float | None]) -> float:
    """None is what never came."""
    return statistics.median(float("inf") if value is None else value for value in values)


def _busy() -> float:
    """Seconds of processor time that anything on this machine has taken."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _met(goal: bool) -> str:
    return "met" if goal else "missed"


def _three(one: dict[str, float], short: str) -> str:
    return " / ".join(f"{one[f'{short}_{name}']:.0f}" for name in ("p50", "p90", "p99"))


def _away_from_comparisons(plan: Plan) -> None:
    """Wait if the live role would come to compare a window with a history that this terminal does not have."""
    needed = plan.seconds + 20
    into = (time.time() - _GRACE) % _COMPARED
    if _COMPARED - into < needed:
        time.sleep(_COMPARED - into + 1)


def warm_up(services: LiveServices, rate: int) -> None:
    """Events that do not count, for the broker's compiler: without them the first measurement is of that one."""
    of = streams("WARM", 20)
    services.subscribe(of)
    services.send(of, rate, _WARM_UP)
    services.sent()
    time.sleep(3)
    services.unsubscribe(of)


def run(services: LiveServices, options: argparse.Namespace, plan: Plan) -> list[tuple[str, dict[str, float]]]:
    warm_up(services, options.rate)
    rows = []
    for topics in options.topics:
        of = streams(f"L{topics}X", topics)
        services.subscribe(of)
        found = measure(services, of, options.rate, plan, services.process("live"))
        show_threads(topics, found)
        rows.append(("platform", row(topics, found)))
        services.unsubscribe(of)
    if not options.no_naive:
        for topics in options.naive_topics:
            for part in _PARTS:
                of = streams(f"N{topics}X{round(part * 100)}X", topics)
                with plain_loop(services, of) as process:
                    one = row(topics, measure(services, of, round(options.rate * part), plan, process))
                held = one["rc_p50"] < _HELD and one["missing"] == 0
                rows.append(("plain loop" if held else "plain loop, not held", one))
                if held:
                    break
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.live_path", description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=20_000, help="events a second (default: %(default)s)")
    parser.add_argument("--topics", type=int, nargs="*", default=[5, 20, 100], help="(default: 5 20 100)")
    parser.add_argument("--naive-topics", type=int, nargs="*", default=[20], help="for the plain loop (default: 20)")
    parser.add_argument("--no-naive", action="store_true", help="without the plain loop")
    parser.add_argument("--quick", action="store_true", help="windows of 2 s instead of 5")
    options = parser.parse_args()
    exit_on_signals()
    print(machine())
    plan = Plan(2.5, 2.0) if options.quick else Plan(3.0, 5.0)
    with live_services(print) as services:
        rows = run(services, options, plan)
    show(rows)
    print(f"\nMedians of {WINDOWS} windows of {plan.window:g} s after {plan.warm_up:g} s.")
    for label, one in rows:
        if label == "platform":
            print(f"{one['topics']} topics: {GOAL_CPU} µs an event {_met(one['cpu'] <= GOAL_CPU)}", end="")
            if one["topics"] in GOALS:
                p50, p99 = GOALS[int(one["topics"])]
                print(f", p50 / p99 {p50} / {p99} ms {_met(one['rc_p50'] <= p50 and one['rc_p99'] <= p99)}", end="")
            print()
    if any(one["missing"] or one["faults"] for _, one in rows if _ == "platform"):
        raise LocalServiceError("rows are missing, doubled or out of order")


if __name__ == "__main__":
    main()
