"""The bodies of a data topic as rows, whichever version of the record's schema they were written with."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable
from functools import lru_cache
from itertools import groupby
from typing import Any

import fastavro
import numpy as np
import orjson

from app.avro.decode import OtherSchema, decode
from app.avro.encode import frame
from app.domain.kinds import CODES_PER_ROW, RIGHTS, Kind, pack_codes
from app.domain.rows import ColumnData, Rows
from app.domain.schema import RecordType

#: Bytes of Confluent's frame before each body; what no code is.
FRAME_BYTES, _NO_CODE = 5, -1
_UNREADABLE = (
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
    struct.error,
    fastavro.read.SchemaResolutionError,
    fastavro.schema.SchemaParseException,
)


class Bodies:
    """Decodes the messages of record types. Threads may share it."""

    def __init__(self, ids: dict[str, int], schema_of: Callable[[int], dict[str, Any]]) -> None:
        """``ids``: the schema id of each record as it is now, by name; ``schema_of`` asks the registry for others, and
        may raise ``RegistryError``."""
        self._ids = ids
        self._schema_of = schema_of

    def rows(self, record: RecordType, messages: list[bytes]) -> Rows:
        """The rows of some messages. Raises ``ValueError`` for what is no row of the record, ``RegistryError`` when it
        was written with another schema that cannot be had."""
        current = frame(self._ids[record.name])
        try:
            return decode(record, messages, FRAME_BYTES, current)
        except OtherSchema:
            parts = [(head, list(some)) for head, some in groupby(messages, lambda one: one[:FRAME_BYTES])]
            return Rows.joined([self._of(record, head, some, current) for head, some in parts])

    def _of(self, record: RecordType, head: bytes, messages: list[bytes], current: bytes) -> Rows:
        if head == current:
            return decode(record, messages)
        if head[:1] != b"\0":
            raise ValueError(f"a message of {record.name} is not framed as Confluent's are")
        writer = orjson.dumps(self._schema_of(int.from_bytes(head[1:], "big")))
        try:
            schemas = _schemas(writer, record)
            found = [_read(one, schemas) for one in messages]
        except _UNREADABLE as error:
            raise ValueError(f"a message is no {record.name}: {error}") from None
        return Rows.of(record, {c.name: _column(c.kind, [row[c.name] for row in found]) for c in record.columns})


def _read(message: bytes, schemas: tuple[Any, Any]) -> Any:
    body = io.BytesIO(message[FRAME_BYTES:])
    row = fastavro.schemaless_reader(body, *schemas)
    if body.read(1):
        raise ValueError("it goes on behind its end")
    return row


@lru_cache(maxsize=64)
def _schemas(writer: bytes, record: RecordType) -> tuple[Any, Any]:
    """A writer's schema and ours, both without logical types: times and dates stay the numbers that they are."""
    return plain(orjson.loads(writer)), plain(record.avro())


def plain(schema: dict[str, Any]) -> Any:
    """A record's schema without logical types, parsed."""

    def without(kind: Any) -> Any:
        return kind["type"] if isinstance(kind, dict) and "logicalType" in kind else kind

    return fastavro.parse_schema({**schema, "fields": [{**f, "type": without(f["type"])} for f in schema["fields"]]})


def _column(kind: Kind, values: list[Any]) -> ColumnData:
    match kind:
        case Kind.CODES:
            if any(len(codes) > CODES_PER_ROW for codes in values):
                raise ValueError(f"a row has more than {CODES_PER_ROW} condition codes")
            slots = [[codes[i] if i < len(codes) else _NO_CODE for codes in values] for i in range(CODES_PER_ROW)]
            return pack_codes([np.array(slot, dtype=np.int64) for slot in slots], none=_NO_CODE)
        case Kind.NULLABLE:
            values = [math.nan if value is None else value for value in values]
        case Kind.RIGHT:
            values = [RIGHTS.index(value) for value in values]
    column = np.empty(len(values), dtype=kind.dtype)
    column[:] = values
    return column
