"""``GET /workers``: the processes of the platform; and what this one tells of itself."""

from __future__ import annotations

import datetime as dt
import os
import socket
import time
from collections.abc import Mapping
from importlib.metadata import version

from aiohttp import web

from app.domain.worker_report import WorkerReport, key_of
from app.kafka.worker_index import WorkerIndex
from app.settings import Role
from app.web.answers.platform import WorkerStatus
from app.web.bodies import json_answer
from app.web.health import Health
from app.web.metrics import Metrics
from app.web.operations import Answer, Call, NoQuery, Operation, json_of

#: By role: a figure's name, and the metric and its labels' values that it is read from.
_FIGURES: Mapping[Role, Mapping[str, tuple[str, ...]]] = {
    "coordinator": {
        "owner": ("fdp_coordinator_owner",),
        "requests_behind": ("fdp_coordinator_requests_behind",),
    },
    "history": {
        "slots_in_use": ("fdp_history_slots_in_use",),
        "slots_limit": ("fdp_history_slots_limit",),
        "partitions": ("fdp_history_partitions_owned",),
        "series_running": ("fdp_history_series", "running"),
        "series_queued": ("fdp_history_series", "queued"),
        "series_waiting": ("fdp_history_series", "waiting"),
        "chunks_waiting": ("fdp_history_chunks_waiting",),
        "rows": ("fdp_history_rows_total",),
    },
    "live": {
        "owner": ("fdp_live_owner",),
        "connected": ("fdp_live_connected",),
        "subscriptions": ("fdp_live_series",),
        "gaps_open": ("fdp_live_gaps_open",),
        "rows": ("fdp_live_rows_total",),
    },
}


class Reporter:
    """Makes the reports of this process."""

    def __init__(self, role: Role, health: Health, metrics: Metrics) -> None:
        self._role = role
        self._health = health
        self._metrics = metrics
        self._started = dt.datetime.now(dt.UTC)
        self._host = socket.gethostname()
        self._version = version("phase1-financial-data-platform")
        self._before: tuple[float, float] | None = None

    @property
    def key(self) -> str:
        """The key of this process's reports."""
        return key_of(self._role, self._host, os.getpid())

    def report(self) -> WorkerReport:
        """This process as it is now. Rows a second are those since the last call."""
        figures = {name: self._metrics.value(*of) for name, of in _FIGURES[self._role].items()}
        if "rows" in figures:
            now, rows = time.monotonic(), figures["rows"]
            then, before = self._before or (now, rows)
            figures["rows_per_second"] = round((rows - before) / (now - then), 1) if now > then else 0.0
            self._before = (now, rows)
        return WorkerReport(
            self._role,
            self._host,
            os.getpid(),
            self._version,
            self._started,
            self._health.terminal(),
            self._health.missing(),
            figures,
        )


def worker_operations(index: WorkerIndex) -> tuple[Operation, ...]:
    async def told(_: Call[NoQuery, None]) -> web.Response:
        return json_answer([report.as_json(at) for report, at in index.workers()])

    return (
        Operation(
            method="get",
            path="/workers",
            name="list_workers",
            tag="platform",
            summary="The processes of the platform, with how busy they are",
            description="Each tells of itself every two seconds; one that has been silent for fifteen is left out.",
            run=told,
            answers=(Answer(200, "One entry for each process.", json_of(list[WorkerStatus])),),
        ),
    )
