"""A log in the place of the one that an index follows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from app.kafka import log_index
from app.kafka.log import Record
from app.kafka.log_index import LogIndex

L = TypeVar("L", bound="FollowedLog")
X = TypeVar("X", bound=LogIndex)


class FollowedLog:
    """In the place of the follower: what a test puts is what has been read."""

    def __init__(self, _settings: Any, _partitions: Any, apply: Callable[[Record], None], **_: Any) -> None:
        self.apply = apply
        self.offsets = itertools.count()

    def put(self, log: str, key: str, value: bytes | None) -> None:
        self.apply(Record(log, 0, next(self.offsets), 0, key.encode(), value))


def following(monkeypatch: pytest.MonkeyPatch, log: type[L], index: Callable[[], X]) -> tuple[X, L]:
    """An index that follows such a log, and the log."""
    logs: list[L] = []
    monkeypatch.setattr(log_index, "LogFollower", lambda *args, **how: logs.append(log(*args, **how)) or logs[-1])
    return index(), logs[0]
