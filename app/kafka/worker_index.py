"""The processes of the platform, as they tell of themselves on the topic ``workers``."""

from __future__ import annotations

from app.domain.worker_report import WorkerReport, standing
from app.kafka.log import Record
from app.kafka.log_index import LogIndex
from app.kafka.topics import WORKERS
from app.settings import Settings


class WorkerIndex(LogIndex):
    """Follows ``workers``."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, [(WORKERS, 0)])
        self._reports: dict[str, tuple[WorkerReport, int]] = {}

    def workers(self) -> list[tuple[WorkerReport, int]]:
        """Who is there, each with the time of its last report in milliseconds since 1970."""
        with self._lock:
            return standing(self._reports.values())

    def _apply(self, key: str, record: Record) -> None:
        if record.value is None:
            self._reports.pop(key, None)
            return
        self._reports[key] = (WorkerReport.decode(record.value), record.timestamp)
        if len(self._reports) > 2 * len(there := standing(self._reports.values())):
            # Who was killed never says that it has gone.
            self._reports = {report.key: (report, at) for report, at in there}
