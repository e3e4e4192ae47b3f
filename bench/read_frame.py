"""What the contestants of the section ``read`` have in common: what they are asked, and how a frame is told.

Each is a process of its own that makes a ``pandas.DataFrame`` of the first rows of a series. Its clock runs from the
making of its client to the frame; loading the libraries is not in it, nor is what follows here.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from app.domain.kinds import Kind
from app.domain.schema import RECORDS

_RECORD = RECORDS["stock", "ohlcv"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The first ``rows`` rows of ``topic``, which ends before offset ``end`` (without HTTP), or of the backtest at the
    coordinator ``web``. ``checked``: of how many first rows a digest is wanted."""

    topic: str
    end: int
    web: str
    backtest_id: str
    rows: int
    checked: tuple[int, ...]

    def as_json(self) -> str:
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Asked:
        found = orjson.loads(text)
        return cls(**{**found, "checked": tuple(found["checked"])})


def main(read: Callable[[Asked], pd.DataFrame]) -> None:
    """Read as the first argument says, and print rows, seconds, seconds of processor time and the digests."""
    asked = Asked.from_json(sys.argv[1])
    _warm_up()
    cpu, wall = time.process_time(), time.perf_counter()
    frame = read(asked)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    digests = {str(rows): digest(frame, rows) for rows in asked.checked if rows <= len(frame)}
    print(orjson.dumps({"rows": len(frame), "seconds": wall, "cpu": cpu, "digests": digests}).decode())


def digest(frame: pd.DataFrame, rows: int) -> str:
    """SHA-256 of the values of the first ``rows`` rows, column by column, in the record's own types: times are
    microseconds, whatever unit the frame's are of."""
    found = hashlib.sha256()
    for column in _RECORD.columns:
        values = frame[column.name].iloc[:rows]
        match column.kind:
            case Kind.STRING:
                content = "\n".join(values).encode()
            case Kind.TIMESTAMP:
                content = values.dt.as_unit("us").to_numpy("datetime64[us]").astype(np.int64).tobytes()
            case _:
                content = values.to_numpy(column.kind.dtype).tobytes()
        found.update(column.name.encode() + content)
    return found.hexdigest()


def _warm_up() -> None:
    """Frames of one row: pandas and pyarrow load parts of themselves only then."""
    pd.DataFrame([{"symbol": "A", "open": 1.0, "timestamp": pd.Timestamp(0, unit="us", tz="UTC").to_pydatetime()}])
    pa.table({"symbol": ["A"], "timestamp": pa.array([0], pa.timestamp("us", tz="UTC"))}).to_pandas()
