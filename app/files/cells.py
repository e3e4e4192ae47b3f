"""From a file's cells to a record's columns: types that fit are taken, nothing is guessed, nothing is rounded.

All functions raise ``ValueError`` (Arrow's own errors are such) in words that name the column.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.domain.kinds import CODES_PER_ROW, RIGHTS, Kind, pack_codes
from app.domain.rows import ColumnData
from app.domain.times import DAY, SECOND, Micros, new_york_to_utc

_NO_CODE = -1
_RIGHT_WORDS = {word: i for i, right in enumerate(RIGHTS) for word in (right, right[0])}
_MICROS_OF_UNIT = {"s": SECOND, "ms": 1_000, "us": 1}
_TIMES = tuple(pa.timestamp(unit, zone) for unit in ("us", "ns") for zone in (None, "UTC"))


def values(data: Any, name: str, kind: Kind) -> ColumnData:
    """An Arrow array as a column of this kind, in its dtype."""
    if pa.types.is_dictionary(data.type):
        data = data.cast(data.type.value_type)
    if kind is Kind.CODES:
        return _codes(data, name)
    if data.null_count and kind is not Kind.NULLABLE:
        raise ValueError(f"column {name} has {data.null_count} empty cells: fill them, or leave their rows out")
    match kind:
        case Kind.TIMESTAMP:
            micros, naive = moments(data, name)
            return new_york_to_utc(micros) if naive else micros
        case Kind.DATE:
            return _dates(data, name)
        case Kind.RIGHT:
            return _words(data, name, _RIGHT_WORDS, "no right: CALL and PUT are").astype(kind.dtype)
        case Kind.STRING:
            return np.asarray(_text(data, name).to_numpy(zero_copy_only=False), dtype=object)
        case Kind.INT | Kind.LONG:
            return _numbers(data, name, pa.int32() if kind is Kind.INT else pa.int64())
        case _:
            return _doubles(data, name, kind)


def moments(data: Any, name: str) -> tuple[Micros, bool]:
    """Times as microseconds, and whether they are naive: New York wall clock, else UTC. Finer ones are cut off.

    A date is its midnight in New York.
    """
    if data.null_count:
        raise ValueError(f"column {name} has {data.null_count} empty cells: fill them, or leave their rows out")
    if pa.types.is_date(data.type):
        return _dates(data, name).astype(np.int64) * DAY, True
    if _is_text(data.type):
        data = _parsed(data, name)
    if not pa.types.is_timestamp(data.type):
        raise ValueError(f"column {name} is of type {data.type} and should hold times")
    ticks = np.asarray(data.cast(pa.int64()).to_numpy(zero_copy_only=False))
    if data.type.unit == "ns":
        return ticks // 1_000, data.type.tz is None
    scale = _MICROS_OF_UNIT[data.type.unit]
    if len(ticks) and np.abs(ticks).max() > np.iinfo(np.int64).max // scale:
        raise ValueError(f"column {name} has a time outside the years that there are")
    return ticks * scale, data.type.tz is None


def symbols(data: Any, name: str) -> set[str]:
    """The distinct words of a column, in upper case."""
    if pa.types.is_dictionary(data.type):
        data = data.cast(data.type.value_type)
    if data.null_count:
        raise ValueError(f"column {name} has {data.null_count} empty cells: fill them, or leave the column out")
    return {str(word).upper() for word in pc.unique(_text(data, name)).to_pylist()}


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _text(data: Any, name: str) -> Any:
    if not _is_text(data.type):
        raise ValueError(f"column {name} is of type {data.type} and should hold text")
    return data


def _parsed(data: Any, name: str) -> Any:
    for kind in _TIMES:
        try:
            return data.cast(kind)
        except pa.ArrowInvalid:
            continue
    some = sorted({str(word) for word in data.to_pylist()[:2]})
    raise ValueError(
        f"column {name} has times like {' and '.join(map(repr, some))} of which not all can be read: write ISO 8601, "
        "either all with Z or an offset or all without"
    )


def _dates(data: Any, name: str) -> npt.NDArray[np.int32]:
    kind = data.type
    if _is_text(kind):
        data = data.cast(pa.date32())
    elif pa.types.is_timestamp(kind) and kind.tz is None:
        micros, _ = moments(data, name)
        if (micros % DAY).any():
            raise ValueError(f"column {name} should hold dates and has times of the day")
        return (micros // DAY).astype(np.int32)
    elif not pa.types.is_date(kind):
        raise ValueError(f"column {name} is of type {kind} and should hold dates")
    return np.asarray(data.cast(pa.date32()).cast(pa.int32()).to_numpy(zero_copy_only=False))


def _words(data: Any, name: str, known: dict[str, int], otherwise: str) -> npt.NDArray[Any]:
    encoded = _text(data, name).dictionary_encode()
    words = [str(word) for word in encoded.dictionary.to_pylist()]
    unknown = [word for word in words if word.upper() not in known]
    if unknown:
        raise ValueError(f"column {name} has {unknown[0]!r}, which is {otherwise}")
    table = np.array([known[word.upper()] for word in words], dtype=np.int64)
    return np.asarray(table[encoded.indices.to_numpy()])


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _numbers(data: Any, name: str, kind: Any) -> npt.NDArray[Any]:
    if not _is_number(data.type):
        raise ValueError(f"column {name} is of type {data.type} and should hold whole numbers")
    try:
        return np.asarray(data.cast(kind).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid as error:
        raise ValueError(f"column {name} should hold whole numbers of {kind.bit_width} bits ({error})") from None


def _doubles(data: Any, name: str, kind: Kind) -> npt.NDArray[np.float64]:
    if kind is Kind.NULLABLE and pa.types.is_null(data.type):
        return np.full(len(data), np.nan)
    if not _is_number(data.type):
        raise ValueError(f"column {name} is of type {data.type} and should hold numbers")
    found = np.asarray(data.cast(pa.float64()).to_numpy(zero_copy_only=False))
    bad = np.isinf(found) if kind is Kind.NULLABLE else ~np.isfinite(found)
    if bad.any():
        raise ValueError(f"column {name} has {found[bad][0]}, which is no number: correct it, or leave its rows out")
    return found


def _codes(data: Any, name: str) -> npt.NDArray[np.int64]:
    """A list column of codes, or their text with spaces between; none for an empty cell."""
    if pa.types.is_null(data.type):
        return np.zeros(len(data), dtype=np.int64)
    if _is_text(data.type):
        data = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(data))
        # What is split has at least one part, and that of an empty cell is empty.
        lengths = pc.fill_null(pc.list_value_length(data), 0).to_numpy(zero_copy_only=False)
        parts = data.flatten()
        blank = pc.equal(parts, "").to_numpy(zero_copy_only=False)
        owners = np.repeat(np.arange(len(data)), lengths)
        lengths = np.bincount(owners[~blank], minlength=len(data))
        codes = _whole(parts.filter(pa.array(~blank)), name)
    elif pa.types.is_list(data.type) or pa.types.is_large_list(data.type) or pa.types.is_fixed_size_list(data.type):
        lengths = pc.fill_null(pc.list_value_length(data), 0).to_numpy(zero_copy_only=False)
        codes = _whole(data.flatten(), name)
    else:
        raise ValueError(f"column {name} is of type {data.type} and should hold lists of numbers")
    if len(lengths) and lengths.max() > CODES_PER_ROW:
        raise ValueError(f"column {name} has a row with {lengths.max()} codes; {CODES_PER_ROW} are the most")
    if len(codes) and codes.min() < 0:
        raise ValueError(f"column {name} has the code {codes.min()}, which is below 0")
    starts = np.cumsum(lengths) - lengths
    columns = []
    for place in range(CODES_PER_ROW):
        column = np.full(len(data), _NO_CODE, dtype=np.int64)
        there = lengths > place
        column[there] = codes[starts[there] + place]
        columns.append(column)
    try:
        return pack_codes(columns, _NO_CODE)
    except ValueError as error:
        raise ValueError(f"column {name}: {error}") from None


def _whole(data: Any, name: str) -> npt.NDArray[np.int64]:
    if data.null_count:
        raise ValueError(f"column {name} has an empty code in a list")
    try:
        return np.asarray(data.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"column {name} should hold whole numbers ({error})") from None
