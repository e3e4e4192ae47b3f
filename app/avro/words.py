"""Columns as words: a field's Avro bytes for all rows at once, in pieces of up to eight bytes.

Avro 1.11 specification, "Binary encoding": zig-zag varints for int, long and what is stored as them, IEEE 754
little-endian for double, a branch number before the value of a union, a length before UTF-8, blocks for arrays.
Small neighbours are packed into one word, so that a row of a dozen varints is written in a few strokes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain.kinds import CODES_PER_ROW, Kind
from app.domain.rows import ColumnData, Rows, is_constant

Word = npt.NDArray[np.uint64]
Widths = npt.NDArray[np.uint8]
#: A varint of n bytes holds 7·n bits; ten bytes hold any 64-bit number.
_LIMITS = [np.uint64(1 << (7 * n)) for n in range(1, 10)]
#: The marks that more bytes follow, in the first eight bytes of a varint of n bytes.
_GOING = np.array([sum(0x80 << (8 * i) for i in range(min(n - 1, 8))) for n in range(11)], dtype=np.uint64)
_ONE, _BYTE = np.uint64(1), np.uint64(8)
#: The packed codes of a row share 64 bits; a slot of 0 is empty, any other holds its code + 1.
_SLOT_BITS = 64 // CODES_PER_ROW
_SLOT = np.uint64((1 << _SLOT_BITS) - 1)


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of each row: ``values`` holds it little-endian, ``widths`` its bytes (one number: in every row).

    A piece narrower than eight bytes has zeros above, except one of width 0. Values that are the same in every row
    may be a 0-stride array. Shapes: ``(rows,)``.
    """

    values: Word
    widths: int | Widths

    @property
    def most(self) -> int:
        return self.widths if isinstance(self.widths, int) else int(self.widths.max())

    @property
    def same(self) -> bool:
        return self.values.strides == (0,)


def words(rows: Rows, prefix: bytes) -> list[Words]:
    """The pieces of the rows' messages in their order, ``prefix`` first; at least one row."""
    return packed([*repeated(prefix, len(rows)), *fields(rows)])


def fields(rows: Rows) -> list[Words]:
    """The pieces of the rows' Avro bodies, one or more a field; at least one row."""
    pieces: list[Words] = []
    for column in rows.record.columns:
        pieces += _field(rows.columns[column.name], column.kind)
    return pieces


def _field(column: ColumnData, kind: Kind) -> Iterable[Words]:
    match kind:
        case Kind.DOUBLE:
            return [Words(_bits(column), 8)]
        case Kind.NULLABLE:
            return _nullable(column)
        case Kind.STRING:
            return _strings(column)
        case Kind.CODES:
            return _codes(column)
        case Kind.INT | Kind.LONG | Kind.TIMESTAMP | Kind.DATE | Kind.RIGHT:
            return varints(column)


def _bits(column: ColumnData) -> Word:
    return np.ascontiguousarray(column, dtype=np.float64).view(np.uint64)


def _nullable(column: ColumnData) -> list[Words]:
    null = np.isnan(column)
    if null.all():
        return [Words(_everywhere(0, len(column)), 1)]
    if not null.any():
        return [Words(_everywhere(2, len(column)), 1), Words(_bits(column), 8)]
    there = ~null
    return [Words(there.astype(np.uint64) << _ONE, 1), Words(_bits(column), there.astype(np.uint8) * np.uint8(8))]


def varints(column: ColumnData) -> list[Words]:
    """Zig-zag varints of whole numbers of 64 bits at most."""
    signed = column.astype(np.int64, copy=False)
    zigzag = ((signed << 1) ^ (signed >> 63)).view(np.uint64)
    low, widths = _low(zigzag)
    if zigzag.max() < _LIMITS[7]:
        return [Words(low, _even(widths))]
    high = zigzag >> np.uint64(56)
    high = (high & np.uint64(0x7F)) | ((high << np.uint64(1)) & np.uint64(0x100)) | ((widths == 10) * np.uint64(0x80))
    return [Words(low, _even(np.minimum(widths, 8))), Words(high, _even(np.maximum(widths, 8) - np.uint8(8)))]


