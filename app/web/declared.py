"""All that can be asked of a coordinator; other roles serve the probes and the metrics of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.coordinator.orphans import OrphanWatch
from app.kafka.worker_index import WorkerIndex
from app.settings import Settings
from app.web.backtests import backtests
from app.web.dashboard import dashboard_operations
from app.web.data import data_operations
from app.web.description import with_description
from app.web.events import event_operations
from app.web.front import Front
from app.web.health import Health, probes
from app.web.historical import historical
from app.web.letters import letter_operations
from app.web.live import live
from app.web.metrics import Metrics, scraping
from app.web.operations import Operation
from app.web.plan import plan
from app.web.reading import Shelf
from app.web.schemas import schemas
from app.web.sending import Told
from app.web.topics import topics
from app.web.workers import worker_operations


def every_role(health: Health, metrics: Metrics) -> tuple[Operation, ...]:
    return *probes(health), *scraping(metrics)


def coordinator(
    front: Front,
    settings: Settings,
    orphans: OrphanWatch,
    workers: WorkerIndex,
    shelf: Shelf,
    sent: Told,
    stopping: Callable[[], bool],
) -> tuple[Operation, ...]:
    """``stopping`` tells whether the process is to end."""
    return (
        *historical(front, shelf, sent),
        *backtests(front, stopping),
        *data_operations(front, shelf, sent),
        *event_operations(front, stopping),
        *plan(front.provider, front.slots),
        *live(front),
        *schemas(),
        *topics(orphans),
        *worker_operations(workers),
        *letter_operations(settings),
        *dashboard_operations(),
    )


class _Nobody:
    """Stands for all that operations work with, where they are only described: nothing of it is ever used."""

    def __getattr__(self, name: str) -> Any:
        return self


def declared(*, tokens: bool) -> tuple[Operation, ...]:
    """Every operation of a coordinator, to be described and not to be run."""
    nobody: Any = _Nobody()
    asked = coordinator(nobody, nobody, nobody, nobody, nobody, nobody, lambda: True)
    return with_description((*asked, *every_role(nobody, nobody)), tokens=tokens)
