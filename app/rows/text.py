"""Rows as lines of text, NDJSON or CSV, made column by column: each column becomes texts, and the lines are joined
from them.

Times are ISO 8601 in UTC with six digits of a second and a ``Z``. Doubles are written with as few digits as give the
same double back, always with a point or an exponent. What is missing, and a double that is no number or infinite, is
``null`` in NDJSON and empty in CSV. Condition codes are a JSON array, in CSV numbers with spaces between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from app.domain.kinds import RIGHTS, Kind, unpack_codes
from app.domain.rows import ColumnData, Rows, is_constant
from app.rows.arrow import OFFSET

Dialect = Literal["ndjson", "csv"]
#: A text of each row, or one text for all.
Texts: TypeAlias = "pa.Array | str"
#: Whole doubles below this are written without an exponent, and so without a point.
_PLAIN_BELOW = 1e10
#: Microseconds of the years 1 to 9999, which are all that have a date of ten letters.
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
_DATE_LETTERS, _TIME_LETTERS = 10, 26


def lines(rows: Rows, columns: Sequence[str], dialect: Dialect, offsets: npt.NDArray[np.int64] | None = None) -> bytes:
    """The lines of some rows. Raises ``ValueError`` for a time outside of the years 1 to 9999."""
    if len(rows) == 0:
        return b""
    pieces: list[Texts] = []
    for place, name in enumerate(columns):
        pieces.append(_before(name, place, dialect))
        if name == OFFSET:
            pieces.append(pc.cast(pa.array(offsets), pa.string()))
        else:
            pieces += _texts(rows.columns[name], rows.record.by_name[name].kind, dialect)
    pieces.append("}\n" if dialect == "ndjson" else "\n")
    joined = _joined(pieces, len(rows))
    bounds = np.frombuffer(joined.buffers()[1], dtype=np.int32)[joined.offset : joined.offset + len(joined) + 1]
    whole: bytes = joined.buffers()[2].slice(int(bounds[0]), int(bounds[-1] - bounds[0])).to_pybytes()
    return whole


def csv_header(columns: Sequence[str]) -> bytes:
    """The first line of a CSV file."""
    return (",".join(map(_quoted, columns)) + "\n").encode()


def _before(name: str, place: int, dialect: Dialect) -> str:
    if dialect == "csv":
        return "," if place else ""
    return f"{',' if place else '{'}{orjson.dumps(name).decode()}:"


def _joined(pieces: list[Texts], count: int) -> pa.Array:
    """The pieces of each row, one after the other; what is the same for all rows is put together first."""
    merged: list[Texts] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    if len(merged) == 1:
        merged.insert(0, pa.array([""] * count))
    return pc.binary_join_element_wise(*merged, "")


def _texts(column: ColumnData, kind: Kind, dialect: Dialect) -> list[Texts]:
    mark = '"' if dialect == "ndjson" else ""
    match kind:
        case Kind.STRING:
            return [_strings(column, _escaped if dialect == "ndjson" else _quoted)]
        case Kind.RIGHT:
            return [mark, pa.DictionaryArray.from_arrays(pa.array(column), pa.array(RIGHTS)).dictionary_decode(), mark]
        case Kind.CODES:
            return [_distinct(column, _json_codes if dialect == "ndjson" else _csv_codes)]
        case Kind.TIMESTAMP:
            return [mark, _times(column), f"Z{mark}"]
        case Kind.DATE:
            return [mark, _dates(column), mark]
        case Kind.DOUBLE | Kind.NULLABLE:
            return [_doubles(column, "null" if dialect == "ndjson" else "")]
        case _:
            return [pc.cast(pa.array(column), pa.string())]


def _doubles(column: npt.NDArray[np.float64], none: str) -> pa.Array:
    texts = pc.cast(pa.array(column), pa.string())
    whole = (np.rint(column) == column) & (np.abs(column) < _PLAIN_BELOW)
    if whole.any():
        texts = pc.if_else(pa.array(whole), pc.binary_join_element_wise(texts, ".0", ""), texts)
    wrong = ~np.isfinite(column)
    return pc.if_else(pa.array(wrong), none, texts) if wrong.any() else texts


def _times(column: npt.NDArray[np.int64]) -> pa.Array:
    if not _FIRST <= column.min() <= column.max() <= _LAST:
        raise ValueError("a time is not within the years 1 to 9999")
    texts = pc.cast(pa.array(column).view(pa.timestamp("us")), pa.string())
    _bounds, letters = texts.buffers()[1:]
    count = len(texts)
    matrix = np.frombuffer(letters, dtype=np.uint8, count=count * _TIME_LETTERS).reshape(count, _TIME_LETTERS).copy()
    # Arrow puts a space there.
    matrix[:, _DATE_LETTERS] = ord("T")
    bounds = np.arange(count + 1, dtype=np.int32) * np.int32(_TIME_LETTERS)
    return pa.StringArray.from_buffers(count, pa.py_buffer(bounds), pa.py_buffer(matrix))


def _dates(column: npt.NDArray[np.int32]) -> pa.Array:
    return pc.cast(pa.array(column).view(pa.date32()), pa.string())


def _strings(column: ColumnData, form: Callable[[str], str]) -> Texts:
    if is_constant(column):
        return form(str(column[0]))
    known = pa.array(column, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(
        known.indices, pa.array([form(text) for text in known.dictionary.to_pylist()], pa.string())
    ).dictionary_decode()


def _distinct(column: npt.NDArray[np.int64], form: Callable[[int], str]) -> Texts:
    """Texts of a column of few distinct values, each made once."""
    if not column.any():
        return form(0)
    values, inverse = np.unique(column, return_inverse=True)
    texts = pa.array([form(value) for value in values.tolist()])
    return texts.take(pa.array(inverse.ravel()))


def _json_codes(packed: int) -> str:
    return orjson.dumps(unpack_codes(packed)).decode()


def _csv_codes(packed: int) -> str:
    return " ".join(map(str, unpack_codes(packed)))


def _escaped(text: str) -> str:
    return orjson.dumps(text).decode()


def _quoted(text: str) -> str:
    """A cell of CSV (RFC 4180)."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text
