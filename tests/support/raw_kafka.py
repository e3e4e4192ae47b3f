"""Producing what no client library would: a record whose headers have names of any bytes.

One Produce request (version 3) with one record batch (version 2), written by hand after the protocol's description.
"""

from __future__ import annotations

import gzip
import socket
import struct
import time

from aiokafka.record.util import calc_crc32c

Header = tuple[bytes, bytes | None]


def produce_raw(
    bootstrap: str,
    topic: str,
    value: bytes | None,
    *,
    key: bytes | None = None,
    headers: tuple[Header, ...] = (),
    compressed: bool = False,
) -> int:
    """Publish to partition 0 of a topic whose leader is the bootstrap broker, acks=all; the record's offset."""
    record = b"\x00" + _varint(0) + _varint(0) + _bytes(key) + _bytes(value) + _varint(len(headers))
    record += b"".join(_bytes(name) + _bytes(content) for name, content in headers)
    batch = _batch(_varint(len(record)) + record, compressed)
    name = topic.encode()
    # No transactional id, acks of all, ten seconds, one topic with one partition.
    body = struct.pack(">hhii", -1, -1, 10_000, 1) + struct.pack(">h", len(name)) + name
    body += struct.pack(">iii", 1, 0, len(batch)) + batch
    head = struct.pack(">hhih", 0, 3, 1, 3) + b"raw"
    host, _, port = bootstrap.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(struct.pack(">i", len(head + body)) + head + body)
        (length,) = struct.unpack(">i", _exactly(connection, 4))
        answer = _exactly(connection, length)
    # Correlation id, one topic's name, one partition: its number, an error code, the base offset.
    at = 4 + 4 + 2 + len(name) + 4
    _, error, offset = struct.unpack_from(">ihq", answer, at)
    assert error == 0, f"the broker answered with error {error}"
    return int(offset)


def _batch(records: bytes, compressed: bool) -> bytes:
    if compressed:
        records = gzip.compress(records)
    now = int(time.time() * 1000)
    # Attributes (1: gzip), last offset delta, first and last time stamp, no producer id, epoch or sequence, one record.
    checked = struct.pack(">hiqqqhii", int(compressed), 0, now, now, -1, -1, -1, 1) + records
    tail = struct.pack(">ibI", -1, 2, calc_crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(tail)) + tail


def _bytes(value: bytes | None) -> bytes:
    return _varint(-1) if value is None else _varint(len(value)) + value


def _varint(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number & ~0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        assert part, "the broker closed the connection"
        found += part
    return found
