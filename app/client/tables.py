"""Rows in the shapes that users work with."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.client import packages
from app.client.calls import Selection
from app.client.errors import BadUse
from app.client.reading import Place, batches
from app.client.steps import Flow, gathered

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

#: Columns of any record type that hold times and dates.
_TIMES = frozenset({"timestamp", "quote_timestamp", "underlying_timestamp", "created", "last_trade"})
_DATES = frozenset({"expiration"})


def rows_of(block: bytes) -> list[dict[str, Any]]:
    """Rows of NDJSON lines; times are aware datetimes in UTC, an expiration is a date."""
    return [_row(json.loads(line)) for line in block.splitlines() if line]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    for name in _TIMES & row.keys():
        if row[name] is not None:
            row[name] = dt.datetime.fromisoformat(row[name])
    for name in _DATES & row.keys():
        if row[name] is not None:
            row[name] = dt.date.fromisoformat(row[name])
    return row


def table(places: Sequence[Place], selection: Selection) -> Flow[pyarrow.Table]:
    """The rows of series, one after the other, as one Arrow table. They must be of one kind."""
    pa = packages.pyarrow("to_arrow()")
    one_kind([place.topic for place in places])
    found: list[Any] = []
    schema: Any = None
    for place in places:
        have = sum(len(batch) for batch in found)
        if selection.limit is not None and have >= selection.limit:
            break
        schema = yield from gathered(batches(place, selection.after(have)), found.append)
    if len(places) > 1:
        # What a schema says of its topic is true for one of them.
        schema = schema.remove_metadata()
        found = [batch.replace_schema_metadata(None) for batch in found]
    return pa.Table.from_batches(found, schema=schema)


def to_pandas(arrow: pyarrow.Table) -> pandas.DataFrame:
    """A data frame; times are ``datetime64[us, UTC]``."""
    packages.pandas("to_pandas()")
    frame: pandas.DataFrame = arrow.to_pandas()
    return frame


def to_polars(arrow: pyarrow.Table) -> polars.DataFrame:
    """A data frame; times are ``Datetime("us", "UTC")``."""
    frame: polars.DataFrame = packages.polars("to_polars()").from_arrow(arrow)
    return frame


def kind_of(topic: str) -> tuple[str, str]:
    """Asset, and schema with interval, of a data topic: its parts are between hyphens, and a symbol has none."""
    asset, _, kind, *_ = (*topic.split("-"), "", "", "")
    return asset, kind


def one_kind(topics: Sequence[str]) -> None:
    """Raise ``BadUse`` when series cannot be put under each other: their rows could not be told apart, or differ."""
    kinds = sorted({"-".join(kind_of(topic)) for topic in topics})
    if not kinds:
        raise BadUse("the backtest has no series to read")
    if len(kinds) > 1:
        raise BadUse(
            f"the backtest has series of {len(kinds)} kinds ({', '.join(kinds)}), which are no one table; read each of "
            "backtest.series by itself"
        )
