"""The one table of metrics: what each role exports, by the names that Prometheus knows.

What is told under a name is in ``app.web.measured``; docs/metrics.md, the dashboard and the alerts are held against
this table by tests. No label ever holds an id or a symbol: every label's values are a closed set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.settings import Role

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Described:
    """A metric as it is exported: a counter ends in ``_total``, units are seconds and bytes."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


def _counter(name: str, meaning: str, *labels: str) -> Described:
    return Described(name, "counter", meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Described:
    return Described(name, "gauge", meaning, labels)


def _histogram(name: str, meaning: str, *labels: str) -> Described:
    return Described(name, "histogram", meaning, labels)


#: What every role exports.
EVERY = (
    _gauge("fdp_build_info", "Always 1; which version of the platform this is, and of Python.", "version", "python"),
    _gauge("fdp_ready", "1 when the role does its work, as `/health/ready` says; 0 otherwise."),
    _gauge("fdp_python_blocks", "Blocks of memory that the interpreter holds: what lives, to the object."),
    _gauge("fdp_check_ok", "1 when this check of `/health/ready` finds nothing missing.", "check"),
    _gauge("fdp_provider_state", "1 for the state that the provider's own connection is in, 0 for others.", "state"),
    _counter("fdp_transactions_total", "Transactions ended by this process: `committed` or `aborted`.", "outcome"),
    _histogram("fdp_commit_seconds", "From asking for a commit to the brokers' answer."),
    _counter("fdp_fences_total", "Writers thrown out by another owner of their partition, or lost to a fatal error."),
    _counter("fdp_kafka_errors_total", "Errors that Kafka clients told of, by librdkafka's name of them.", "error"),
    _counter(
        "fdp_http_requests_total", "Requests answered, by route and class of status.", "method", "route", "status"
    ),
    _histogram("fdp_http_request_seconds", "From a request's head to its answer's end.", "method", "route"),
)

#: What the Prometheus client itself tells of a process; where there is no `/proc`, only Python's part.
LIBRARY = (
    _gauge("process_virtual_memory_bytes", "Virtual memory."),
    _gauge("process_resident_memory_bytes", "Resident memory."),
    _gauge("process_start_time_seconds", "When the process started, in seconds since 1970."),
    _counter("process_cpu_seconds_total", "Processor time, user and system."),
    _gauge("process_open_fds", "File handles in use."),
    _gauge("process_max_fds", "File handles that may be in use."),
    _counter("python_gc_objects_collected_total", "Objects that the collector freed.", "generation"),
    _counter("python_gc_objects_uncollectable_total", "Objects that the collector could not free.", "generation"),
    _counter("python_gc_collections_total", "Runs of the collector.", "generation"),
)

#: What those export that ask the provider for history.
_PROVIDER = (
    _counter(
        "fdp_provider_requests_total", "Requests to the provider that ended: `ok`, or the kind of error.", "outcome"
    ),
    _counter("fdp_provider_retries_total", "Requests made again, by the kind of error that was the cause.", "cause"),
    _histogram("fdp_provider_request_seconds", "From asking the provider to parsed rows, or to the error."),
    _counter("fdp_provider_rows_total", "Rows that the provider sent."),
)

COORDINATOR = (
    _gauge("fdp_coordinator_owner", "1 when this process decides on requests."),
    _counter("fdp_coordinator_requests_total", "Messages of `requests` decided, by decision.", "kind"),
    _counter("fdp_coordinator_dead_letters_total", "Messages put into `requests.dlq`."),
    _histogram("fdp_coordinator_decision_seconds", "From a message's time stamp to its decision's commit."),
    _gauge("fdp_coordinator_requests_behind", "Offsets of `requests` that the owner has not decided yet."),
    _gauge("fdp_coordinator_backtests", "Backtests by state; at most ten seconds old.", "state"),
    _gauge("fdp_coordinator_index_entries", "Backtests and series that are kept in memory.", "kind"),
    _gauge("fdp_coordinator_live_topics", "Live topics that are subscribed to."),
    _gauge("fdp_coordinator_live_gaps_open", "Gaps of live topics that are open."),
    _gauge("fdp_coordinator_data_streams", "Answers with rows that are not at their end."),
    _counter("fdp_coordinator_data_rows_total", "Rows given out over HTTP, by format.", "format"),
    _counter("fdp_coordinator_data_bytes_total", "Bytes of those answers, as they are sent, by format.", "format"),
    _counter("fdp_coordinator_data_cut_total", "Answers with rows that could not be finished, and were cut off."),
    _gauge("fdp_coordinator_orphaned_topics", "Data topics of which no series is known; looked for every ten minutes."),
)

HISTORY = (
    _counter("fdp_history_rows_total", "Rows committed to data topics.", "asset", "schema"),
    _counter("fdp_history_bytes_total", "Bytes of those rows' messages, before compression.", "asset", "schema"),
    _gauge(
        "fdp_history_series",
        "Series of this worker's partitions: `queued`, `running`, or `waiting` with every row for their live topics.",
        "state",
    ),
    _gauge("fdp_history_partitions_owned", "Partitions of `series` that this worker owns."),
    _gauge(
        "fdp_history_checkpoint_age_seconds",
        "Since the running series that is the longest without a checkpoint wrote its last, or began; 0 without one.",
    ),
    _gauge("fdp_history_slots_in_use", "Requests outstanding at the provider."),
    _gauge("fdp_history_slots_limit", "Requests that may be outstanding at the provider."),
    _gauge("fdp_history_chunks_waiting", "Chunks that are admitted and not asked for yet."),
    _gauge("fdp_history_steps_waiting", "Steps that are fetched and not being written yet."),
    _gauge("fdp_history_retries_waiting", "Requests that wait for their next attempt."),
    _gauge("fdp_history_budget_reserved_bytes", "Memory reserved for what is fetched and not committed."),
    _gauge("fdp_history_budget_limit_bytes", "Memory that may be reserved for what is fetched ahead."),
    _gauge("fdp_history_index_entries", "Series that are kept in memory.", "kind"),
    *_PROVIDER,
)

LIVE = (
    _gauge("fdp_live_owner", "1 when this process holds the feed."),
    _gauge("fdp_live_connected", "1 when the provider's link to its servers is up."),
    _counter("fdp_live_rows_total", "Rows committed to live topics.", "asset", "schema"),
    _counter("fdp_live_bytes_total", "Bytes of those rows' messages, before compression.", "asset", "schema"),
    _counter("fdp_live_events_total", "Events that the stream brought: trades and quotes.", "asset", "kind"),
    _counter("fdp_live_bad_frames_total", "Frames that were not as documented."),
    _counter("fdp_live_connects_total", "Connections to the stream that were begun."),
    _histogram("fdp_live_lag_seconds", "From the arrival of a turn's first frame to the commit of its rows."),
    _gauge("fdp_live_clock_seconds", "The market's clock, in seconds since 1970; 0 while it is not known."),
    _gauge(
        "fdp_live_behind_seconds",
        "How far the topic that is whole the least far is behind the market's clock; 2 when all is well.",
    ),
    _gauge("fdp_live_series", "Live topics that are fed."),
    _gauge("fdp_live_subscriptions", "The provider's subscriptions, by where they stand.", "state"),
    _gauge("fdp_live_waiting_bytes", "Frames that wait to be taken."),
    _gauge("fdp_live_jobs_waiting", "Repairs, comparisons and listings that are not begun."),
    _counter("fdp_live_gaps_total", "Gaps by what became of them and why they were.", "event", "why"),
    _gauge("fdp_live_gaps_open", "Gaps that are open, by why they were.", "why"),
    _gauge("fdp_live_gap_oldest_seconds", "Since the oldest open gap was opened, by why; 0 without one.", "why"),
    _counter("fdp_live_repaired_rows_total", "Rows that closed gaps were given from history.", "why"),
    *_PROVIDER,
)


def exported(role: Role) -> tuple[Described, ...]:
    """What a role exports, and nothing else."""
    return EVERY + {"coordinator": COORDINATOR, "history": HISTORY, "live": LIVE}[role] + LIBRARY
