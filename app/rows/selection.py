"""Which rows of a series are asked for, and which of their columns."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.domain.contracts import LONGEST_ROOT, pack
from app.domain.dates import read_date
from app.domain.rows import Rows
from app.domain.schema import RecordType
from app.domain.series import SeriesName
from app.domain.times import SECOND, micros_of
from app.errors import FieldProblem, InvalidRequest
from app.rows.arrow import OFFSET

_OCC = re.compile(r"(?P<root>[A-Z0-9.^/+=-]{1,6}?) *(?P<date>[0-9]{6})(?P<right>[CP])(?P<strike>[0-9]{8})")
#: A plus sign that was not escaped in a URL is a space by now.
_LOST_PLUS = re.compile(r"(?<=[0-9]) (?=[0-9]{2}:?[0-9]{2}$)")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Selection:
    """``columns`` in the order in which they are given out; ``begin`` and ``end`` are event times in UTC microseconds,
    both included; ``contracts`` are packed (``app.domain.contracts``); ``limit``: so many rows at the most; only rows
    with offsets above ``after``. None: whatever there is."""

    columns: tuple[str, ...]
    begin: int | None = None
    end: int | None = None
    contracts: frozenset[int] | None = None
    limit: int | None = None
    after: int | None = None

    @property
    def wants_offsets(self) -> bool:
        return OFFSET in self.columns

    def key(self) -> list[object]:
        """All that it says, for a validator."""
        contracts = None if self.contracts is None else sorted(self.contracts)
        return [list(self.columns), self.begin, self.end, contracts, self.limit, self.after]

    def mask(self, rows: Rows) -> npt.NDArray[np.bool_] | None:
        """Which rows are meant, whatever the limit says; None for all of them."""
        keep: npt.NDArray[np.bool_] | None = None
        times = rows.timestamps
        if self.begin is not None and len(rows) and times[0] < self.begin:
            keep = times >= self.begin
        if self.end is not None and len(rows) and times[-1] > self.end:
            keep = times <= self.end if keep is None else keep & (times <= self.end)
        if self.contracts is not None and rows.contracts is not None:
            meant = np.isin(rows.contracts, list(self.contracts))
            keep = meant if keep is None else keep & meant
        return keep

    def is_past(self, rows: Rows) -> bool:
        """Whether no row after these, in the order of their times, can be meant."""
        return self.end is not None and len(rows) > 0 and bool(rows.timestamps[-1] > self.end)


def select(
    name: SeriesName,
    *,
    columns: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    contracts: Sequence[str] | None = None,
    limit: int | None = None,
    after: int | None = None,
) -> Selection:
    """What the words of a request mean for a series. Raises ``InvalidRequest`` naming every one that is wrong."""
    problems: list[FieldProblem] = []
    found_columns = _columns(name.record, columns, problems)
    begin = _moment("start", start, problems, last=False)
    until = _moment("end", end, problems, last=True)
    if begin is not None and until is not None and begin > until:
        problems.append(FieldProblem("end", f"{end} is before start, {start}"))
    packed = _contracts(name, contracts, problems)
    if problems:
        raise InvalidRequest(problems)
    return Selection(found_columns, begin, until, packed, limit, after)


def all_columns(record: RecordType) -> tuple[str, ...]:
    return tuple(column.name for column in record.columns)


def _columns(record: RecordType, given: Sequence[str] | None, problems: list[FieldProblem]) -> tuple[str, ...]:
    known = all_columns(record)
    if given is None:
        return known
    allowed = (*known, OFFSET)
    for name in given:
        if name not in allowed:
            problems.append(FieldProblem("columns", f"{record.name} has no {name!r}", allowed))
    if not given:
        problems.append(FieldProblem("columns", "names no column; leave it out for all of them", allowed))
    return tuple(dict.fromkeys(given))


def _moment(field: str, text: str | None, problems: list[FieldProblem], *, last: bool) -> int | None:
    """A session date's first or last microsecond, or an instant."""
    if text is None:
        return None
    if (date := read_date(text)) is not None:
        if date.year in (dt.MINYEAR, dt.MAXYEAR):
            problems.append(FieldProblem(field, f"{text!r} is not a date of any session"))
            return None
        return micros_of(date + dt.timedelta(days=1)) - 1 if last else micros_of(date)
    try:
        moment = dt.datetime.fromisoformat(_LOST_PLUS.sub("+", text))
    except ValueError:
        problems.append(
            FieldProblem(
                field, f"{text!r} is neither a session date (2024-01-02) nor an instant (2024-01-02T14:30:00Z)"
            )
        )
        return None
    if moment.tzinfo is None:
        problems.append(
            FieldProblem(field, f"{text!r} does not say its time zone: write {text}Z for UTC, or an offset like -05:00")
        )
        return None
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def _contracts(name: SeriesName, given: Sequence[str] | None, problems: list[FieldProblem]) -> frozenset[int] | None:
    if given is None:
        return None
    if name.asset != "option":
        problems.append(FieldProblem("contract", f"{name.topic} holds no options; leave contract out"))
        return None
    found = set()
    for text in given:
        contract = _contract(name.symbol, text)
        if isinstance(contract, str):
            problems.append(FieldProblem("contract", contract))
        else:
            found.add(contract)
    if not given:
        problems.append(FieldProblem("contract", "names no contract; leave it out for all of them"))
    return frozenset(found)


def _contract(root: str, text: str) -> int | str:
    """A packed contract, or what is wrong with it."""
    match = _OCC.fullmatch(text.strip().upper())
    if match is None:
        return f"{text!r} is not an OCC symbol: write {root:<{LONGEST_ROOT}}240315C04800000, or the same without spaces"
    if match["root"] != root:
        return f"{text!r} is of another root than this series, {root}"
    try:
        expiration = dt.datetime.strptime(match["date"], "%y%m%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return f"{text!r} has no such date: {match['date']}"
    return pack(expiration, match["right"] == "P", int(match["strike"]))
