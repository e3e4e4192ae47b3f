"""Columns of options, and how a column's name tells what its raw numbers mean.

Rows are made as plain arrays of whole numbers (cents, milliseconds, ten-thousandths) and become text only here.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator import digits
from simulator.digits import Array, Ints, Part
from simulator.options.strikes import in_order
from simulator.tables import Codes, Column, Days, Dialect, Integers, Picked, Prices, Stamps, Table, Texts

Raw = Mapping[str, Ints | int]
"""Columns by name, one number a row or one for all; ``contract``: rows of the board."""

BLANK = -1
"""A price in cents that is not there: an empty cell, ``null`` in JSON."""

_CENTS = np.array([f".{n:02d}".encode() for n in range(100)], dtype="S3")
_PRICES = {"open", "high", "low", "close", "vwap", "price", "bid", "ask", "underlying_price"}
_STAMPS = {"timestamp", "trade_timestamp", "quote_timestamp", "underlying_timestamp", "created", "last_trade"}
_WHOLE = {"volume", "count", "sequence", "open_interest"}


@dataclass(frozen=True)
class Same:
    """One text in every row."""

    text: str

    def pieces(self, dialect: Dialect) -> list[Part]:
        """A constant; a string in JSON."""
        return [(json.dumps(self.text) if dialect == "json" else self.text).encode()]


@dataclass(frozen=True)
class Small:
    """Whole numbers from 0 to 9,999: sizes and codes."""

    values: Ints

    def pieces(self, dialect: Dialect) -> list[Part]:
        """Decimal text, the same in every dialect."""
        return digits.small(self.values)


@dataclass(frozen=True)
class Cents:
    """Dollars with two decimals, from whole cents; :data:`BLANK` ones are empty."""

    values: Ints

    def pieces(self, dialect: Dialect) -> list[Part]:
        """Decimal text, the same in every dialect but for the empty cells."""
        blank = self.values < 0
        any_blank = bool(blank.any())
        values = np.where(blank, 0, self.values) if any_blank else self.values
        dollars = values // 100
        whole = digits.small(dollars) if dollars.max(initial=0) < 10_000 else digits.whole(dollars)
        parts: list[Part] = [*whole, _CENTS[values - 100 * dollars]]
        return _emptied(parts, blank, dialect) if any_blank else parts


@dataclass(frozen=True)
class Signed:
    """Numbers of either sign with four decimals, from whole ten-thousandths."""

    values: Ints

    def pieces(self, dialect: Dialect) -> list[Part]:
        """Decimal text, the same in every dialect."""
        sign: list[Part] = []
        if (self.values < 0).any():
            sign = [np.where(self.values < 0, np.uint8(ord("-")), np.uint8(0))]
        return [*sign, *digits.fixed(np.abs(self.values), 4)]


def table(symbol: str, expiration: dt.date, parts: Sequence[tuple[dt.date, Ints, Raw]]) -> Table:
    """The rows of an expiration's contracts as a table, contract after contract, with the contract's columns.

    A part is a session's: its date, the contracts' numbers (twice the strike in units, one more for a put) by the
    rows that ``contract`` speaks of, and the rows, of which each contract's come together and rise in time. There is
    at least one part; it may be without rows.
    """
    names = [name for name in parts[0][2] if name != "contract"]
    lengths = [len(_array(raw, "contract")) for _, _, raw in parts]
    if len(parts) == 1:
        day, numbers, raw = parts[0]
        at, date, columns = _array(raw, "contract"), day, {name: raw[name] for name in names}
        return Table({**_contract(symbol, expiration, numbers, at), **_columns(date, columns)}, lengths[0])
    number = np.concatenate([numbers[_array(raw, "contract")] for _, numbers, raw in parts])
    known = in_order(np.unique(number))
    by_number = np.argsort(known)
    place = by_number[np.searchsorted(known[by_number], number)]
    turn = np.argsort(place, kind="stable")
    days = np.repeat(np.array([day for day, _, _ in parts], dtype="datetime64[D]"), lengths)[turn]
    joined: dict[str, Ints | int] = {}
    for name in names:
        first = parts[0][2][name]
        joined[name] = first if isinstance(first, int) else np.concatenate([_array(r, name) for _, _, r in parts])[turn]
    return Table({**_contract(symbol, expiration, known, place[turn]), **_columns(days, joined)}, len(number))


def _contract(symbol: str, expiration: dt.date, numbers: Ints, at: Ints) -> dict[str, Column]:
    rights = Texts(["PUT" if number & 1 else "CALL" for number in numbers.tolist()])
    return {
        "symbol": Same(symbol),
        "expiration": Same(expiration.isoformat()),
        "strike": Picked(Prices(numbers >> 1, 3), at),
        "right": Picked(rights, at),
    }


def _columns(date: dt.date | Days, raw: Raw) -> dict[str, Column]:
    return {name: _column(name, values, date) for name, values in raw.items()}


def _column(name: str, values: Ints | int, date: dt.date | Days) -> Column:
    if isinstance(values, int):
        return Codes(values)
    if name in _PRICES:
        return Cents(values)
    if name in _STAMPS:
        return Stamps(date, values)
    if name in _WHOLE:
        return Integers(values)
    if name.endswith(("_size", "_exchange", "condition")) or name in {"size", "exchange"}:
        return Small(values)
    if name == "midpoint":  # of an odd number of cents, in units
        return Prices(values, np.where(values % 100 == 0, 2, 3))
    return Signed(values)


def _emptied(parts: Sequence[Part], blank: npt.NDArray[np.bool_], dialect: Dialect) -> list[Part]:
    emptied: list[Part] = []
    for part in parts:
        kept = np.array(part) if isinstance(part, bytes) else part.copy()
        emptied.append(np.where(blank, np.zeros((), dtype=kept.dtype), kept))
    if dialect == "json":
        emptied.append(np.where(blank, np.array(b"null"), np.array(b"")))
    return emptied


def _array(raw: Raw, name: str) -> Array:
    values = raw[name]
    assert not isinstance(values, int)
    return values
