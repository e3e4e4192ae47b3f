"""The demo's two consumer groups, and the check of receipts against what is in the topics."""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from app.avro.registry import registry_login
from app.domain.receipt import BodyDigest
from app.domain.sessions import NEW_YORK
from app.kafka.config import reader_login
from app.kafka.reader import FAST, read_range
from app.settings import Settings

Row = dict[str, Any]


class Calculation(Protocol):
    """What a consumer group does with rows."""

    group: str

    def add(self, row: Row) -> None: ...


@dataclass
class MovingAverage:
    """Calculation 1: the moving average of the close over some bars; the last value of each symbol."""

    group: str
    bars: int
    values: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._window: dict[str, deque[float]] = {}

    def add(self, row: Row) -> None:
        window = self._window.setdefault(row["symbol"], deque(maxlen=self.bars))
        window.append(row["close"])
        self.values[row["symbol"]] = sum(window) / len(window)


@dataclass
class Day:
    """One session of one symbol, from its bars."""

    date: dt.date
    open: float
    high: float
    low: float
    close: float
    volume: int


@dataclass
class DailyRange:
    """Calculation 2: each session's open, high, low, close and volume."""

    group: str
    days: dict[str, list[Day]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        date = row["timestamp"].astimezone(NEW_YORK).date()
        days = self.days.setdefault(row["symbol"], [])
        if not days or days[-1].date != date:
            days.append(Day(date, row["open"], row["high"], row["low"], row["close"], 0))
        day = days[-1]
        day.high, day.low = max(day.high, row["high"]), min(day.low, row["low"])
        day.close, day.volume = row["close"], day.volume + row["volume"]


@dataclass
class Collected:
    """The rows themselves; for a handful."""

    group: str
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.rows.append(row)


@dataclass(frozen=True)
class GroupResult:
    """What one group read and made of it."""

    group: str
    rows: int
    calculation: Calculation


def read_group(settings: Settings, calculation: Calculation, topics: list[str]) -> GroupResult:
    """Read topics to their end as a consumer group, with nothing but public libraries."""
    decode = AvroDeserializer(SchemaRegistryClient(registry_login(settings)))
    consumer = Consumer(
        FAST
        | reader_login(settings)
        | {
            "group.id": calculation.group,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe(topics)
    left, rows = set(topics), 0
    try:
        while left:
            for message in consumer.consume(5_000, 0.1):
                error = message.error()
                if error is None:
                    calculation.add(decode(message.value(), SerializationContext(message.topic(), MessageField.VALUE)))
                    rows += 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.topic())
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()
    return GroupResult(calculation.group, rows, calculation)


def verify(settings: Settings, receipts: list[dict[str, Any]]) -> dict[str, bool]:
    """Whether each topic holds what its receipt says: rows and digest, computed anew from the messages."""
    fine: dict[str, bool] = {}
    for receipt in receipts:
        start, end = receipt["offsets"]["0"]
        digest, rows = BodyDigest(), 0
        for values in read_range(settings, receipt["topic"], start, end):
            digest.update([value[5:] for value in values])
            rows += len(values)
        fine[receipt["topic"]] = rows == receipt["rows"] and digest.hex() == receipt["sha256"]
    return fine
