"""From the provider's JSON to one dict a row and its Avro message, as carefully as one row at a time allows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import fastavro
import httpx
import orjson

from bench.contestants.job import Job, Lot

_NEW_YORK = ZoneInfo("America/New_York")
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - New York's wall clock is subtracted from it, moved by its offset
_MICROSECOND = dt.timedelta(microseconds=1)


def client(job: Job) -> httpx.Client:
    return httpx.Client(base_url=job.url, timeout=120, trust_env=False)


def rows(http: httpx.Client, path: str, lot: Lot) -> Iterator[dict[str, Any]]:
    """The rows of a lot that are not empty; ``timestamp`` is in UTC microseconds, which is what fastavro writes."""
    parse = dt.datetime.fromisoformat
    for params in lot.requests:
        bars = orjson.loads(http.get(path, params=params).raise_for_status().content)["response"]
        if not bars:
            continue
        # One offset holds for a whole session, and finding it for each row would cost more than the row's encoding.
        offset = parse(bars[0]["timestamp"]).replace(tzinfo=_NEW_YORK).utcoffset()
        assert offset is not None
        epoch = _EPOCH + offset
        for bar in bars:
            if bar["count"] == 0 and bar["volume"] == 0:
                continue
            yield {
                "symbol": lot.ticker,
                "timestamp": (parse(bar["timestamp"]) - epoch) // _MICROSECOND,
                "open": bar["open"],
                "high": bar["high"],
                "low": bar["low"],
                "close": bar["close"],
                "volume": bar["volume"],
                "count": bar["count"],
                "session_vwap": bar["vwap"],
            }


def encoder(job: Job) -> Callable[[dict[str, Any]], bytes]:
    """A row's message: frame and Avro body, by fastavro with a schema that was parsed once."""
    schema, frame = fastavro.parse_schema(job.schema), bytes.fromhex(job.frame)
    write = fastavro.schemaless_writer

    def encode(row: dict[str, Any]) -> bytes:
        buffer = BytesIO()
        buffer.write(frame)
        write(buffer, schema, row)
        return buffer.getvalue()

    return encode
