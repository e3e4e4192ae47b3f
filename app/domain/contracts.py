"""Option contracts: which ones a request means, and one number for each that sorts as its OCC symbol does.

A contract of a known root is packed into 64 bits: expiration as days since 1970, right, strike in thousandths of a
dollar. The OCC symbol has 21 characters: the root padded with spaces to six, YYMMDD, C or P, and the strike in
thousandths with eight digits.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Right = Literal["both", "call", "put"]
Packed = npt.NDArray[np.int64]

#: An OCC symbol has six characters for the root and eight digits for the strike.
LONGEST_ROOT, LARGEST_STRIKE = 6, 99_999_999
_STRIKE_BITS = 27
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts of one root that a request means; what is not said does not restrict.

    ``strikes`` in thousandths of a dollar; ``max_dte`` in calendar days from each session to the expiration;
    ``strike_range``: strikes on each side of the money, by the provider's choice on each session.
    """

    expirations: tuple[dt.date, ...] = ()
    strikes: tuple[int, ...] = ()
    right: Right = "both"
    max_dte: int | None = None
    strike_range: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The canonical form: defaults filled in, dates ISO, strikes in dollars."""
        return {
            "expirations": [day.isoformat() for day in self.expirations] or None,
            "strikes": [strike / 1000 for strike in self.strikes] or None,
            "right": self.right,
            "max_dte": self.max_dte,
            "strike_range": self.strike_range,
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Contracts:
        """The inverse of ``as_json``."""
        return cls(
            tuple(dt.date.fromisoformat(day) for day in body["expirations"] or ()),
            tuple(round(strike * 1000) for strike in body["strikes"] or ()),
            body["right"],
            body["max_dte"],
            body["strike_range"],
        )

    def covers(self, other: Contracts) -> bool:
        """Whether these filters surely mean every contract that the other ones do, on whatever session."""
        return (
            (not self.expirations or (bool(other.expirations) and set(other.expirations) <= set(self.expirations)))
            and (not self.strikes or (bool(other.strikes) and set(other.strikes) <= set(self.strikes)))
            and self.right in ("both", other.right)
            and (self.max_dte is None or (other.max_dte is not None and other.max_dte <= self.max_dte))
            and (
                self.strike_range is None
                or (other.strike_range is not None and other.strike_range <= self.strike_range)
            )
        )

    def days_of(self, expiration: dt.date, start: dt.date, end: dt.date) -> tuple[dt.date, dt.date] | None:
        """The days from ``start`` to ``end`` on which contracts of an expiration are meant, if there are any."""
        first = start if self.max_dte is None else max(start, expiration - dt.timedelta(days=self.max_dte))
        last = min(end, expiration)
        return (first, last) if first <= last else None

    def mask(self, contracts: Packed, days: Packed) -> npt.NDArray[np.bool_]:
        """Which rows are meant, by their contracts and their sessions (days since 1970). All but ``strike_range``,
        which only the provider can decide."""
        expirations = contracts >> (_STRIKE_BITS + 1)
        keep = np.ones(len(contracts), dtype=bool)
        if self.expirations:
            keep &= np.isin(expirations, [(day - _EPOCH).days for day in self.expirations])
        if self.strikes:
            keep &= np.isin(contracts & ((1 << _STRIKE_BITS) - 1), self.strikes)
        if self.right != "both":
            keep &= (contracts >> _STRIKE_BITS) & 1 == (0 if self.right == "call" else 1)
        if self.max_dte is not None:
            keep &= (expirations - days <= self.max_dte) & (expirations >= days)
        return keep


def from_occ_parts(expirations: npt.NDArray[Any], rights: npt.NDArray[Any], strikes: npt.NDArray[Any]) -> Packed:
    """Packed contracts from columns: days since 1970, 0 for CALL and 1 for PUT, dollars.

    Raises ``ValueError`` for a strike that no OCC symbol can hold.
    """
    mills = np.rint(strikes * 1000).astype(np.int64)
    if len(mills) and not 0 <= mills.min() <= mills.max() <= LARGEST_STRIKE:
        raise ValueError(f"a strike is not between 0 and {LARGEST_STRIKE / 1000}")
    if not np.allclose(mills / 1000, strikes, rtol=0, atol=1e-6):
        raise ValueError("a strike has more than three decimals")
    days, sides = expirations.astype(np.int64), rights.astype(np.int64)
    packed: Packed = (days << (_STRIKE_BITS + 1)) | (sides << _STRIKE_BITS) | mills
    return packed


def pack(expiration: dt.date, put: bool, strike: int) -> int:
    """One contract; ``strike`` in thousandths of a dollar. Raises ``ValueError`` for one that no OCC symbol holds."""
    if not 0 <= strike <= LARGEST_STRIKE:
        raise ValueError(f"a strike is not between 0 and {LARGEST_STRIKE / 1000}")
    return ((expiration - _EPOCH).days << (_STRIKE_BITS + 1)) | (put << _STRIKE_BITS) | strike


def unpack(contract: int) -> tuple[dt.date, bool, int]:
    """The inverse of ``pack``: expiration, whether it is a put, strike in thousandths of a dollar."""
    expiration = _EPOCH + dt.timedelta(days=contract >> (_STRIKE_BITS + 1))
    return expiration, bool(contract >> _STRIKE_BITS & 1), contract & ((1 << _STRIKE_BITS) - 1)


def occ_parts(contracts: Packed) -> dict[str, npt.NDArray[Any]]:
    """The columns ``expiration``, ``strike`` and ``right`` of packed contracts; the inverse of ``from_occ_parts``."""
    return {
        "expiration": (contracts >> (_STRIKE_BITS + 1)).astype(np.int32),
        "strike": (contracts & ((1 << _STRIKE_BITS) - 1)) / 1000,
        "right": (contracts >> _STRIKE_BITS & 1).astype(np.int8),
    }


def occ_symbol(root: str, contract: int) -> str:
    """The 21 characters of a packed contract: ``SPXW  240315C04800000``."""
    expiration, put, strike = unpack(contract)
    return f"{root:<{LONGEST_ROOT}}{expiration:%y%m%d}{'P' if put else 'C'}{strike:08d}"


def distinct_occ_keys(root: str, contracts: Packed) -> tuple[list[bytes], npt.NDArray[np.intp]]:
    """The OCC symbols that occur, as bytes, each once; and for each row which of them it has."""
    distinct, inverse = np.unique(contracts, return_inverse=True)
    return [occ_symbol(root, contract).encode() for contract in distinct.tolist()], inverse.ravel()


def occ_keys(root: str, contracts: Packed) -> list[bytes]:
    """The OCC symbol of each row as bytes; each distinct one is made once."""
    symbols, index = distinct_occ_keys(root, contracts)
    names = np.empty(len(symbols), dtype=object)
    names[:] = symbols
    return list(names[index].tolist())
