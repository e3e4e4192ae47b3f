"""Numbers and times as text, a column at a time, by table look-up.

A *piece* is an array with one short fixed-width text a row; NUL bytes in it are nothing. Pieces and constant bytes are
laid side by side in a matrix of bytes, and dropping the NULs leaves the text. So the cost of a row is a few look-ups
and copies in C, and variable widths cost nothing extra: some 5 million rows a second on one core, which keeps the
simulator out of what a benchmark of its client measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Part = bytes | Array

_BLOCK = 65_536  # rows laid out at a time: bounds the memory of a day of 10 ms bars


def _table(texts: Sequence[str], width: int) -> Array:
    return np.array([text.encode() for text in texts], dtype=f"S{width}").view(f"V{width}").view(f"u{width}")


_PADDED = [f"{n:04d}" for n in range(10_000)]
# Rows 0..9,999: the first group of a number, without leading zeros; rows 10,000 on: a group after another one.
_LAST_GROUP = _table([str(n) for n in range(10_000)] + _PADDED, 4)
_INNER_GROUP = _table(["", *(str(n) for n in range(1, 10_000)), *_PADDED], 4)
# Four decimals cut to 0..4 of them: row = 10,000 * decimals + ten-thousandths.
_DECIMALS = _table([text[:kept] for kept in range(5) for text in _PADDED], 4)
_CLOCK = _table([f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)], 8)
# The vendor strips the zeros at the end of a fraction: ``.02``, and nothing for a whole second.
_FRACTION = _table([f".{ms:03d}".rstrip("0").rstrip(".") for ms in range(1000)], 4)


def whole(values: Ints) -> list[Part]:
    """Integers as decimal text, a minus sign where negative."""
    rest, groups = np.abs(values), []
    while True:
        rest, low = np.divmod(rest, 10_000)
        groups.append(low)
        if not rest.any():
            break
    pieces: list[Part] = []
    if (values < 0).any():
        pieces.append(np.where(values < 0, np.uint8(ord("-")), np.uint8(0)))
    begun = np.zeros(len(values), dtype=np.int64)
    for group in reversed(groups):
        table = _LAST_GROUP if group is groups[0] else _INNER_GROUP
        pieces.append(table[group + begun])
        begun = np.where((begun > 0) | (group > 0), 10_000, 0)
    return pieces


def small(values: Array) -> list[Part]:
    """Integers from 0 to 9,999, of any type: one look-up."""
    return [_LAST_GROUP[values]]


def fixed(units: Ints, decimals: Ints | int) -> list[Part]:
    """Non-negative prices in ten-thousandths of a dollar, with 1 to 4 decimals, each row its own number of them."""
    dollars, fraction = np.divmod(units, 10_000)
    return [*whole(dollars), b".", _DECIMALS[fraction + 10_000 * np.asarray(decimals)]]


def clock(milliseconds: npt.NDArray[np.signedinteger]) -> list[Part]:
    """Milliseconds since midnight as ``HH:MM:SS`` and the fraction without the zeros at its end."""
    seconds, fraction = np.divmod(milliseconds, 1000)
    pieces: list[Part] = [_CLOCK[seconds]]
    if fraction.any():
        pieces.append(_FRACTION[fraction])
    return pieces


def laid_out(parts: Sequence[Part], rows: int) -> bytes:
    """The rows' text: for every row the parts from left to right, constants repeated."""
    layout = np.dtype([(f"p{i}", f"S{len(p)}" if isinstance(p, bytes) else p.dtype) for i, p in enumerate(parts)])
    done = []
    for start in range(0, rows, _BLOCK):
        block = np.empty(min(_BLOCK, rows - start), dtype=layout)
        for i, part in enumerate(parts):
            block[f"p{i}"] = part if isinstance(part, bytes) else part[start : start + len(block)]
        done.append(block.tobytes().translate(None, b"\0"))
    return b"".join(done)
