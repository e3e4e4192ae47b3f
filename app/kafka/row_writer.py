"""What the owner of a partition of ``series`` writes with, whichever client carries it."""

from __future__ import annotations

from app.kafka.batch_writer import BatchWriter
from app.kafka.writer import TransactionalWriter
from app.settings import Settings

#: Either keeps the promises of ``TransactionalWriter``.
RowWriter = TransactionalWriter | BatchWriter


def row_writer(settings: Settings, transactional_id: str) -> RowWriter:
    """The writer that ``HISTORY_WRITER`` names."""
    if settings.history_writer == "batches":
        return BatchWriter(settings, transactional_id)
    return TransactionalWriter(settings, transactional_id)
