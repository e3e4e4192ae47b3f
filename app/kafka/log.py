"""Reading logs: a follower of whole topics without a group, and single records by their offset.

Everything is read ``read_committed``. How far a follower is counts by the position at the end of the partition,
never by the last record's offset + 1: transaction markers take offsets too.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import methodcaller

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from app.domain.dead_letters import UNREADABLE
from app.errors import LogError
from app.kafka.config import client_config
from app.settings import Settings

logger = logging.getLogger(__name__)

#: Seconds that partitions may be without a leader before it is an error.
_LEADERS = 20.0
#: Records that are read over rather than jumped over; a jump empties what librdkafka has fetched.
_FAR = 5_000
_NO_LEADER = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError._TIMED_OUT,
)


#: confluent-kafka gives a result with an error set for a name that is not UTF-8. The interpreter notices in a call
#: that it has not specialised, which this one never is; after many plain ones the error would come out anywhere.
_ask_headers = methodcaller("headers")


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies in the log. ``timestamp`` is in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def reader_config(settings: Settings) -> dict[str, object]:
    """A consumer that belongs to no group and commits nothing."""
    return client_config(settings) | {
        "group.id": f"{settings.app_id}-reader",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 100,
        "fetch.queue.backoff.ms": 1,
    }


class LogFollower:
    """Reads all partitions of some topics from a start offset on, in a thread of its own, for ever.

    ``apply`` is called in that thread, for one record at a time; what it raises is logged and the record passed
    over, so it should raise nothing.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: Iterable[tuple[str, int]],
        apply: Callable[[Record], None],
        *,
        start: Mapping[tuple[str, int], int] | None = None,
        on_idle: Callable[[], None] | None = None,
        measured: bool = False,
    ) -> None:
        """``measured``: keep ``behind`` up to date."""
        self._settings = settings
        self._partitions = list(partitions)
        self._apply = apply
        self._on_idle = on_idle
        self._start = dict(start or {})
        self._measured = measured
        self._ends: dict[tuple[str, int], int] = {}
        self._position: dict[tuple[str, int], int] = {}
        self._moved = threading.Condition()
        self._stop = threading.Event()
        self._admin = AdminClient(client_config(settings))
        name = "follow-" + "-".join(dict.fromkeys(topic for topic, _ in self._partitions))
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread that reads is there."""
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(10)

    @property
    def behind(self) -> int:
        """Offsets between what has been applied and the ends of the logs as of the last fetch, if that is measured."""
        return sum(max(0, end - self._position.get(key, end)) for key, end in list(self._ends.items()))

    def ends(self, partitions: Iterable[tuple[str, int]] | None = None) -> dict[tuple[str, int], int]:
        """The end of each partition for a read_committed reader. Raises ``LogError``."""
        wanted = self._partitions if partitions is None else list(partitions)
        spec = {TopicPartition(topic, p): OffsetSpec.latest() for topic, p in wanted}
        deadline = time.monotonic() + _LEADERS
        while True:
            futures = self._admin.list_offsets(spec, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=10)
            try:
                return {(tp.topic, tp.partition): future.result(15).offset for tp, future in futures.items()}
            except KafkaException as error:
                # A topic that has just been made, or a broker that has just come back, has no leaders yet.
                passing = error.args[0].retriable() or error.args[0].code() in _NO_LEADER
                if not passing or time.monotonic() > deadline or self._stop.wait(0.2):
                    raise LogError(f"the end of a log could not be read: {error.args[0].str()}") from None
                # A client keeps asking with the leader it knows until its metadata is old; a new one asks anew.
                self._admin = AdminClient(client_config(self._settings))

    def catch_up(self, timeout: float, partitions: Iterable[tuple[str, int]] | None = None) -> bool:
        """Wait until everything committed before this call has been applied; False on time-out or stop."""
        return self.wait_for(self.ends(partitions), timeout)

    def wait_for(self, targets: Mapping[tuple[str, int], int], timeout: float) -> bool:
        """Wait until the position of each partition is at least the given offset."""
        deadline = time.monotonic() + timeout
        with self._moved:
            while not self._stop.is_set():
                if all(self._position.get(key, -1) >= offset for key, offset in targets.items()):
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._moved.wait(min(left, 1.0))
        return False

    def wait_step(self, timeout: float) -> None:
        """Wait until something more has been applied, at most ``timeout`` seconds."""
        with self._moved:
            self._moved.wait(timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            consumer = None
            try:
                consumer = Consumer(reader_config(self._settings))
                self._follow(consumer)
            except KafkaException as error:
                logger.warning("reading %s failed, again in 1 s: %s", self._partitions[0][0], error.args[0].str())
                self._stop.wait(1)
            except Exception:
                # A log that nobody reads any more would be the worst of all faults: it looks like silence.
                logger.exception("reading %s failed, again in 1 s", self._partitions[0][0])
                self._stop.wait(1)
            finally:
                if consumer is not None:
                    consumer.close()

    def _follow(self, consumer: Consumer) -> None:
        consumer.assign(
            [
                TopicPartition(t, p, self._position.get((t, p), self._start.get((t, p), OFFSET_BEGINNING)))
                for t, p in self._partitions
            ]
        )
        while not self._stop.is_set():
            # The first one is waited for, and what else has come is taken along: consume() with a time-out
            # would wait for all 500.
            first = consumer.poll(0.5)
            messages = [] if first is None else [first, *consumer.consume(500, 0)]
            if self._measured:
                self._measure(consumer)
            for message in messages:
                error = message.error()
                key = (message.topic(), message.partition())
                if error is None:
                    self._apply_one(record_of(message))
                    self._position[key] = message.offset() + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._position[key] = max(self._position.get(key, 0), message.offset())
                elif error.code() in (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET):
                    # What lay there has expired; what is left begins at the log's own start.
                    self._position.pop(key, None)
                    self._start[key] = OFFSET_BEGINNING
                    raise KafkaException(error)
                elif error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise KafkaException(error)
                else:
                    logger.warning("reading %s: %s", message.topic(), error.str())
            with self._moved:
                self._moved.notify_all()
            if self._on_idle is not None:
                self._on_idle()

    def _measure(self, consumer: Consumer) -> None:
        for topic, partition in self._partitions:
            known = consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
            if known is not None and known[1] >= 0:
                self._ends[topic, partition] = known[1]

    def _apply_one(self, record: Record) -> None:
        try:
            self._apply(record)
        except Exception:
            logger.exception("%s[%d]@%d could not be applied", record.topic, record.partition, record.offset)


def read_records(
    settings: Settings, wanted: Iterable[tuple[str, int, int]], timeout: float = 10.0
) -> dict[tuple[str, int, int], Record]:
    """Single records by topic, partition and offset; those that are no longer there are left out.

    Raises ``LogError`` when nothing comes for ``timeout`` seconds.
    """
    left: dict[tuple[str, int], list[int]] = {}
    for topic, partition, offset in sorted(set(wanted), reverse=True):
        # Each list ends with the offset that comes first.
        left.setdefault((topic, partition), []).append(offset)
    found: dict[tuple[str, int, int], Record] = {}
    if not left:
        return found
    consumer = Consumer(reader_config(settings) | {"auto.offset.reset": "earliest", "fetch.wait.max.ms": 10})
    try:
        consumer.assign([TopicPartition(topic, p, offsets[-1]) for (topic, p), offsets in left.items()])
        deadline = time.monotonic() + timeout
        while left:
            for message in consumer.consume(1_000, 0.05):
                deadline = time.monotonic() + timeout
                _pick(consumer, message, left, found)
            if time.monotonic() > deadline:
                raise LogError(f"{len(left)} partitions could not be read within {timeout:.0f} s")
    except KafkaException as error:
        raise LogError(f"a record could not be read: {error.args[0].str()}") from None
    finally:
        consumer.close()
    return found


def _pick(
    consumer: Consumer,
    message: Message,
    left: dict[tuple[str, int], list[int]],
    found: dict[tuple[str, int, int], Record],
) -> None:
    """Take a message if it is a wanted one, and jump where the next one is far ahead."""
    key = (message.topic(), message.partition())
    error = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:
        raise KafkaException(error)
    if key not in left:
        return
    offsets = left[key]
    # Compaction may have taken a record: what lies before the present position is not there.
    while offsets and (offsets[-1] < message.offset() or error is not None):
        offsets.pop()
    if offsets and offsets[-1] == message.offset():
        offsets.pop()
        record = record_of(message)
        found[(*key, record.offset)] = record
    if not offsets:
        del left[key]
        consumer.pause([TopicPartition(*key)])
    elif offsets[-1] - message.offset() > _FAR:
        consumer.seek(TopicPartition(*key, offsets[-1]))


def record_of(message: Message) -> Record:
    """A message without an error as it lies in the log."""
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        _headers(message),
    )


def _headers(message: Message) -> tuple[tuple[str, bytes | None], ...]:
    try:
        return tuple(_ask_headers(message) or ())
    except (SystemError, UnicodeDecodeError):
        # Kafka takes any bytes for a header's name, confluent-kafka only UTF-8.
        return (UNREADABLE,)
