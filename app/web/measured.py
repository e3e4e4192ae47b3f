"""What is told under the names of the table, role by role."""

from __future__ import annotations

import datetime as dt
import platform
import sys
import time
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from typing import get_args

from app.coordinator.counts import States
from app.coordinator.decider import Decider
from app.coordinator.orphans import OrphanWatch
from app.domain.live import Gap, GapCause
from app.history.fetch import Fetcher
from app.history.runner import Runner
from app.history.running import Deps
from app.kafka.counts import CLIENT_ERRORS, COMMIT_SECONDS, FENCES, TRANSACTIONS
from app.kafka.index import Index
from app.kafka.live_index import LiveIndex
from app.live.feed import LiveFeed
from app.tally import Kinds
from app.web.asked import Asked
from app.web.health import Health
from app.web.metrics import Metrics
from app.web.reading import Shelf
from app.web.sending import Told
from app.web.traffic import Traffic

#: The words of a provider's state that are told apart.
PROVIDER_STATES = ("connected", "disconnected", "unreachable", "missing", "unknown", "other")
_CAUSES: tuple[GapCause, ...] = get_args(GapCause)


def every_role(metrics: Metrics, health: Health, traffic: Traffic) -> None:
    """What every role tells."""
    build: Kinds = (version("phase1-financial-data-platform"), platform.python_version())

    def checks() -> Mapping[Kinds, float]:
        return {(name,): check() is None for name, check in list(health.checks.items())}

    metrics.tell("fdp_build_info", lambda: {build: 1.0})
    metrics.tell("fdp_ready", lambda: health.report()[0])
    metrics.tell("fdp_check_ok", checks)
    # Resident memory hides a leak for hours.
    metrics.tell("fdp_python_blocks", sys.getallocatedblocks)
    metrics.tell("fdp_provider_state", lambda: provider_state(health.terminal()))
    metrics.tell("fdp_transactions_total", TRANSACTIONS)
    metrics.tell("fdp_commit_seconds", COMMIT_SECONDS)
    metrics.tell("fdp_fences_total", FENCES)
    metrics.tell("fdp_kafka_errors_total", CLIENT_ERRORS)
    metrics.tell("fdp_http_requests_total", traffic.requests)
    metrics.tell("fdp_http_request_seconds", traffic.seconds)


def provider_state(told: str) -> Mapping[Kinds, float]:
    """1 for the state that a provider's word stands for, 0 for all others."""
    word = told.partition(" ")[0].lower()
    state = word if word in PROVIDER_STATES else "other"
    return {(one,): float(one == state) for one in PROVIDER_STATES}


def coordinator(metrics: Metrics, decider: Decider, index: Index, live: LiveIndex, orphans: OrphanWatch) -> None:
    """What the coordinator tells."""
    counts = decider.counts
    metrics.tell("fdp_coordinator_owner", lambda: decider.owned)
    metrics.tell("fdp_coordinator_requests_total", counts.decided)
    metrics.tell("fdp_coordinator_dead_letters_total", lambda: counts.decided.read()[("rejected",)])
    metrics.tell("fdp_coordinator_decision_seconds", counts.seconds)
    metrics.tell("fdp_coordinator_requests_behind", lambda: decider.behind)
    metrics.tell("fdp_coordinator_backtests", States(index.backtests, index.checkpoint).read)
    metrics.tell("fdp_coordinator_index_entries", lambda: _entries(index))
    metrics.tell("fdp_coordinator_live_topics", lambda: len(live.subscriptions()))
    metrics.tell("fdp_coordinator_live_gaps_open", lambda: len(live.open_gaps()))
    metrics.tell("fdp_coordinator_orphaned_topics", lambda: orphans.count)


def rows_sent(metrics: Metrics, shelf: Shelf, sent: Told) -> None:
    """What the coordinator tells of the rows that it gives out."""
    metrics.tell("fdp_coordinator_data_rows_total", sent.rows)
    metrics.tell("fdp_coordinator_data_bytes_total", sent.bytes)
    metrics.tell("fdp_coordinator_data_cut_total", sent.cut)
    metrics.tell("fdp_coordinator_data_streams", lambda: shelf.open)


