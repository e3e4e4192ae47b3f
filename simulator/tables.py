"""Columns of values that know their text in each format: what the endpoints make and the formats render.

A route declares its :class:`Columns`; an endpoint fills a :class:`Table` of them.
"""

from __future__ import annotations

import datetime as dt
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from simulator import digits
from simulator.digits import Ints, Part

Dialect = Literal["csv", "json", "html"]
Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Columns:
    """The names of an endpoint's columns in CSV order.

    ``hashed``: JSON objects have their keys in Java's HashMap order, as every recorded data row has. The vendor's
    examples of the calendar have them in declared order; nothing was recorded there, so the examples stand.

    ``grouped``: the rows are an option contract's, and the newer JSON has them contract by contract.
    """

    names: tuple[str, ...]
    hashed: bool = True
    grouped: bool = False

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The names in the order of JSON keys."""
        return hash_map_order(self.names) if self.hashed else self.names


class Column(Protocol):
    """A column of a table; ``pieces`` gives its text in a dialect, row by row."""

    def pieces(self, dialect: Dialect) -> list[Part]:
        """Constants and arrays that stand side by side in the cell."""
        ...


@dataclass(frozen=True)
class Integers:
    """Whole numbers."""

    values: Ints

    def pieces(self, dialect: Dialect) -> list[Part]:
        """Decimal text, the same in every dialect."""
        return digits.whole(self.values)


@dataclass(frozen=True)
class Codes:
    """The vendor's numbers for conditions and exchanges, 0 to 255; or one of them that stands in every row."""

    values: npt.NDArray[np.uint8] | int

    def pieces(self, dialect: Dialect) -> list[Part]:
        """Decimal text, the same in every dialect."""
        return [str(self.values).encode()] if isinstance(self.values, int) else digits.small(self.values)


@dataclass(frozen=True)
class Picked:
    """Rows of another column, by their number, in any order and repeated: each text is made only once."""

    column: Column
    rows: npt.NDArray[np.integer]

    def pieces(self, dialect: Dialect) -> list[Part]:
        """The pieces of those rows."""
        return [part if isinstance(part, bytes) else part[self.rows] for part in self.column.pieces(dialect)]


@dataclass(frozen=True)
class Prices:
    """Dollars: ``units`` in ten-thousandths, shown with ``decimals`` (one number, or one a row)."""

    units: Ints
    decimals: Ints | int

    def pieces(self, dialect: Dialect) -> list[Part]:
        """Decimal text, the same in every dialect."""
        return digits.fixed(self.units, self.decimals)


@dataclass(frozen=True)
class Stamps:
    """Naive New York times: a date (one, or one a row) and milliseconds since that day's midnight."""

    date: dt.date | Days
    milliseconds: npt.NDArray[np.signedinteger]

    def pieces(self, dialect: Dialect) -> list[Part]:
        """ISO 8601 without a zone; a string in JSON."""
        if isinstance(self.date, dt.date):
            day: Part = self.date.isoformat().encode()
        else:
            day = np.datetime_as_string(self.date).astype("S10")
        return _quoted([day, b"T", *digits.clock(self.milliseconds)], dialect)


@dataclass(frozen=True)
class Texts:
    """Cells as text; ``None`` is an empty cell, ``null`` in JSON. Not ``quoted``: the text of a number."""

    cells: Sequence[str | None]
    quoted: bool = True

    def pieces(self, dialect: Dialect) -> list[Part]:
        """One piece, made cell by cell: for short tables only."""
        return [np.array([self._text(cell, dialect).encode() for cell in self.cells], dtype=np.bytes_)]

    def _text(self, cell: str | None, dialect: Dialect) -> str:
        match dialect:
            case "json":
                return "null" if cell is None else json.dumps(cell) if self.quoted else cell
            case "html":
                return html.escape(cell or "")
            case "csv":
                return cell or ""


@dataclass(frozen=True)
class Table:
    """Columns by name, all of ``rows`` rows."""

    columns: Mapping[str, Column]
    rows: int


def _quoted(parts: list[Part], dialect: Dialect) -> list[Part]:
    return [b'"', *parts, b'"'] if dialect == "json" else parts


def hash_map_order(keys: Sequence[str]) -> tuple[str, ...]:
    """The order in which Java's ``HashMap`` gives back its keys: by bucket, the table a power of two three quarters
    full at the most. It reproduces every recorded data row."""
    buckets = 16
    while len(keys) > 0.75 * buckets:
        buckets *= 2

    def bucket(key: str) -> int:
        code = 0
        for letter in key:
            code = (31 * code + ord(letter)) & 0xFFFF_FFFF
        return (code ^ code >> 16) & (buckets - 1)

    return tuple(sorted(keys, key=bucket))
