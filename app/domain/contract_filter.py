"""The part of a request that says which contracts of a chain are meant, and its checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.domain import described
from app.domain.contracts import LARGEST_STRIKE, Contracts
from app.domain.dates import read_date
from app.domain.described import said

#: Most expirations or strikes that a request names: the requests that it makes at the provider grow with them.
MOST_NAMED = 1000
_STRIKE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,3}0*)?")
_RIGHTS = ("call", "put", "both")
Wrong = Callable[[str, str, tuple[str, ...] | None], None]


def _many(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(one), "minItems": 1, "maxItems": MOST_NAMED}


class ContractFilter(BaseModel):
    """``contracts`` as it comes. Numbers may be text: strikes are decimals, which JSON has no type for."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    expirations: Annotated[
        list[str] | None, said("Expiration dates; all unless they are named.", _many(described.DATE), optional=True)
    ] = Field(None, min_length=1, max_length=MOST_NAMED)
    strikes: Annotated[
        list[str] | None,
        said(
            "Strikes in dollars, as numbers or text, at most three decimals; not together with `strike_range`.",
            _many(described.STRIKE),
            optional=True,
        ),
    ] = Field(None, min_length=1, max_length=MOST_NAMED)
    right: Annotated[str | None, said("`both` unless it is named.", described.choice(_RIGHTS), optional=True)] = None
    max_dte: int | None = Field(
        None, ge=0, le=10_000, strict=True, description="Most calendar days from each session to the expiration."
    )
    strike_range: int | None = Field(
        None,
        ge=1,
        le=10_000,
        strict=True,
        description="Strikes on each side of the money, by the provider's choice on each session.",
    )


def check_contracts(raw: ContractFilter | None, at: str, wrong: Wrong) -> Contracts:
    """The contracts in their canonical form. ``wrong`` is told of each field that is not right, by its path."""
    if raw is None:
        return Contracts()
    expirations, strikes = set(), set()
    for i, text in enumerate(raw.expirations or ()):
        if (day := read_date(text)) is None:
            wrong(f"{at}.expirations[{i}]", f"{text!r} is not a date: write YYYY-MM-DD", None)
        else:
            expirations.add(day)
    for i, text in enumerate(raw.strikes or ()):
        if (mills := read_strike(text)) is None:
            wrong(
                f"{at}.strikes[{i}]",
                f"{text!r} is not a strike: write dollars above 0 and below {(LARGEST_STRIKE + 1) // 1000}, "
                "with at most three decimals",
                None,
            )
        else:
            strikes.add(mills)
    right = raw.right if raw.right is not None else "both"
    if right not in _RIGHTS:
        wrong(f"{at}.right", f"{right!r} is not one of {', '.join(_RIGHTS)}", _RIGHTS)
        right = "both"
    if strikes and raw.strike_range is not None:
        wrong(f"{at}.strike_range", "name either strikes or a range of them, not both", None)
    return Contracts(
        tuple(sorted(expirations)),
        tuple(sorted(strikes)),
        right,  # type: ignore[arg-type]
        raw.max_dte,
        raw.strike_range,
    )


def read_strike(text: str) -> int | None:
    """A strike in dollars as thousandths, or None when it is none that an option can have."""
    if not _STRIKE.fullmatch(text):
        return None
    mills = int(Decimal(text) * 1000)
    return mills if 0 < mills <= LARGEST_STRIKE else None
