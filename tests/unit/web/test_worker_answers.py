"""What a process may tell of itself is in the model of the answer."""

from __future__ import annotations

from app.web.answers.platform import WorkerStatus
from app.web.workers import _FIGURES


def test_every_figure_of_every_role_is_in_the_answers_model() -> None:
    figures = {name for named in _FIGURES.values() for name in named} | {"rows_per_second"}
    optional = {name for name, field in WorkerStatus.model_fields.items() if not field.is_required()}
    assert optional == figures
