"""Comparing what the provider tells now with what it told when a series was written last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from app.avro.encode import encode
from app.domain.contracts import occ_keys
from app.domain.overlap import Overlap
from app.domain.records import SeriesRecord
from app.domain.rows import Rows
from app.errors import LogError, ProviderChanged, ProviderGlitch
from app.history.write import FRAME_BYTES
from app.kafka.reader import read_tail
from app.settings import Settings

#: Key and Avro body of a row.
_Row = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Written:
    """What of a series is in its topic: rows from offset ``first`` up to, not including, ``end``, in frames that begin
    with ``prefix``."""

    record: SeriesRecord
    first: int
    end: int
    prefix: bytes


def comparison(settings: Settings, written: Written, asked: Overlap) -> Callable[[Rows], None]:
    """What is done with the rows of an overlap: whole rows are compared, each as often as it occurs.

    What is returned raises ``ProviderChanged`` when the provider tells others than are there, and ``ProviderGlitch``
    when it tells none at all, as it does at night of a day that it is still putting away.
    """
    record = written.record

    def compare(rows: Rows) -> None:
        there, framed_alike = _there(settings, written, asked)
        told = _told(record, rows, written.prefix)
        if record.contracts is not None and record.contracts.strike_range is not None:
            # Which strikes these are is the provider's choice, and need not be the same for another part of the day.
            both = {key for key, _ in told} & {key for key, _ in there}
            told, there = (Counter({one: n for one, n in some.items() if one[0] in both}) for some in (told, there))
        if not told and there and asked.alone:
            raise ProviderGlitch(f"the provider tells nothing of {asked.chunk.start} any more")
        all_rows = asked.alone and record.empty_bars == "drop"
        new, gone = told - there, there - told
        # What was written under another schema is written otherwise, and says nothing.
        if framed_alike and (new or (all_rows and gone)):
            raise ProviderChanged(
                f"the provider now tells other rows of {asked.chunk.start} than were written before "
                f"({new.total()} new, {gone.total() if all_rows else 0} gone)"
            )

    return compare


def _told(record: SeriesRecord, rows: Rows, prefix: bytes) -> Counter[_Row]:
    if not len(rows):
        return Counter()
    symbol = record.name.symbol
    bodies = [message[FRAME_BYTES:] for message in encode(rows, prefix)]
    keys = [symbol.encode()] * len(rows) if rows.contracts is None else occ_keys(symbol, rows.contracts)
    return Counter(zip(keys, bodies, strict=True))


def _there(settings: Settings, written: Written, asked: Overlap) -> tuple[Counter[_Row], bool]:
    """The rows of the topic, and whether all of them are framed as they would be now."""
    begin = asked.begin // 1000
    try:
        found = read_tail(settings, written.record.topic, written.first, written.end, begin)
    except LogError as error:
        raise ProviderGlitch(f"what was written before could not be compared: {error}") from None
    rows = Counter((key, value[FRAME_BYTES:]) for key, value in found)
    return rows, all(value.startswith(written.prefix) for _, value in found)