def history(metrics: Metrics, runner: Runner, deps: Deps, asked: Asked) -> None:
    """What a history worker tells."""
    index, fetcher = deps.index, deps.fetcher

    def series() -> Mapping[Kinds, float]:
        running, waiting = len(runner.running), runner.waiting
        queued = max(0, len(index.unfinished(runner.owned)) - running - waiting)
        return {("queued",): queued, ("running",): running, ("waiting",): waiting}

    metrics.tell("fdp_history_rows_total", deps.counts.rows)
    metrics.tell("fdp_history_bytes_total", deps.counts.bytes)
    metrics.tell("fdp_history_series", series)
    metrics.tell("fdp_history_partitions_owned", lambda: len(runner.owned))
    metrics.tell("fdp_history_checkpoint_age_seconds", lambda: deps.counts.age(runner.running))
    metrics.tell("fdp_history_index_entries", lambda: {kinds: n for kinds, n in _entries(index).items() if n})
    _fetching(metrics, fetcher)
    _asking(metrics, asked)


def _fetching(metrics: Metrics, fetcher: Fetcher) -> None:
    metrics.tell("fdp_history_slots_in_use", lambda: fetcher.in_flight)
    metrics.tell("fdp_history_slots_limit", lambda: fetcher.limit)
    metrics.tell("fdp_history_chunks_waiting", lambda: fetcher.depths().chunks)
    metrics.tell("fdp_history_steps_waiting", lambda: fetcher.depths().steps)
    metrics.tell("fdp_history_retries_waiting", lambda: fetcher.depths().retries)
    metrics.tell("fdp_history_budget_reserved_bytes", lambda: fetcher.reserved)
    metrics.tell("fdp_history_budget_limit_bytes", lambda: fetcher.budget)


def _asking(metrics: Metrics, asked: Asked) -> None:
    metrics.tell("fdp_provider_requests_total", asked.requests)
    metrics.tell("fdp_provider_retries_total", asked.retries)
    metrics.tell("fdp_provider_request_seconds", asked.seconds)
    metrics.tell("fdp_provider_rows_total", asked.rows)


def live(metrics: Metrics, feed: LiveFeed, index: LiveIndex, asked: Asked) -> None:
    """What the live role tells."""
    stats = feed.deps.stats
    metrics.tell("fdp_live_owner", lambda: feed.owned)
    metrics.tell("fdp_live_connected", lambda: stats.connected)
    metrics.tell("fdp_live_rows_total", stats.rows)
    metrics.tell("fdp_live_bytes_total", stats.bytes)
    metrics.tell("fdp_live_events_total", stats.events)
    metrics.tell("fdp_live_bad_frames_total", lambda: stats.bad_frames)
    metrics.tell("fdp_live_connects_total", lambda: stats.connects)
    metrics.tell("fdp_live_lag_seconds", stats.lag)
    metrics.tell("fdp_live_clock_seconds", lambda: (stats.clock or 0) / 1e6)
    metrics.tell("fdp_live_behind_seconds", lambda: _behind(index) if feed.owned else 0.0)
    metrics.tell("fdp_live_series", lambda: stats.series)
    metrics.tell("fdp_live_subscriptions", lambda: _by_state(stats.subscriptions))
    metrics.tell("fdp_live_waiting_bytes", lambda: stats.waiting_bytes)
    metrics.tell("fdp_live_jobs_waiting", lambda: stats.jobs)
    metrics.tell("fdp_live_gaps_total", stats.gaps)
    metrics.tell("fdp_live_gaps_open", lambda: _by_cause(index.open_gaps()))
    metrics.tell("fdp_live_gap_oldest_seconds", lambda: oldest(index.open_gaps(), time.time()))
    metrics.tell("fdp_live_repaired_rows_total", stats.repaired)
    _asking(metrics, asked)


def _by_state(found: Mapping[str, int]) -> Mapping[Kinds, float]:
    return {(state,): count for state, count in found.items()}


def _entries(index: Index) -> Mapping[Kinds, float]:
    return {(kind,): count for kind, count in index.sizes.items()}


def _by_cause(gaps: list[Gap]) -> Mapping[Kinds, float]:
    found = Counter(gap.why for gap in gaps)
    return {(why,): found[why] for why in _CAUSES}


def oldest(gaps: list[Gap], now: float) -> Mapping[Kinds, float]:
    """Seconds since the oldest of the gaps was opened, by why they were."""
    ages: dict[Kinds, float] = {(why,): 0.0 for why in _CAUSES}
    for gap in gaps:
        if gap.opened_at:
            opened = dt.datetime.fromisoformat(gap.opened_at).timestamp()
            ages[(gap.why,)] = max(ages[(gap.why,)], now - opened)
    return ages


def _behind(index: LiveIndex) -> float:
    """Seconds of the market's time between its clock and the least ``until`` of the topics that have one."""
    feed = index.feed
    untils = [found.until for topic in index.subscriptions() if (found := index.coverage(topic)) is not None]
    known = [until for until in untils if until is not None]
    if feed is None or feed.clock is None or not known:
        return 0.0
    return max(0.0, (feed.clock - min(known)) / 1e6)
