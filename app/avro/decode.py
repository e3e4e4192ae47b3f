"""Vectorised Avro decoding: many bodies of one record type back to columns.

The inverse of ``app.avro.encode``: all rows advance together, field by field. Meant for bodies in the current
schema version; a reader of other versions resolves them with fastavro.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from app.avro.cursor import Cursor
from app.domain.kinds import CODES_PER_ROW, RIGHTS, Kind, pack_codes
from app.domain.rows import ColumnData, Rows, constant
from app.domain.schema import RecordType

_INT = np.iinfo(np.int32)
_LIMITS = {Kind.INT: (_INT.min, _INT.max), Kind.DATE: (_INT.min, _INT.max), Kind.RIGHT: (0, len(RIGHTS) - 1)}


class OtherSchema(ValueError):
    """A message was not written with the schema that is meant."""


def decode(record: RecordType, messages: Sequence[bytes], skip: int = 5, frame: bytes | None = None) -> Rows:
    """Columns of the given messages; ``skip`` bytes before each body are the frame, which has to be ``frame`` where one
    is named: the schema that the bodies are read with.

    Raises ``OtherSchema``, and ``ValueError`` when a message is not a whole body of the record.
    """
    cursor = Cursor(messages, skip)
    if frame is not None and not cursor.begins_with(frame):
        raise OtherSchema(f"a message was not written with the current schema of {record.name}")
    columns: dict[str, ColumnData] = {}
    try:
        for column in record.columns:
            columns[column.name] = _column(cursor, column.kind)
    except IndexError:
        raise ValueError(f"a message ends in the middle of a {record.name}") from None
    except ValueError as error:
        raise ValueError(f"a message is not one whole {record.name}: {column.name}: {error}") from None
    if (bad := cursor.unfinished()) is not None:
        raise ValueError(f"message {bad} is not one whole {record.name}")
    # A strike that is no number at all is refused with the others that no contract has.
    with np.errstate(invalid="ignore"):
        return Rows.of(record, columns)


def _column(cursor: Cursor, kind: Kind) -> ColumnData:
    match kind:
        case Kind.DOUBLE:
            return cursor.doubles()
        case Kind.NULLABLE:
            return _nullable(cursor)
        case Kind.STRING:
            return _strings(cursor)
        case Kind.CODES:
            return _codes(cursor)
        case _:
            return _numbers(cursor, kind)


def _numbers(cursor: Cursor, kind: Kind) -> ColumnData:
    values = cursor.varints()
    if kind in _LIMITS and len(values):
        low, high = _LIMITS[kind]
        if not low <= values.min() <= values.max() <= high:
            raise ValueError(f"a number is not between {low} and {high}")
    return values.astype(kind.dtype, copy=False)


def _nullable(cursor: Cursor) -> npt.NDArray[np.float64]:
    branch = cursor.bytes()
    if not np.isin(branch, (0, 2)).all():
        raise ValueError("a branch of a union is neither 0 nor 1")
    there = branch != 0
    if there.all():
        return cursor.doubles()
    values = np.full(len(there), np.nan)
    which = np.flatnonzero(there)
    values[which] = cursor.doubles(which)
    return values


def _codes(cursor: Cursor) -> npt.NDArray[np.int64]:
    """Arrays of codes, packed; none of the arrays but a few of the rows' have any."""
    found = np.full((CODES_PER_ROW, len(cursor.at)), -1, dtype=np.int64)
    filled = np.zeros(len(cursor.at), dtype=np.int64)
    left = np.arange(len(cursor.at))
    while len(left):
        counts = cursor.varints(left)
        left, counts = left[counts != 0], counts[counts != 0]
        if (np.abs(counts.clip(-99, 99)) + filled[left] > CODES_PER_ROW).any():
            raise ValueError(f"an array has more than {CODES_PER_ROW} codes")
        # A negative count: the bytes of the block follow.
        sized = left[counts < 0]
        bounds = cursor.varints(sized)
        bounds += cursor.at[sized]
        counts = np.abs(counts)
        for i in range(int(counts.max(initial=0))):
            which = left[counts > i]
            codes = cursor.varints(which)
            if len(codes) and codes.min() < 0:
                raise ValueError("a condition code is out of range")
            found[filled[which], which] = codes
            filled[which] += 1
        if not np.array_equal(cursor.at[sized], bounds):
            raise ValueError("a block of an array has another size than it says")
    return pack_codes(list(found), none=-1)


def _strings(cursor: Cursor) -> npt.NDArray[Any]:
    lengths = cursor.varints()
    if len(lengths) and lengths.min() < 0:
        raise ValueError("a string has a negative length")
    out = np.empty(len(lengths), dtype=object)
    for length in np.unique(lengths).tolist():
        which = np.flatnonzero(lengths == length)
        raw = cursor.blocks(length, which)
        if (raw == raw[0]).all():
            text = raw[0].tobytes().decode()
            if len(which) == len(out):
                return constant(text, len(out))
            out[which] = text
            continue
        keys, inverse = np.unique(raw.view(np.dtype((np.void, length))).ravel(), return_inverse=True)
        texts = np.empty(len(keys), dtype=object)
        texts[:] = [key.tobytes().decode() for key in keys]
        out[which] = texts[inverse]
    return out
