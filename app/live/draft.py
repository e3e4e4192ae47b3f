"""What the next transaction of the live role holds: rows of live topics, coverage and gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from app.domain.live import Gap
from app.kafka.writer import Mark, TransactionalWriter

Record = tuple[str, bytes, bytes | None]
#: Told the offsets of the first and the last row of a block.
Placed = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one topic in the order in which they are written; ``timestamps`` in milliseconds since 1970.

    ``keys`` is the key of all rows, or one for each.
    """

    keys: bytes | Sequence[bytes]
    messages: list[bytes]
    timestamps: list[int]
    placed: Placed | None = None


@dataclass(slots=True)
class _Rows:
    blocks: list[Block]
    ended: Callable[[int], None]


@dataclass(slots=True)
class Draft:
    """Filled during a turn, written as one; what was aborted is written again as it is."""

    rows: dict[str, _Rows] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    #: Records that need the offsets of rows.
    late_records: list[Callable[[], Record]] = field(default_factory=list)
    count: int = 0
    #: Gaps that are told of for the first or the last time: ``opened``, ``closed`` or ``failed``.
    gaps: list[tuple[str, Gap]] = field(default_factory=list)
    #: When the first of its frames arrived, a monotonic clock's seconds.
    arrived: float | None = None

    def __bool__(self) -> bool:
        return bool(self.rows or self.records or self.late_records)

    def add(self, topic: str, block: Block, ended: Callable[[int], None]) -> None:
        """Rows of a topic; ``ended`` is told the offset after the last of them once it is known."""
        if not block.messages:
            return
        self.count += len(block.messages)
        found = self.rows.get(topic)
        if found is None:
            self.rows[topic] = _Rows([block], ended)
        else:
            found.blocks.append(block)

    def record(self, topic: str, key: str, value: bytes | None) -> None:
        self.records.append((topic, key.encode(), value))

    def sizes(self) -> Iterator[tuple[str, int, int]]:
        """Topic, rows, and bytes of their messages."""
        for topic, rows in self.rows.items():
            for block in rows.blocks:
                yield topic, len(block.messages), sum(map(len, block.messages))

    def write(self, writer: TransactionalWriter) -> None:
        """Write everything into the open transaction. Raises what the writer does."""
        for topic, rows in self.rows.items():
            for block in rows.blocks:
                writer.rows(topic, block.keys, block.messages, block.timestamps, _marks(block, rows.ended))
        for topic, key, value in self.records:
            writer.record(topic, key, value, partition=0)
        # Marks are known, and refusals, once everything is with the broker.
        writer.flush()
        for make in self.late_records:
            topic, key, value = make()
            writer.record(topic, key, value, partition=0)


def _marks(block: Block, ended: Callable[[int], None]) -> dict[int, Mark]:
    """The first and the last row of a block say where they are."""
    end = len(block.messages) - 1
    placed = block.placed
    if placed is None:
        return {end: lambda offset: ended(offset + 1)}
    places: list[int] = []

    def first(offset: int) -> None:
        places.append(offset)

    def last(offset: int) -> None:
        ended(offset + 1)
        placed(places[0] if places else offset, offset)

    return {0: first, end: last} if end else {0: last}
