"""Bodies of older versions of a record are resolved, and what is no row is never taken for one."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest

from app.avro.encode import encode, frame
from app.domain.schema import RECORDS
from app.errors import RegistryError
from app.rows.bodies import Bodies, plain
from tests.unit.avro.golden_rows import GOLDEN_ROWS
from tests.unit.avro.reference import table

GREEKS = RECORDS["option", "greeks"]
ROWS = GOLDEN_ROWS["OptionGreeks"]
NOW, BEFORE = 7, 3


def older() -> dict[str, Any]:
    """The record without some fields that have a default, the others in another order."""
    schema = GREEKS.avro()
    fields = [field for field in schema["fields"] if field["name"] not in ("d1", "vera")]
    return {**schema, "fields": fields[5:] + fields[:5]}


def written(schema: dict[str, Any], rows: list[dict[str, Any]]) -> list[bytes]:
    bodies = []
    for row in rows:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, plain(schema), {f["name"]: row[f["name"]] for f in schema["fields"]})
        bodies.append(frame(BEFORE) + out.getvalue())
    return bodies


def registry(schema_id: int) -> dict[str, Any]:
    if schema_id != BEFORE:
        raise RegistryError(f"no schema {schema_id}")
    return older()


BODIES = Bodies({"OptionGreeks": NOW}, registry)


def test_rows_of_the_current_and_of_an_older_schema_stand_beside_each_other() -> None:
    new = encode(table(GREEKS, ROWS), frame(NOW))
    old = written(older(), ROWS)
    found = BODIES.rows(GREEKS, [*new, *old, *new]).as_dicts()
    without = [row | {"d1": None, "vera": None} for row in ROWS]
    assert found == ROWS + without + ROWS
    assert list(found[0]) == [column.name for column in GREEKS.columns]


def test_a_schema_that_cannot_be_had_is_an_error() -> None:
    (one,) = encode(table(GREEKS, ROWS[:1]), frame(99))
    with pytest.raises(RegistryError):
        BODIES.rows(GREEKS, [one])


@pytest.mark.parametrize("message", [b"", b"\x00", b"\x01\x00\x00\x00\x07abc", frame(NOW), frame(BEFORE) + b"\x02"])
def test_what_is_no_row_is_an_error(message: bytes) -> None:
    with pytest.raises((ValueError, RegistryError)):
        BODIES.rows(GREEKS, [message])


def test_a_schema_of_something_else_is_an_error() -> None:
    other = Bodies({"OptionGreeks": NOW}, lambda _: RECORDS["stock", "quote"].avro())
    with pytest.raises(ValueError, match="OptionGreeks"):
        other.rows(GREEKS, written(older(), ROWS[:1]))
