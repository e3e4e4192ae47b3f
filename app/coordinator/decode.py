"""From the bytes of a message on ``requests`` to the body of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.avro.registry import SchemaRegistry
from app.avro.request import read_request
from app.domain.fields import too_deep
from app.errors import InvalidRequest, RegistryError

#: A registry that takes longer must not hold everybody's requests up.
REGISTRY_TIMEOUT = 1.0
_MAGIC = 0


def decode_message(value: bytes | None, registry: SchemaRegistry) -> Mapping[str, Any]:
    """The body of a message: JSON in UTF-8, or Avro in Confluent's wire format (magic 0, 4-byte schema id).

    Raises ``InvalidRequest`` saying why it is neither.
    """
    if not value:
        raise InvalidRequest.of("", "the message is empty")
    if value[0] == _MAGIC:
        return _avro(value, registry)
    try:
        body = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest.of("", f"neither JSON nor Avro in Confluent framing: {error}") from None
    if not isinstance(body, dict):
        raise InvalidRequest.of("", "a request is a JSON object")
    if too_deep(body):
        raise InvalidRequest.of("", "nested deeper than any request is")
    return body


def _avro(value: bytes, registry: SchemaRegistry) -> Mapping[str, Any]:
    if len(value) < 5:
        raise InvalidRequest.of("", "the message ends within its 5-byte frame")
    schema_id = int.from_bytes(value[1:5], "big")
    try:
        return read_request(value[5:], registry.schema(schema_id, REGISTRY_TIMEOUT))
    except RegistryError as error:
        raise InvalidRequest.of("", f"schema {schema_id} of the message is not to be had: {error}") from None
    except ValueError as error:
        raise InvalidRequest.of("", str(error)) from None
