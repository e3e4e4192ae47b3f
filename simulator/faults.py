"""Faults by rule: which requests go wrong, and how. Deterministic: the same requests in the same order, under the
same seed, meet the same faults.

A rule is JSON: ``{"match": {…}, <when>, "fault": {…}}``.

``match``: all that is given must hold. ``path`` and ``query`` are regular expressions searched in the path and in the
raw query string; ``symbol`` is exact; ``date`` is a day the request covers. Without ``path`` a rule is about data
requests only, not about status probes, so that a client's probing does not use it up.

When, counting the requests that match: ``nth`` (a number or several, from 1), ``after`` (skip so many), ``times`` (at
most so many), ``probability``. The first rule that fires decides.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

from simulator.market import uniform
from simulator.refusals import DEFAULT_TEXTS, reason

Spoiling = Literal["missing_column", "extra_column", "shuffled_columns", "out_of_range", "backwards", "revised"]
Kind = Literal["status", "text200", "cut", "drop", "stall", "slow_boot"] | Spoiling

SPOILING: tuple[Spoiling, ...] = (
    "missing_column",
    "extra_column",
    "shuffled_columns",
    "out_of_range",
    "backwards",
    "revised",
)
TERMINAL_PATHS = "/v3/terminal/"


class _Read(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fault(_Read):
    """What goes wrong.

    * ``{"status": 474}``: that status and a short text, or ``body``.
    * ``text200``: ``body`` as plain text with status 200.
    * ``cut``: the connection closes after ``after_bytes`` of the body; ``drop``: before any answer.
    * ``stall``: nothing for ``seconds``, before the answer or, given ``after_bytes``, in the middle of the body.
    * ``slow_boot``: for ``seconds`` after the rules were set, 571, and the status probes say DISCONNECTED.
    * ``missing_column`` and ``extra_column`` (named by ``column``), ``shuffled_columns``; ``out_of_range``: a row from
      before the range; ``backwards``: the rows in the wrong order.
    * ``revised``: other figures than before, as after a correction: every whole number above zero is one higher.
    """

    kind: Kind = "status"
    status: int | None = Field(default=None, ge=200, le=599)
    body: str | None = None
    after_bytes: int | None = Field(default=None, ge=0)
    seconds: float = Field(default=0, ge=0)
    column: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "status" and self.status is None:
            raise ValueError("a fault needs a status or a kind")
        if self.kind == "cut" and self.after_bytes is None:
            raise ValueError("cut needs after_bytes")
        return self

    @property
    def text(self) -> str:
        """The body of an answer that is not data."""
        if self.body is not None:
            return self.body
        if self.kind == "text200" or self.status is None:
            return DEFAULT_TEXTS[572]
        return DEFAULT_TEXTS.get(self.status, reason(self.status))


class Match(_Read):
    """Which requests a rule is about."""

    path: re.Pattern[str] | None = None
    query: re.Pattern[str] | None = None
    symbol: str | None = None
    date: dt.date | None = None

    @field_validator("date", mode="before")
    @classmethod
    def _compact(cls, value: object) -> object:
        return _day(value) or value if isinstance(value, str) else value

    def holds(self, path: str, query: str, parameters: Mapping[str, str]) -> bool:
        """Whether a request is among them."""
        if self.path is not None and not self.path.search(path):
            return False
        if self.query is not None and not self.query.search(query):
            return False
        if self.symbol is not None and parameters.get("symbol") != self.symbol:
            return False
        return self.date is None or _covers(parameters, self.date)


class Rule(_Read):
    """A fault, and when it strikes."""

    match: Match = Match()
    nth: int | tuple[int, ...] | None = None
    after: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, ge=0)
    probability: float = Field(default=1, ge=0, le=1)
    fault: Fault


_RULES = TypeAdapter(tuple[Rule, ...])


def rules_from_json(text: str | bytes) -> tuple[Rule, ...]:
    """Rules as a JSON list; raises ``ValueError`` that names what is wrong."""
    return _RULES.validate_json(text)


def rules_from(values: Sequence[Rule | Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Rules from what a test writes down."""
    return _RULES.validate_python(tuple(values))


@dataclass
class _Tally:
    matched: int = 0
    struck: int = 0


class Faults:
    """The rules in force and how often each matched and struck."""

    def __init__(self, rules: Sequence[Rule], seed: int) -> None:
        self.rules = tuple(rules)
        self._seed = seed
        self._tallies = [_Tally() for _ in self.rules]
        self._set_at = time.monotonic()

    def strike(self, path: str, query: str, parameters: Mapping[str, str]) -> Fault | None:
        """The fault a request meets, if any; counts it."""
        for index, (rule, tally) in enumerate(zip(self.rules, self._tallies, strict=True)):
            booting = rule.fault.kind == "slow_boot"
            if rule.match.path is None and not booting and path.startswith(TERMINAL_PATHS):
                continue
            if not rule.match.holds(path, query, parameters):
                continue
            tally.matched += 1
            if booting and time.monotonic() - self._set_at >= rule.fault.seconds:
                continue
            if self._fires(index, rule, tally):
                tally.struck += 1
                return rule.fault
        return None

    def report(self) -> list[dict[str, Any]]:
        """The rules as JSON, with their counts."""
        return [
            {"rule": rule.model_dump(mode="json", exclude_defaults=True), "matched": t.matched, "struck": t.struck}
            for rule, t in zip(self.rules, self._tallies, strict=True)
        ]

    def _fires(self, index: int, rule: Rule, tally: _Tally) -> bool:
        nth = (rule.nth,) if isinstance(rule.nth, int) else rule.nth
        if nth is not None and tally.matched not in nth:
            return False
        if tally.matched <= rule.after or (rule.times is not None and tally.struck >= rule.times):
            return False
        drawn = uniform(self._seed, index, np.array([tally.matched], dtype=np.int64))[0]
        return bool(drawn < rule.probability)


def _covers(parameters: Mapping[str, str], day: dt.date) -> bool:
    if (exact := parameters.get("date")) is not None:
        return _day(exact) == day
    start, end = _day(parameters.get("start_date", "")), _day(parameters.get("end_date", ""))
    return start is not None and end is not None and start <= day <= end


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)  # reads YYYYMMDD too
    except ValueError:
        return None
