"""Messages laid out: pieces of rows put side by side and cut into ``bytes`` objects at C speed.

Every piece is stored as a whole word of eight bytes, its surplus overwritten by the piece after it; so a message
has eight spare bytes behind it in the buffer. Messages of one length stand together there, and are cut as one array.

Rows whose pieces have the same widths form a width group, in which a piece has one place: it is stored with one
strided copy. Where groups are many (trades with quotes have hundreds) each row keeps a place of its own instead, and
a piece is scattered over all rows at once: slower a row, but without any cost a group.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from app.avro.words import Widths, Words

SPARE = 8
#: So many rows a group, on average, are worth copies of its own; measured with trades and with trades and quotes.
ROWS_PER_GROUP = 512
_LARGEST_KEY = 1 << 62
Order = npt.NDArray[np.intp]


def lay_out(pieces: list[Words], rows_per_group: int = ROWS_PER_GROUP) -> list[bytes]:
    """The message of each row, from its pieces."""
    count = len(pieces[0].values)
    varying = [piece.widths for piece in pieces if not isinstance(piece.widths, int)]
    if not varying:
        return _group(pieces, slice(None), 0)
    order, edges = _sorted(_keys(varying))
    many = (len(edges) - 1) * rows_per_group > count
    order, found = _scattered(pieces) if many else (order, _grouped(pieces, order, edges))
    out = np.empty(count, dtype=object)
    out[order] = found
    return list(out.tolist())


def _grouped(pieces: list[Words], order: Order, edges: list[int]) -> list[bytes]:
    ordered = [
        Words(
            piece.values if piece.same else piece.values[order],
            piece.widths if isinstance(piece.widths, int) else piece.widths[order],
        )
        for piece in pieces
    ]
    return [body for start, end in pairwise(edges) for body in _group(ordered, slice(start, end), start)]


def row_sizes(pieces: list[Words]) -> npt.NDArray[np.int64] | int:
    """The bytes of each row, as one number where they are the same."""
    same = sum(piece.widths for piece in pieces if isinstance(piece.widths, int))
    varying = [piece.widths for piece in pieces if not isinstance(piece.widths, int)]
    if not varying:
        return same
    sizes = np.full(len(varying[0]), same, dtype=np.int64)
    for widths in varying:
        sizes += widths
    return sizes


def store_evenly(buffer: npt.NDArray[np.uint8], pieces: list[Words], stride: int) -> None:
    """Store pieces of one width each, the rows ``stride`` bytes apart, each word with its surplus."""
    at = 0
    for piece in pieces:
        assert isinstance(piece.widths, int)
        if piece.widths:
            words: Any = np.ndarray((len(piece.values),), "<u8", buffer, at, (stride,))
            words[:] = piece.values
        at += piece.widths


def store_anywhere(buffer: npt.NDArray[np.uint8], pieces: list[Words], starts: npt.NDArray[np.int64]) -> None:
    """Store pieces of any widths, each row from where it starts on.

    Neighbours of one width each are put side by side first, and are stored together and without a surplus: an item of
    fifty bytes is stored as fast as one of eight. All other pieces are stored as whole words, so up to eight bytes
    behind a row may be overwritten.
    """
    at = starts.copy()
    for even, run in groupby(pieces, lambda piece: isinstance(piece.widths, int)):
        if even:
            items = _items(list(run))
            width = items.itemsize
            anywhere: Any = np.ndarray((len(buffer) - width + 1,), items.dtype, buffer, 0, (1,))
            anywhere[at] = items
            at += width
        else:
            anywhere = np.ndarray((len(buffer) - 7,), "<u8", buffer, 0, (1,))
            for piece in run:
                anywhere[at] = piece.values
                at += piece.widths


def _items(pieces: list[Words]) -> npt.NDArray[np.void]:
    """Pieces of one width each as one item a row."""
    count, width = len(pieces[0].values), sum(piece.most for piece in pieces)
    # The surplus of an item's last piece must not lie on the item behind it.
    stride = width + SPARE
    buffer = np.empty(count * stride, dtype=np.uint8)
    store_evenly(buffer, pieces, stride)
    return np.ndarray((count,), np.dtype((np.void, width)), buffer, 0, (stride,))


def _group(pieces: list[Words], which: slice, first: int) -> list[bytes]:
    """The messages of one width group; ``first`` is a row of it."""
    even = [
        Words(piece.values[which], piece.widths if isinstance(piece.widths, int) else int(piece.widths[first]))
        for piece in pieces
    ]
    count, size = len(even[0].values), row_sizes(even)
    assert isinstance(size, int)
    buffer = np.empty(count * (size + SPARE), dtype=np.uint8)
    store_evenly(buffer, even, size + SPARE)
    return _cut(buffer, 0, count, size)


def _scattered(pieces: list[Words]) -> tuple[Order, list[bytes]]:
    """The messages by their length, and which row each is of."""
    sizes = row_sizes(pieces)
    assert not isinstance(sizes, int), "some piece varies"
    order, edges = _sorted(sizes)
    ends = np.cumsum(sizes[order] + SPARE)
    starts = np.empty_like(sizes)
    starts[order] = ends - sizes[order] - SPARE
    buffer = np.empty(int(ends[-1]), dtype=np.uint8)
    store_anywhere(buffer, pieces, starts)
    found: list[bytes] = []
    for first, end in pairwise(edges):
        one = order[first]
        found += _cut(buffer, int(starts[one]), end - first, int(sizes[one]))
    return order, found


def _cut(buffer: npt.NDArray[np.uint8], start: int, count: int, size: int) -> list[bytes]:
    messages: Any = np.ndarray((count,), np.dtype((np.void, size)), buffer, start, (size + SPARE,))
    return list(messages.tolist())


def _sorted(keys: npt.NDArray[np.int64]) -> tuple[Order, list[int]]:
    """The rows by key, stably, and where in that order a key begins; the number of rows stands last."""
    # Sorting 16-bit numbers is a radix sort.
    small = keys.astype(np.uint16) if int(keys.max()) < 1 << 16 else keys
    order = np.argsort(small, kind="stable")
    ordered = small[order]
    edges = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return order, [0, *edges.tolist(), len(keys)]


def _keys(varying: list[Widths]) -> npt.NDArray[np.int64]:
    """A number for each row's combination of widths: its digits are the widths, each in a base of its own."""
    keys, below = np.zeros(len(varying[0]), dtype=np.int64), 1
    for widths in _different(varying):
        least = int(widths.min())
        base = int(widths.max()) - least + 1
        if below * base > _LARGEST_KEY:
            distinct, keys = np.unique(keys, return_inverse=True)
            below = len(distinct)
        keys = keys * base + (widths - least)
        below *= base
    return keys


def _different(varying: list[Widths]) -> Iterator[Widths]:
    """The columns but those that repeat the one before: values that are missing tend to be missing together."""
    yield varying[0]
    for before, widths in pairwise(varying):
        if not np.array_equal(before, widths):
            yield widths
