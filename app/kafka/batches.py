"""Record batches made of whole columns: Kafka's format on the wire, without an object a row.

Record batch, magic 2 (KIP-98; kafka.apache.org/documentation, "Record Batch" and "Record"): a header of 61 bytes, then
the records, compressed together. A record is a varint of its length, a byte of attributes, varints of its timestamp's
and its offset's distance from the batch's first, key and value each behind their length, and the number of headers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cramjam
import numpy as np
import numpy.typing as npt
from aiokafka.record.util import calc_crc32c

from app.avro.flat import flat
from app.avro.layout import row_sizes
from app.avro.words import Words, chosen, fields, packed, repeated, sized, varints
from app.domain.contracts import distinct_occ_keys
from app.domain.rows import Rows

#: Rows of a batch, and bytes of its records at most: brokers take no batch of more than ``max.message.bytes``, which
#: is 1 MiB by default. Bars and quotes stay far below; of greeks, whose digits compress badly, fewer rows fit.
BATCH_ROWS, BATCH_BYTES = 10_000, 900_000
_HEADER = struct.Struct(">qiibIhiqqqhii")
#: Where the part begins that the header's length counts, and that its checksum covers.
_AFTER_LENGTH, _ATTRIBUTES = 12, 21
_LZ4, _TRANSACTIONAL = 3, 0x10
_ONE_ZERO = b"\x00"


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of a batch, compressed. ``first`` is the timestamp of the first record, ``last`` the greatest of
    all, in milliseconds since 1970."""

    records: bytes
    count: int
    first: int
    last: int

    def wire(self, producer_id: int, epoch: int, sequence: int) -> bytes:
        """The batch as one request carries it, of a transaction of this producer."""
        length = _HEADER.size - _AFTER_LENGTH + len(self.records)
        head = [0, length, -1, 2, 0, _LZ4 | _TRANSACTIONAL, self.count - 1, self.first, self.last]
        head += [producer_id, epoch, sequence, self.count]
        whole = bytearray(_HEADER.pack(*head)) + self.records
        struct.pack_into(">I", whole, _ATTRIBUTES - 4, calc_crc32c(memoryview(whole)[_ATTRIBUTES:]))
        return bytes(whole)


class Keys:
    """The keys of some rows: the same for all, or one of a few for each."""

    def __init__(self, distinct: Sequence[bytes], index: npt.NDArray[np.intp] | None = None) -> None:
        self._bodies = [sized(key) for key in distinct]
        self._index = index

    @classmethod
    def of(cls, rows: Rows, symbol: str) -> Keys:
        """The ticker for stocks, the OCC symbol of each row for options."""
        return cls([symbol.encode()]) if rows.contracts is None else cls(*distinct_occ_keys(symbol, rows.contracts))

    def words(self, which: slice, count: int) -> list[Words]:
        if self._index is None:
            return list(repeated(self._bodies[0], count))
        return chosen(self._bodies, self._index[which])


@dataclass(frozen=True, slots=True)
class Bodies:
    """The Avro bodies of a batch's rows, one after another in one buffer; ``sizes`` are their bytes (one number: of
    each)."""

    buffer: memoryview
    sizes: npt.NDArray[np.int64] | int


def batches(
    rows: Rows,
    frame: bytes,
    keys: Keys,
    fitting: dict[str, int] | None = None,
    *,
    size: int = BATCH_ROWS,
    most: int = BATCH_BYTES,
) -> Iterator[tuple[Batch, Bodies]]:
    """The rows in batches, in their order, and the bodies of each; each value is ``frame`` and the row's Avro body.

    ``fitting`` remembers from call to call, by the record type's name, how many rows fit where ``size`` do not: else
    each call would lay out and compress a batch that is too large first.
    """
    fitting = {} if fitting is None else fitting
    size = min(size, fitting.get(rows.record.name, size))
    begin = 0
    while begin < len(rows):
        which = slice(begin, min(begin + size, len(rows)))
        count = which.stop - begin
        batch, bodies = _batch(rows.take(which), frame, keys.words(which, count))
        if len(batch.records) > most and count > 1:
            size = fitting[rows.record.name] = count // 2
            continue
        yield batch, bodies
        begin = which.stop


def _batch(rows: Rows, frame: bytes, keys: list[Words]) -> tuple[Batch, Bodies]:
    count, stamps = len(rows), rows.timestamps // 1000
    body = packed(fields(rows))
    bodies = Bodies(*flat(body))
    head = [
        *repeated(_ONE_ZERO, count),
        *varints(stamps - stamps[0]),
        *_distances(count),
        *keys,
        *varints(_column(bodies.sizes + len(frame), count)),
        *repeated(frame, count),
    ]
    rest = [*body, *repeated(_ONE_ZERO, count)]
    length = varints(_column(row_sizes([*head, *rest]), count))
    buffer, _ = flat([*packed([*length, *head]), *rest])
    return Batch(_compressed(buffer), count, int(stamps[0]), int(stamps.max())), bodies


@lru_cache(maxsize=4)
def _distances(count: int) -> list[Words]:
    """How far each record is from the first; nearly all batches are of one size."""
    return varints(np.arange(count))


def _column(sizes: npt.NDArray[np.int64] | int, count: int) -> npt.NDArray[np.int64]:
    return np.broadcast_to(np.int64(sizes), (count,)) if isinstance(sizes, int) else sizes


def _compressed(buffer: memoryview) -> bytes:
    """One LZ4 frame of blocks that stand alone, as KIP-57 has it, at the fastest level."""
    compressor = cramjam.lz4.Compressor(level=0, content_checksum=False, block_linked=False)
    compressor.compress(buffer.tobytes())
    return bytes(compressor.finish())
