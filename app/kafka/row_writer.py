"""What the owner of a partition of ``series`` writes with, whichever client carries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from app.domain.receipt import BodyDigest
from app.domain.rows import Rows
from app.kafka.batch_writer import BatchWriter
from app.kafka.writer import Mark, TransactionalWriter
from app.settings import Settings


class RowWriter(Protocol):
    """A fenced, transactional writer; the words of ``TransactionalWriter`` count."""

    def open(self, timeout: float = 30.0) -> float: ...

    def begin(self, on_stall: Callable[[], None] = ...) -> None: ...

    def series_rows(
        self, topic: str, rows: Rows, frame: bytes, symbol: str, marks: Mapping[int, Mark], digest: BodyDigest
    ) -> None: ...

    def record(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int = -1,
        headers: list[tuple[str, bytes | None]] | None = None,
    ) -> None: ...

    def flush(self, timeout: float = 30.0) -> None: ...

    @property
    def written(self) -> dict[tuple[str, int], int]: ...

    def commit(self, timeout: float = 30.0) -> None: ...

    def abort(self, timeout: float = 30.0) -> None: ...

    def close(self) -> None: ...


def row_writer(settings: Settings, transactional_id: str) -> RowWriter:
    """The writer that ``HISTORY_WRITER`` names."""
    if settings.history_writer == "batches":
        return BatchWriter(settings, transactional_id)
    return TransactionalWriter(settings, transactional_id)
