"""Messages about a backtest that is there: ``{"cancel": id}``, ``{"retry": id}``, ``{"delete": id}``.

A deletion that the platform asks for itself, because a backtest has expired, names the ``run`` it means: it must not
hit another one under the same id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from app.domain.fields import kind_of
from app.domain.records import BacktestRecord
from app.errors import FieldProblem, InvalidRequest, Leaving

Instruction = Literal["cancel", "retry", "delete"]
INSTRUCTIONS: tuple[Instruction, ...] = ("cancel", "retry", "delete")
RUN = "run"


def instruction_of(body: Mapping[str, Any]) -> Instruction | None:
    """Which instruction a message is; None when it is none."""
    return next((one for one in INSTRUCTIONS if one in body), None)


def parse_instruction(body: Mapping[str, Any], what: Instruction) -> tuple[str, int | None]:
    """Whom it is about: backtest id, and the run if it names one. Raises ``InvalidRequest`` naming the fields."""
    allowed = {what, RUN} if what == "delete" else {what}
    others = [FieldProblem(one, f"does not belong beside {what}") for one in body if one not in allowed]
    if others:
        raise InvalidRequest(others)
    backtest_id, run = body[what], body.get(RUN)
    if not isinstance(backtest_id, str):
        raise InvalidRequest.of(what, f"name a backtest by its id, this is {kind_of(backtest_id)}")
    if run is not None and type(run) is not int:
        raise InvalidRequest.of(RUN, f"the run of a backtest is a whole number, this is {kind_of(run)}")
    return backtest_id, run


def instructed(what: Instruction, record: BacktestRecord, offset: int) -> BacktestRecord | None:
    """A backtest after an instruction at ``offset``; None when it changes nothing.

    Raises ``Leaving`` when it is being deleted: then nothing but its deletion is left to ask for.
    """
    if record.delete is not None:
        if what == "retry":
            raise Leaving(record.backtest_id)
        return None
    match what:
        case "cancel":
            # A cancellation counts until it is asked to run again.
            standing = record.cancel is not None and record.cancel > record.attempt
            return None if standing else replace(record, cancel=offset)
        case "retry":
            return replace(record, retry=offset)
        case "delete":
            return replace(record, delete=offset)
