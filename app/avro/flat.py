"""Messages laid out one after another in one buffer, in the rows' order and without a gap between them."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from app.avro.layout import SPARE, row_sizes, store_anywhere, store_evenly
from app.avro.words import Word, Words

#: The least bytes of a row: a piece is stored as a whole word, which may reach into the row behind it but no further.
LEAST = 8


def flat(pieces: list[Words]) -> tuple[memoryview, npt.NDArray[np.int64] | int]:
    """The pieces of all rows, side by side; and the bytes of each row (one number: of every row).

    Every row takes ``LEAST`` bytes or more. A piece whose width varies is stored as a word of eight bytes, whose
    surplus the pieces after it overwrite. Where too few bytes are left of the row, it lies on the first bytes of the
    row behind it; then these are stored once more at the end, as whole words.
    """
    count = len(pieces[0].values)
    sizes = row_sizes(pieces)
    if isinstance(sizes, int):
        buffer = np.empty(count * sizes + SPARE, dtype=np.uint8)
        store_evenly(buffer, pieces, sizes)
        store_evenly(buffer, [Words(_heads(pieces), LEAST)], sizes)
    else:
        ends = np.cumsum(sizes)
        buffer = np.empty(int(ends[-1]) + SPARE, dtype=np.uint8)
        store_anywhere(buffer, pieces, ends - sizes)
        if _behind_varying(pieces) < LEAST:
            store_anywhere(buffer, [Words(_heads(pieces), LEAST)], ends - sizes)
    return buffer.data[:-SPARE], sizes


def _behind_varying(pieces: list[Words]) -> int:
    """Bytes of a row behind its last piece whose width varies."""
    tail = takewhile(lambda piece: isinstance(piece.widths, int), reversed(pieces))
    return sum(piece.most for piece in tail)


def _heads(pieces: list[Words]) -> Word:
    """The first eight bytes of each row."""
    first = pieces[0]
    words: Any = first.values.copy() if isinstance(first.widths, int) else np.where(first.widths, first.values, 0)
    filled: Any = first.widths
    for piece in pieces[1:]:
        if np.min(filled) >= 8:
            break
        values: Any = piece.values if isinstance(piece.widths, int) else np.where(piece.widths, piece.values, 0)
        # A shift by a whole word or more is not defined.
        shift = np.minimum(np.asarray(filled, dtype=np.uint64) * np.uint64(8), np.uint64(63))
        words |= np.where(np.asarray(filled) < 8, values << shift, np.uint64(0))
        filled = filled + np.asarray(piece.widths, dtype=np.int64)
    found: Word = words
    return found
