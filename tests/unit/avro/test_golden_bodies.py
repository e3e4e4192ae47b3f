"""Bodies held against files that fastavro once wrote: what is in a topic today can be read tomorrow."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.avro.decode import decode
from app.avro.encode import encode
from app.domain.schema import RECORDS, RecordType
from tests.unit.avro.golden_rows import GOLDEN_ROWS
from tests.unit.avro.reference import same, table

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)
def test_bodies_are_those_of_the_golden_file(record: RecordType) -> None:
    rows = GOLDEN_ROWS[record.name]
    golden = (GOLDEN / f"{record.name}.hex").read_text().split()

    assert [body.hex() for body in encode(table(record, rows))] == golden
    assert same(decode(record, [bytes.fromhex(line) for line in golden], skip=0).as_dicts(), rows)
