"""Comparing what the provider tells now with what it told when a series was written last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from app.avro.encode import encode
from app.domain.overlap import Overlap
from app.domain.rows import Rows
from app.errors import LogError, ProviderChanged, ProviderGlitch
from app.kafka.reader import read_window
from app.settings import Settings


def comparison(
    settings: Settings, topic: str, end: int, prefix: bytes, asked: Overlap, *, all_rows: bool
) -> Callable[[Rows], None]:
    """What is done with the rows of an overlap: whole encoded rows are compared, each as often as it occurs.

    ``end`` is the topic's offset up to which rows were committed. ``all_rows``: the topic holds no others in that span.
    What is returned raises ``ProviderChanged``.
    """

    def compare(rows: Rows) -> None:
        told = Counter(encode(rows, prefix)) if len(rows) else Counter[bytes]()
        there: Counter[bytes] = Counter()
        try:
            for values in read_window(settings, topic, asked.begin // 1000, asked.end // 1000, end):
                there.update(values)
        except LogError as error:
            raise ProviderGlitch(f"what was written before could not be compared: {error}") from None
        new, gone = told - there, there - told
        if new or (all_rows and gone):
            raise ProviderChanged(
                f"the provider now tells other rows of {asked.chunk.start} than were written before "
                f"({new.total()} new, {gone.total() if all_rows else 0} gone)"
            )

    return compare
