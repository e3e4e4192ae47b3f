"""How much a reader asks for: never more than is still to come."""

from __future__ import annotations

from typing import Any, cast

import pytest
from confluent_kafka import Consumer

from app.errors import LogError
from app.kafka import reader


class Message:
    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        return self._offset

    def error(self) -> None:
        """None."""


class Log:
    """A consumer of a log that goes on behind ``end``; like librdkafka it would wait where there is not enough."""

    def __init__(self, end: int, missing: frozenset[int] = frozenset()) -> None:
        self.asked: list[int] = []
        self._offsets = [offset for offset in range(end) if offset not in missing]

    def assign(self, places: list[Any]) -> None:
        self._offsets = [offset for offset in self._offsets if offset >= places[0].offset]

    def consume(self, count: int, _timeout: float) -> list[Message]:
        self.asked.append(count)
        given, self._offsets = self._offsets[:count], self._offsets[count:]
        return [Message(offset) for offset in given]


def read(log: Log, start: int, end: int, timeout: float = 5.0) -> list[int]:
    found = reader._messages(cast(Consumer, log), "rows", 0, start, end, timeout)
    return [cast(int, message.offset()) for some in found for message in some]


def test_no_more_is_asked_for_than_is_still_to_come() -> None:
    log = Log(end=30_000)
    assert read(log, 5, 20_010) == list(range(5, 20_010))
    assert log.asked == [10_000, 10_000, 5]


def test_offsets_that_hold_no_row_are_passed_over() -> None:
    log = Log(end=30_000, missing=frozenset({3, 7}))
    assert read(log, 0, 10) == [0, 1, 2, 4, 5, 6, 8, 9]


def test_what_does_not_come_is_told() -> None:
    with pytest.raises(LogError, match="could not be read up to offset 9"):
        read(Log(end=8), 0, 9, timeout=0.05)
