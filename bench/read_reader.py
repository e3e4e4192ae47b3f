"""A contestant of reading: what the coordinator makes its answers of, without HTTP: topic, columns, Arrow, pandas.

``read_range`` and ``Bodies`` are those of production; all rows are read. The collector looks as seldom at
what stays as in the roles.
"""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from app.avro.registry import SchemaRegistry
from app.domain.series import SeriesName
from app.kafka.reader import read_range
from app.memory import collect_seldom
from app.rows.arrow import arrow_batch, arrow_schema
from app.rows.bodies import Bodies
from app.settings import load
from app.worker import _keep_memory_flat
from bench.read_frame import Asked, main

#: Seconds that the registry may take to tell an older schema.
_SCHEMA_WAIT = 10.0


def read(asked: Asked) -> pd.DataFrame:
    settings = load()
    record = SeriesName.parse(asked.topic).record
    schema = arrow_schema(record, [column.name for column in record.columns])
    registry = SchemaRegistry(settings)
    bodies = Bodies(
        {record.name: registry.register(record.name, record.avro())},
        lambda number: registry.schema(number, _SCHEMA_WAIT),
    )
    batches = [
        arrow_batch(bodies.rows(record, values), schema) for values in read_range(settings, asked.topic, 0, asked.end)
    ]
    registry.close()
    return frame_of(batches, schema)


def frame_of(batches: list[pa.RecordBatch], schema: pa.Schema) -> pd.DataFrame:
    return pa.Table.from_batches(batches, schema).to_pandas()


def settle() -> None:
    """What the roles do when they start, for memory and for the collector."""
    _keep_memory_flat()
    collect_seldom()


if __name__ == "__main__":
    settle()
    main(read)
