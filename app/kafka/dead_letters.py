"""The dead-letter queue as an operator reads it, and submitting its letters again.

All of it works against the brokers alone: no process of the platform need be up.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from app.domain.dead_letters import UNDECIDED, DeadLetter, Message, Outcome, outcome_of, read_letter, resubmitted_from
from app.domain.records import POSITION_KEY
from app.errors import LogError
from app.kafka.config import client_config
from app.kafka.log import Record, read_records, reader_config, record_of
from app.kafka.topics import BACKTESTS, DLQ, REQUESTS, Topics
from app.settings import Settings

#: Seconds without a message after which a log counts as unreadable.
_PATIENCE = 20.0
#: A message that was compressed below the brokers' limit may be larger than it, and is compressed again.
_LARGEST = 1_000_000_000


def check_topics(settings: Settings) -> None:
    """Raise ``LogError`` when the topics are not there: reading them would wait for ever."""
    missing = {DLQ, REQUESTS, BACKTESTS} - Topics(settings).existing([DLQ, REQUESTS, BACKTESTS])
    if missing:
        raise LogError(
            f"topic {min(missing)} is not at {settings.kafka_bootstrap_servers}: "
            "the first coordinator that starts makes it, or the brokers are another platform's"
        )


def latest_letters(settings: Settings, limit: int) -> list[DeadLetter]:
    """The latest ``limit`` dead letters, the newest last."""
    begin, end = _bounds(settings, DLQ)
    # Markers of transactions take offsets too; letters are one or more to a transaction.
    span = 2 * limit
    while True:
        start = max(begin, end - span)
        found = deque(letters(settings, start), maxlen=limit)
        if len(found) == limit or start == begin:
            return list(found)
        span *= 4


def letters(settings: Settings, start: int = 0) -> Iterator[DeadLetter]:
    """The dead letters from an offset on that are there now, in their order."""
    for record in _until_end(settings, DLQ, start):
        letter = read_letter(record)
        if letter is not None:
            yield letter


def letters_at(settings: Settings, offsets: Iterable[int]) -> dict[int, DeadLetter]:
    """The dead letters at these offsets; those that are not there are left out."""
    wanted = [(DLQ, 0, offset) for offset in offsets if offset >= 0]
    found = {place[2]: read_letter(record) for place, record in read_records(settings, wanted).items()}
    return {offset: letter for offset, letter in found.items() if letter is not None}


def sources_of(settings: Settings, wanted: Sequence[DeadLetter]) -> dict[int, Record]:
    """The messages themselves, by the offset of their letter, as far as they still lie on ``requests``."""
    ours = [one for one in wanted if one.source[:2] == (REQUESTS, 0)]
    found = read_records(settings, [one.source for one in ours])
    # A topic that was made anew has other messages at the same offsets.
    return {
        one.offset: record
        for one in ours
        if (record := found.get(one.source)) is not None and record.timestamp == one.source_timestamp
    }


def submitted_again(settings: Settings, start: int = 0) -> set[str]:
    """The places of the letters of which a message lies on ``requests``, from an offset on: whatever was submitted
    again lies behind its source. Messages stay there for 30 days."""
    found = (resubmitted_from(record.headers) for record in _until_end(settings, REQUESTS, start))
    return {place for place in found if place is not None}


def publish(settings: Settings, messages: Sequence[Message]) -> list[int | str]:
    """Put messages on ``requests`` in their order; the offset of each, or why the brokers did not take it.

    Raises ``LogError`` when they do not answer: then nothing is known of the messages.
    """
    told: list[int | str | None] = [None] * len(messages)
    producer = Producer(
        client_config(settings)
        | {
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 0,
            "compression.type": "zstd",
            "message.max.bytes": _LARGEST,
            "delivery.timeout.ms": 60_000,
        }
    )
    for at, message in enumerate(messages):

        def report(error: KafkaError | None, taken: Any, at: int = at) -> None:
            told[at] = taken.offset() if error is None else error.str()

        try:
            producer.produce(REQUESTS, message.value, message.key, 0, on_delivery=report, headers=list(message.headers))
        except KafkaException as error:
            told[at] = error.args[0].str()
        # One after the other, so that one which is too large does not hold up those behind it.
        producer.flush(70)
    if None in told:
        raise LogError("the brokers do not answer; whether they took the messages is not known: look with dlq list")
    return [one for one in told if one is not None]


@dataclass
class Decisions:
    """Watches what becomes of messages: from before they are published to their decision."""

    settings: Settings
    _position: int = -1
    _accepted: dict[int, str] = field(default_factory=dict)
    _letters: dict[int, DeadLetter] = field(default_factory=dict)

    def __enter__(self) -> Decisions:
        self._consumer = Consumer(reader_config(self.settings))
        self._ends = {topic: _bounds(self.settings, topic)[1] for topic in (BACKTESTS, DLQ)}
        self._reached = dict(self._ends)
        self._consumer.assign([TopicPartition(topic, 0, offset) for topic, offset in self._ends.items()])
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def wait(self, sent: Mapping[int, Message], timeout: float) -> dict[int, Outcome]:
        """The outcome of messages by their offset in ``requests``. After ``timeout`` seconds it is not decided yet."""
        deadline = time.monotonic() + timeout
        last = max(sent, default=-1)
        while self._position < last and time.monotonic() < deadline:
            self._read()
        if any(offset <= self._position for offset in sent):
            # A decision's records are in both topics before either shows it, but may not show in both at once.
            end = _bounds(self.settings, DLQ)[1]
            while self._reached[DLQ] < end and time.monotonic() < deadline + _PATIENCE:
                self._read()
        return {
            offset: outcome_of(message, self._accepted.get(offset), self._letters.get(offset))
            if offset <= self._position
            else Outcome(UNDECIDED)
            for offset, message in sent.items()
        }

    def _read(self) -> None:
        first = self._consumer.poll(0.2)
        for message in [] if first is None else [first, *self._consumer.consume(500, 0)]:
            error = message.error()
            if error is None:
                self._take(record_of(message))
                self._reached[message.topic()] = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._reached[message.topic()] = max(self._reached[message.topic()], message.offset())
            elif error.fatal():
                raise LogError(f"the decision could not be read: {error.str()}")

    def _take(self, record: Record) -> None:
        if record.topic == DLQ:
            letter = read_letter(record)
            if letter is not None:
                self._letters[letter.source_offset] = letter
        elif record.key == POSITION_KEY.encode():
            self._position = max(self._position, int(record.value or b"-1"))
        elif record.key is not None and record.value is not None:
            run = orjson.loads(record.value).get("run")
            if isinstance(run, int):
                self._accepted[run] = record.key.decode()


def _bounds(settings: Settings, topic: str) -> tuple[int, int]:
    """Where a topic's partition begins and ends, committed or not."""
    consumer = Consumer(reader_config(settings))
    try:
        begin, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=_PATIENCE)
        return int(begin), int(end)
    except KafkaException as error:
        raise LogError(f"the end of {topic} could not be read: {error.args[0].str()}") from None
    finally:
        consumer.close()


def _until_end(settings: Settings, topic: str, start: int) -> Iterator[Record]:
    """The records of partition 0 from an offset on, or from the topic's begin if that is later, up to what its end is
    when this begins. Raises ``LogError``."""
    end = _bounds(settings, topic)[1]
    consumer = Consumer(reader_config(settings) | {"auto.offset.reset": "earliest"})
    try:
        consumer.assign([TopicPartition(topic, 0, start if start > 0 else OFFSET_BEGINNING)])
        deadline = time.monotonic() + _PATIENCE
        at = start
        while at < end:
            message = consumer.poll(0.5)
            if message is None:
                if time.monotonic() > deadline:
                    raise LogError(f"{topic} could not be read up to offset {end} within {_PATIENCE:.0f} s")
                continue
            deadline = time.monotonic() + _PATIENCE
            error = message.error()
            if error is None:
                at = message.offset() + 1
                if message.offset() < end:
                    yield record_of(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                # Behind it there may be what is not committed yet, and nobody knows whether it will be.
                return
            else:
                raise KafkaException(error)
    except KafkaException as error:
        raise LogError(f"{topic} could not be read: {error.args[0].str()}") from None
    finally:
        consumer.close()