def _low(zigzag: Word) -> tuple[Word, Widths]:
    """The first eight bytes of varints, and the bytes that they take in all."""
    widths, largest = np.ones(len(zigzag), dtype=np.uint8), zigzag.max()
    for limit in _LIMITS:
        if largest < limit:
            break
        widths += zigzag >= limit
    low = zigzag & np.uint64(0x7F)
    for i in range(1, min(int(widths.max()), 8)):
        low |= (zigzag << np.uint64(i)) & np.uint64(0x7F << (8 * i))
    low |= _GOING[_even(widths)]
    return low, widths


def _codes(column: ColumnData) -> Iterator[Words]:
    """Arrays of codes: one block of a count and its items, and a zero at the end."""
    slots = column.view(np.uint64)
    codes = []
    while slots.any():
        codes.append(slots & _SLOT)
        slots = slots >> np.uint64(_SLOT_BITS)
    if codes:
        count: Word = np.sum([code != 0 for code in codes], axis=0, dtype=np.uint64)
        yield Words(count << _ONE, _even((count != 0).astype(np.uint8)))
    for code in codes:
        # A slot that is empty becomes the number 0 and takes no bytes.
        low, widths = _low((np.maximum(code, _ONE) - _ONE) << _ONE)
        yield Words(low, _even(widths * (code != 0)))
    yield Words(_everywhere(0, len(column)), 1)


def _strings(column: ColumnData) -> Iterable[Words]:
    """Strings, few distinct ones among many rows: each distinct one is encoded once."""
    if is_constant(column):
        return repeated(sized(column[0].encode()), len(column))
    values = column.tolist()
    distinct = {text: i for i, text in enumerate(dict.fromkeys(values))}
    index = np.fromiter((distinct[text] for text in values), dtype=np.intp, count=len(values))
    return chosen([sized(text.encode()) for text in distinct], index)


def chosen(bodies: list[bytes], index: npt.NDArray[np.intp]) -> list[Words]:
    """For each row the body that ``index`` names."""
    lengths, size = np.array([len(body) for body in bodies]), -(-max(map(len, bodies)) // 8) * 8
    table = np.frombuffer(b"".join(body.ljust(size, b"\0") for body in bodies), dtype="<u8").reshape(len(bodies), -1)
    pieces = []
    for i in range(table.shape[1]):
        widths = _even(np.clip(lengths - 8 * i, 0, 8).astype(np.uint8))
        pieces.append(Words(table[:, i][index], widths if isinstance(widths, int) else widths[index]))
    return pieces


def repeated(body: bytes, count: int) -> Iterator[Words]:
    """The same bytes in every row."""
    for at in range(0, len(body), 8):
        part = body[at : at + 8]
        yield Words(_everywhere(int.from_bytes(part, "little"), count), len(part))


def _everywhere(value: int, count: int) -> Word:
    return np.broadcast_to(np.uint64(value), (count,))


def _even(widths: Widths) -> int | Widths:
    """The widths as one number where they are the same."""
    least, most = int(widths.min()), int(widths.max())
    return least if least == most else widths


def packed(pieces: Iterable[Words]) -> list[Words]:
    """Neighbours that fit into one word put together, and pieces of no bytes left out."""
    out: list[Words] = []
    most = 8
    for piece in pieces:
        if piece.most == 0:
            continue
        if most + piece.most <= 8:
            out[-1] = _pair(out[-1], piece)
            most = out[-1].most
        else:
            out.append(piece)
            most = piece.most
    return out


def _pair(one: Words, other: Words) -> Words:
    shift: Any = 8 * one.widths if isinstance(one.widths, int) else one.widths * _BYTE
    if one.same and other.same and isinstance(one.widths, int):
        value = int(one.values[0]) | int(other.values[0]) << shift
        values = _everywhere(value, len(one.values))
    else:
        values = one.values | (other.values << np.asarray(shift, dtype=np.uint64))
    if isinstance(one.widths, int) and isinstance(other.widths, int):
        return Words(values, one.widths + other.widths)
    return Words(values, _even(np.asarray(one.widths + other.widths, dtype=np.uint8)))


def sized(raw: bytes) -> bytes:
    """Bytes behind their length, as Avro has strings and Kafka the keys and values of records."""
    length, head = len(raw) << 1, bytearray()
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(head) + bytes([length]) + raw
