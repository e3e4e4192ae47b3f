"""Vectorised Avro encoding: whole columns to one body per row, byte for byte what fastavro writes.

Columns become words of up to eight bytes (``app.avro.words``), and these are laid out side by side
(``app.avro.layout``).
"""

from __future__ import annotations

from app.avro.layout import lay_out
from app.avro.words import words
from app.domain.rows import Rows

#: Rows that are encoded at once: what they take while they are is to fit into the processor's cache.
BLOCK_ROWS = 1 << 16
_MAGIC = b"\x00"


def frame(schema_id: int) -> bytes:
    """The 5 bytes before each body in Confluent's wire format: magic 0, schema id big-endian."""
    return _MAGIC + schema_id.to_bytes(4, "big")


def encode(rows: Rows, prefix: bytes = b"") -> list[bytes]:
    """One message per row: ``prefix`` and the Avro body, in the rows' order."""
    if len(rows) <= BLOCK_ROWS:
        return lay_out(words(rows, prefix)) if len(rows) else []
    out: list[bytes] = []
    for start in range(0, len(rows), BLOCK_ROWS):
        out += encode(rows.take(slice(start, start + BLOCK_ROWS)), prefix)
    return out
