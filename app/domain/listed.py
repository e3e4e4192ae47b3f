"""Whether the contracts that a request names are there at all, by what the provider lists."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from app.domain.contract_filter import ContractFilter, read_strike
from app.domain.dates import read_date
from app.errors import FieldProblem

#: How many of the nearest listed ones are told.
_NEAREST = 5
T = TypeVar("T", dt.date, int)


def unlisted(
    root: str,
    asked: ContractFilter | None,
    expirations: Collection[dt.date] | None,
    strikes: Mapping[dt.date, Collection[int]],
) -> list[FieldProblem]:
    """What is named and not listed, by its field in the request.

    ``expirations`` are those of the root, None when they are not known; ``strikes`` (thousandths of a dollar) those of
    the named expirations, as far as they are known. A strike passes that one of the named expirations has.
    """
    if expirations is not None and not expirations:
        return [FieldProblem("root", f"the provider lists no options of {root!r}")]
    if asked is None:
        return []
    problems = []
    # Both were checked before; what is no date names nothing.
    named = [day for text in asked.expirations or () if (day := read_date(text)) is not None]
    for i, day in enumerate(named):
        gone = day in strikes and not strikes[day]
        if gone or (expirations is not None and day not in expirations):
            near = _nearest(day, [other for other in expirations or () if other != day])
            problems.append(
                FieldProblem(
                    f"contracts.expirations[{i}]",
                    f"the provider lists no options of {root} that expire on {day}",
                    tuple(str(one) for one in near) or None,
                )
            )
    known = {strike for day in named for strike in strikes.get(day, ())}
    if known and all(day in strikes for day in named):
        for i, text in enumerate(asked.strikes or ()):
            strike = read_strike(text)
            if strike is not None and strike not in known:
                near_by = tuple(dollars(one) for one in _nearest(strike, sorted(known)))
                problems.append(
                    FieldProblem(
                        f"contracts.strikes[{i}]",
                        f"no option of {root} with the strike {dollars(strike)} is listed for "
                        + ("this expiration" if len(named) == 1 else "any of these expirations"),
                        near_by,
                    )
                )
    return problems


def dollars(strike: int) -> str:
    """A strike in thousandths, in dollars without needless zeros."""
    return f"{strike / 1000:.3f}".rstrip("0").rstrip(".")


def _nearest(one: T, others: Sequence[T]) -> list[T]:
    """The few that are closest, in their order."""
    number = {other: _number(other) for other in others}
    return sorted(sorted(others, key=lambda other: abs(number[other] - _number(one)))[:_NEAREST])


def _number(one: dt.date | int) -> int:
    return one.toordinal() if isinstance(one, dt.date) else one
