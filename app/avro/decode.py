"""Vectorised Avro decoding: many bodies of one record type back to columns.

The inverse of ``app.avro.encode``: all rows advance together, field by field. Meant for bodies in the current
schema version; a reader of other versions resolves them with fastavro.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain.rows import Rows
from app.domain.schema import Kind, RecordType

_INT = np.iinfo(np.int32)


def decode(record: RecordType, messages: Sequence[bytes], skip: int = 5) -> Rows:
    """Columns of the given messages; ``skip`` bytes before each body are the frame.

    Raises ``ValueError`` when a message is not a whole body of the record.
    """
    count = len(messages)
    data = np.frombuffer(b"".join(messages) + bytes(16), dtype=np.uint8)
    lengths = np.fromiter(map(len, messages), dtype=np.int64, count=count)
    ends = np.cumsum(lengths)
    at = ends - lengths + skip
    columns: dict[str, npt.NDArray[Any]] = {}
    try:
        for column in record.columns:
            match column.kind:
                case Kind.DOUBLE:
                    columns[column.name], at = _doubles(data, at)
                case Kind.STRING:
                    columns[column.name], at = _strings(data, at)
                case _:
                    values, at = _varints(data, at)
                    if column.kind is Kind.INT and count and not _INT.min <= values.min() <= values.max() <= _INT.max:
                        raise ValueError(f"{column.name} holds a number of more than 32 bits")
                    columns[column.name] = values.astype(column.kind.dtype, copy=False)
    except IndexError:
        raise ValueError(f"a message ends in the middle of a {record.name}") from None
    if not np.array_equal(at, ends):
        bad = int(np.flatnonzero(at != ends)[0])
        raise ValueError(f"message {bad} is not one whole {record.name}")
    return Rows(record, columns)


def _doubles(
    data: npt.NDArray[np.uint8], at: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    windows = np.lib.stride_tricks.sliding_window_view(data, 8)
    return windows[at].copy().view("<f8").ravel(), at + 8


def _varints(
    data: npt.NDArray[np.uint8], at: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    byte = data[at].astype(np.uint64)
    value = byte & np.uint64(0x7F)
    going = byte >= 0x80
    width = np.ones(len(at), dtype=np.int64)
    shift = 7
    while going.any():
        if shift > 63:
            raise ValueError("a number takes more than ten bytes")
        # Rows that are done read their own last byte again and add nothing.
        byte = np.where(going, data[at + width], 0).astype(np.uint64)
        value |= (byte & np.uint64(0x7F)) << np.uint64(shift)
        width += going
        going = byte >= 0x80
        shift += 7
    signed = (value >> np.uint64(1)).view(np.int64) ^ -(value & np.uint64(1)).view(np.int64)
    return signed, at + width


def _strings(data: npt.NDArray[np.uint8], at: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    lengths, at = _varints(data, at)
    out = np.empty(len(at), dtype=object)
    for length in np.unique(lengths).tolist():
        which = np.flatnonzero(lengths == length)
        if length < 0:
            raise ValueError("a string has a negative length")
        if length == 0:
            out[which] = ""
            continue
        raw = np.lib.stride_tricks.sliding_window_view(data, length)[at[which]]
        keys, inverse = np.unique(
            np.ascontiguousarray(raw).view(np.dtype((np.void, length))).ravel(), return_inverse=True
        )
        texts = np.empty(len(keys), dtype=object)
        texts[:] = [key.tobytes().decode() for key in keys]
        out[which] = texts[inverse]
    return out, at + lengths
