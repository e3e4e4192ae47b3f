"""The processes of the platform, as they tell of themselves on the topic ``workers``."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.domain.worker_report import SILENT_AFTER, WorkerReport, standing
from app.errors import LogError
from app.kafka.log import Record
from app.kafka.log_index import LogIndex
from app.kafka.topics import WORKERS
from app.settings import Settings


class WorkerIndex(LogIndex):
    """Follows ``workers``."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds."""
        super().__init__(settings, [(WORKERS, 0)])
        self._clock = clock
        self._heard = clock()
        self._reports: dict[str, tuple[WorkerReport, int]] = {}

    def workers(self) -> list[tuple[WorkerReport, int]]:
        """Who is there, each with the time of its last report in milliseconds since 1970. Raises ``LogError`` when
        nothing has come for so long that nobody can tell: whoever asks reports itself."""
        with self._lock:
            if self._clock() - self._heard > SILENT_AFTER:
                raise LogError(f"nothing has come on the topic {WORKERS} for {SILENT_AFTER:.0f} s")
            return standing(self._reports.values())

    def _apply(self, key: str, record: Record) -> None:
        self._heard = self._clock()
        if record.value is None:
            self._reports.pop(key, None)
            return
        self._reports[key] = (WorkerReport.decode(record.value), record.timestamp)
        if len(self._reports) > 2 * len(there := standing(self._reports.values())):
            # Who was killed never says that it has gone.
            self._reports = {report.key: (report, at) for report, at in there}
