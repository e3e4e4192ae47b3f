"""What the owner of a series has to do for it: a pure function of its record and of its last checkpoint.

Owners compare ``run`` with the series' own record, never with anything else, and the logs alone decide: whoever owns
the partition next comes to the same.
"""

from __future__ import annotations

from typing import Literal

from app.domain.records import Checkpoint, SeriesRecord

#: ``run``: fetch and write what is missing; ``cancel``: record that it ends here; ``delete``: delete its topic.
Duty = Literal["run", "cancel", "delete"]


def duty(record: SeriesRecord, checkpoint: Checkpoint | None) -> Duty | None:
    """What is left to do; None when nothing is. A checkpoint of another run does not count."""
    if checkpoint is not None and checkpoint.run != record.run:
        checkpoint = None
    if record.delete is not None:
        return None if checkpoint is not None and checkpoint.state == "deleted" else "delete"
    if checkpoint is not None and checkpoint.ends(record.attempt):
        return None
    if record.cancel is not None and record.cancel > record.attempt:
        return "cancel"
    return "run"
