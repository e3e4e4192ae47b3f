"""From the terminal's CSV lists to listings: how many strikes or contracts each expiration has."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from app.domain.contracts import Packed, from_occ_parts
from app.domain.kinds import RIGHTS
from app.domain.listing import Listing, Need
from app.domain.series import SeriesName
from app.errors import BadTable

_TYPES = {
    "symbol": pa.string(),
    "expiration": pa.date32(),
    "strike": pa.float64(),
    "right": pa.string(),
}
_RIGHTS = {word: i for i, right in enumerate(RIGHTS) for word in (right, right[0])}
_COLUMNS = {
    "expirations": ("symbol", "expiration"),
    "strikes": ("symbol", "strike"),
    "contracts": ("symbol", "expiration", "strike", "right"),
}


def to_listing(body: bytes, series: SeriesName, need: Need) -> Listing:
    """The listing in one answer. Raises ``BadTable`` when it is not the answer to the request."""
    table = _table(body, series, _COLUMNS[need.kind])
    if need.kind == "strikes":
        assert need.date is not None
        return {need.date: len(pc.unique(table.column("strike")))}
    counts = pc.value_counts(table.column("expiration")).to_pylist()
    listing: dict[dt.date, int] = {one["values"]: one["counts"] for one in counts}
    if need.kind == "expirations":
        return dict.fromkeys(sorted(listing), 0)
    return dict(sorted(listing.items()))


def to_strikes(body: bytes, series: SeriesName) -> frozenset[int]:
    """The strikes in one answer, in thousandths of a dollar. Raises ``BadTable`` as ``to_listing`` does."""
    column = _table(body, series, _COLUMNS["strikes"]).column("strike")
    return frozenset(round(strike * 1000) for strike in pc.unique(column).to_pylist())


def to_contracts(body: bytes, series: SeriesName) -> Packed:
    """The contracts in one answer, packed and rising. Raises ``BadTable`` as ``to_listing`` does."""
    table = _table(body, series, _COLUMNS["contracts"])
    words = table.column("right").to_pylist()
    if set(words) - set(_RIGHTS):
        raise BadTable(f"column right holds {min(set(words) - set(_RIGHTS))!r}")
    rights = np.array([_RIGHTS[word] for word in words], dtype=np.int8)
    days = table.column("expiration").cast(pa.int32()).to_numpy()
    try:
        return np.unique(from_occ_parts(days, rights, table.column("strike").to_numpy()))
    except ValueError as error:
        raise BadTable(str(error)) from None


def _table(body: bytes, series: SeriesName, names: tuple[str, ...]) -> pa.Table:
    """The columns of an answer, whole and of the series' root."""
    options = pa.csv.ConvertOptions(
        column_types={name: _TYPES[name] for name in names}, include_columns=list(names), strings_can_be_null=False
    )
    try:
        table = pa.csv.read_csv(
            pa.py_buffer(body), read_options=pa.csv.ReadOptions(use_threads=False), convert_options=options
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise BadTable(f"not the expected list ({str(error).splitlines()[0][:160]})") from None
    for name in names:
        if table.column(name).null_count:
            raise BadTable(f"column {name} has empty cells")
    others = set(pc.unique(table.column("symbol")).to_pylist()) - {series.symbol}
    if others:
        raise BadTable(f"a row of {min(others)!r} is not of {series.symbol}")
    return table
