"""Kinds of columns: what a field is in Avro, and the numpy dtype that holds it before encoding."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

#: Symbols of the enum ``right``; a column holds their index.
RIGHTS = ("CALL", "PUT")
#: A trade carries up to this many condition codes beside its main one, each in 16 bits of a packed column.
CODES_PER_ROW, _CODE_BITS = 4, 16


class Kind(Enum):
    """How a column is stored.

    ``NULLABLE`` is a double that may be missing (NaN in the column); ``DATE`` days since 1970; ``RIGHT`` an index
    into ``RIGHTS``; ``CODES`` up to four small codes, packed by ``pack_codes``; ``TIMESTAMP`` UTC microseconds.
    """

    STRING = "string"
    INT = "int"
    LONG = "long"
    DOUBLE = "double"
    NULLABLE = "nullable double"
    TIMESTAMP = "timestamp-micros"
    DATE = "date"
    RIGHT = "enum CALL, PUT"
    CODES = "array of int"

    @property
    def avro(self) -> Any:
        """The type in an Avro schema."""
        match self:
            case Kind.NULLABLE:
                return ["null", "double"]
            case Kind.TIMESTAMP:
                return {"type": "long", "logicalType": "timestamp-micros"}
            case Kind.DATE:
                return {"type": "int", "logicalType": "date"}
            case Kind.RIGHT:
                return {"type": "enum", "name": "Right", "symbols": list(RIGHTS)}
            case Kind.CODES:
                return {"type": "array", "items": "int"}
            case _:
                return str(self.value)

    @property
    def dtype(self) -> np.dtype[Any]:
        return _DTYPES[self]


_DTYPES: dict[Kind, np.dtype[Any]] = {
    Kind.STRING: np.dtype(object),
    Kind.INT: np.dtype(np.int32),
    Kind.LONG: np.dtype(np.int64),
    Kind.DOUBLE: np.dtype(np.float64),
    Kind.NULLABLE: np.dtype(np.float64),
    Kind.TIMESTAMP: np.dtype(np.int64),
    Kind.DATE: np.dtype(np.int32),
    Kind.RIGHT: np.dtype(np.int8),
    Kind.CODES: np.dtype(np.int64),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record. ``sources`` are the provider's columns; none when the platform fills it itself."""

    name: str
    kind: Kind
    sources: tuple[str, ...]
    doc: str

    @property
    def avro(self) -> dict[str, Any]:
        field: dict[str, Any] = {"name": self.name, "type": self.kind.avro, "doc": self.doc}
        return field | ({"default": None} if self.kind is Kind.NULLABLE else {})


def pack_codes(codes: list[npt.NDArray[np.int64]], none: int) -> npt.NDArray[np.int64]:
    """Up to four columns of codes as one; ``none`` is the provider's mark of a code that is not there.

    Codes that are there keep their order and close up. Raises ``ValueError`` for one beyond 0 to 32,766.
    """
    packed = np.zeros(len(codes[0]), dtype=np.int64)
    shift = np.zeros(len(codes[0]), dtype=np.int64)
    for column in codes:
        there = column != none
        if there.any() and not 0 <= column[there].min() <= column[there].max() < (1 << (_CODE_BITS - 1)) - 1:
            raise ValueError("a condition code is out of range")
        packed |= np.where(there, column + 1, 0) << shift
        shift += there * _CODE_BITS
    return packed


def unpack_codes(packed: int) -> list[int]:
    """The codes in one element of a packed column, in their order."""
    found = []
    while packed:
        found.append((packed & ((1 << _CODE_BITS) - 1)) - 1)
        packed >>= _CODE_BITS
    return found
