"""Live events: from a frame on the terminal's socket to a row that can be read."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

from app.errors import LocalServiceError
from bench.figures import Figure, Section, at_most
from bench.live_frames import streams
from bench.live_path import COMMITTED, UNCOMMITTED, WINDOWS, Measured, Plan, measure_events, plain_loop, warm_up
from bench.live_services import LiveServices, live_services

_TEXT = """Trades and quotes of made-up stocks, by turns over some topics, sent by a process in the terminal's place at
{rate:,} events a second. The latency is that of each event from the moment it is to be sent until a reader in another
process has it from Kafka, the sender's own lateness included; processor time is all of the live role's process.
Figures are over {windows} windows of {window:g} s after {warm_up:g} s. The plain loop reads the same frames from the
same socket (aiohttp, `json.loads`, `AvroSerializer`, `produce`), without transactions; it is tried at the same rate,
then at parts of it until it keeps up. Rows that are missing, doubled or out of order in the platform's topics end the
measurement."""
_RATE = 20_000
#: Milliseconds for p50 and p99 read committed, by topics; None: told only.
_GOALS = {5: (20, 100), 20: (40, 100), 100: None}
_GOAL_CPU = 16.6
_NAIVE_TOPICS = 20
#: Rates that the plain loop is tried at, as parts of ours, until it holds one.
_PARTS = (1.0, 0.25, 0.1)
_PLAN, _QUICK_PLAN = Plan(2.5, 3.0), Plan(2.0, 2.0)


def measure(quick: bool, say: Callable[[str], None]) -> Section:
    plan = _QUICK_PLAN if quick else _PLAN
    with live_services(say) as services:
        warm_up(services, _RATE)
        ours = [_platform(services, topics, plan, say) for topics in _GOALS]
        plain = _plain(services, plan, say)
    figures = [figure for one in ours for figure in _figures(one)]
    for one in plain:
        label = f"plain loop, {one.topics} topics, {one.rate:,} events/s" + ("" if one.held else ", not held")
        latency = one.latency[COMMITTED]
        figures += [Figure(f"{label}: {name}", latency[name], "ms") for name in ("p50", "p99") if _came(latency[name])]
        figures.append(Figure(f"{label}: processor time", one.cpu, "µs an event"))
    same = next(one for one in ours if one.topics == _NAIVE_TOPICS)
    figures.append(_cost(plain[0], same))
    text = _TEXT.format(rate=_RATE, windows=WINDOWS, window=plan.window, warm_up=plan.warm_up)
    return Section("live", "Live events", text, (), figures, [_note(one) for one in ours])


def _platform(services: LiveServices, topics: int, plan: Plan, say: Callable[[str], None]) -> Measured:
    of = streams(f"L{topics}X", topics)
    services.subscribe(of)
    one = measure_events(services, of, _RATE, plan, services.process("live"))
    services.unsubscribe(of)
    say(f"  live role, {_shown(one)}")
    if one.missing or one.faults:
        raise LocalServiceError(
            f"{topics} topics: {one.missing} rows are missing, {one.faults} doubled or out of order"
        )
    return one


def _plain(services: LiveServices, plan: Plan, say: Callable[[str], None]) -> list[Measured]:
    """The plain loop at ever lower rates, the last of which it holds if it holds any."""
    found: list[Measured] = []
    for part in _PARTS:
        of = streams(f"N{round(part * 100)}X", _NAIVE_TOPICS)
        with plain_loop(services, of) as process:
            found.append(measure_events(services, of, round(_RATE * part), plan, process))
        say(f"  plain loop, {_shown(found[-1])}" + ("" if found[-1].held else ": not held"))
        if found[-1].held:
            break
    return found


def _figures(one: Measured) -> list[Figure]:
    goals = _GOALS[one.topics]
    latency = one.latency[COMMITTED]
    p50, p99 = (None, None) if goals is None else map(at_most, goals)
    return [
        Figure(f"{one.topics} topics: p50, read committed", latency["p50"], "ms", p50),
        Figure(f"{one.topics} topics: p99, read committed", latency["p99"], "ms", p99),
        Figure(f"{one.topics} topics: processor time", one.cpu, "µs an event", at_most(_GOAL_CPU)),
    ]


def _cost(plain: Measured, ours: Measured) -> Figure:
    """What an event costs the plain loop beside the live role, at the same rate: at a lower one each commit, poll and
    wake-up has fewer events to share it."""
    name = f"plain loop / live role, processor time an event at {ours.topics} topics, {ours.rate:,} events/s"
    costs = [theirs / our for theirs, our in zip(plain.cpu, ours.cpu, strict=True)]
    return Figure(name + ("" if plain.held else ", which the plain loop did not hold"), costs)


def _note(one: Measured) -> str:
    early = one.latency[UNCOMMITTED]
    threads = ", ".join(f"{name} {spent:.1f}" for name, spent in one.threads.items())
    return (
        f"{one.topics} topics: read uncommitted p50 {statistics.median(early['p50']):.0f}, p99 "
        f"{statistics.median(early['p99']):.0f} ms; {statistics.median(one.commits):.0f} commits a second; the sender "
        f"was late by {one.late:.1f} ms at p99; the broker took {one.broker:.2f} cores, everything else on "
        f"the machine {one.others:.2f}; µs an event by thread: {threads}."
    )


def _shown(one: Measured) -> str:
    latency = one.latency[COMMITTED]
    return (
        f"{one.topics} topics, {one.rate:,} events/s: p50 {statistics.median(latency['p50']):.0f}, p99 "
        f"{statistics.median(latency['p99']):.0f} ms, {statistics.median(one.cpu):.1f} µs an event"
    )


def _came(values: list[float]) -> bool:
    """Whether events of every window came."""
    return all(map(math.isfinite, values))
