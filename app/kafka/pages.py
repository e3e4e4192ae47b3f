"""Reading a data topic page by page, as somebody asks for the next one: no thread of its own, and between two pages
nothing but the place where it goes on, if who asks takes a rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from app.errors import LogError, TopicGone
from app.kafka.log import reader_config
from app.kafka.reader import FAST
from app.memory import give_back
from app.settings import Settings

#: Messages of a page, and seconds that are waited for more once there are some. Larger pages read no faster, and hold
#: the interpreter and memory longer.
PAGE, _MORE = 8_192, 0.05
#: Seconds of one wait within the client, and for which a page may stay empty.
_SLICE, _EMPTY = 0.01, 0.5
#: Seconds without a message after which it is an error; and after which a topic that ends before the offset up to which
#: it is committed is taken for another one: the marker that shows rows to readers comes a moment after the
#: checkpoint's.
_PATIENCE, _MARKER = 30.0, 5.0
#: What is fetched ahead is the page that is read next and hardly more: many may read at once.
#: Each message waiting takes some 400 bytes beside its own; with more of them it is slower, not faster.
_SMALL = {"queued.max.messages.kbytes": 2_048, "fetch.message.max.bytes": 524_288, "queued.min.messages": 10_000}
_GONE = (
    KafkaError._AUTO_OFFSET_RESET,
    KafkaError.OFFSET_OUT_OF_RANGE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_TOPIC_ID,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
)


class Pages:
    """The committed messages of a data topic from an offset on. Threads may share it; calls wait for each other."""

    def __init__(self, settings: Settings, topic: str, at: int, size: int = PAGE) -> None:
        self._settings = settings
        self.topic = topic
        #: Where the next page begins, and how many messages it has.
        self.at = at
        self._size = size
        self._consumer: Consumer | None = None
        #: What was read of a page that is to be full.
        self._held: list[Message] = []
        #: What the client handed out although it lies beyond what was asked for: rows may be seen by readers before
        #: anybody has told that they are committed.
        self._over: list[Message] = []
        self._position = at
        self._closed = False
        #: When something came last, or was there to come for the first time; and up to where.
        self._last, self._end = 0.0, -1
        self._lock = threading.Lock()

    def next(self, end: int, *, full: bool = False) -> list[Message]:
        """The next messages before offset ``end``, up to a page of them; few or none when that takes long. All is read
        when ``at`` has come to ``end``. ``full``: a whole page or none, but for the last one, so that the pages are
        always the same.

        Raises ``TopicGone`` when the topic is not what it was, ``LogError`` when it cannot be read.
        """
        with self._lock, self._told():
            return [] if self._closed else self._next(end, full)

    def rest(self) -> None:
        """Give up everything but the place."""
        with self._lock:
            self._rest()

    def close(self) -> None:
        """Give up everything; nothing is read any more."""
        with self._lock:
            self._closed = True
            self._rest()

    def go(self, offset: int) -> None:
        """Go on from another place."""
        with self._lock:
            self._go(offset)

    def first_not_before(self, begin: int, low: int, high: int) -> int:
        """An offset from ``low`` to ``high`` before which all rows are older than ``begin`` (milliseconds since 1970),
        and from which on the first that is not comes within some thousands. Rows have to be in the order of their
        times. Raises as ``next`` does."""
        with self._lock, self._told():
            return low if self._closed else search(self._probe, begin, low, high)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise LogError(f"{self.topic} could not be read: {error.args[0].str()}") from None

    def _next(self, end: int, full: bool) -> list[Message]:
        consumer = self._open()
        begun = now = time.monotonic()
        if end != self._end:
            self._last, self._end = now, end
        while self._position < end and len(self._held) < self._size:
            room = self._size - len(self._held)
            some, self._over = self._over[:room], self._over[room:]
            some = some or consumer.consume(room, _SLICE)
            now = time.monotonic()
            if some and (taken := self._taken(some, end, now)):
                self._held += taken
                self._last = now
            if now - begun > (_MORE if self._held and not full else _EMPTY):
                break
        if self._position < end and time.monotonic() - self._last > _PATIENCE:
            raise LogError(f"{self.topic} could not be read up to offset {end} within {_PATIENCE:.0f} s")
        if full and self._position < end and len(self._held) < self._size:
            return []
        found, self._held = self._held, []
        self.at = self._position
        return found

    def _rest(self) -> None:
        self._held, self._over, self._position = [], [], self.at
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()
            del consumer
            give_back()

    def _go(self, offset: int) -> None:
        self._held, self._over, self._position, self.at = [], [], offset, offset
        if self._consumer is not None:
            self._consumer.assign([TopicPartition(self.topic, 0, offset)])

    def _probe(self, offset: int, end: int) -> tuple[int, int] | None:
        """Offset and time of the first row from ``offset`` on, before ``end``."""
        self._go(offset)
        deadline = time.monotonic() + _PATIENCE
        consumer = self._open()
        while time.monotonic() < deadline:
            for message in consumer.consume(1, 0.1):
                error = message.error()
                if error is None:
                    return (message.offset(), message.timestamp()[1]) if message.offset() < end else None
                if error.code() == KafkaError._PARTITION_EOF:
                    return None
                self._refused(error)
        raise LogError(f"{self.topic} could not be read at offset {offset} within {_PATIENCE:.0f} s")

    def _open(self) -> Consumer:
        if self._consumer is None:
            self._last = time.monotonic()
            self._consumer = Consumer(reader_config(self._settings) | FAST | _SMALL)
            self._consumer.assign([TopicPartition(self.topic, 0, self.at)])
        return self._consumer

    def _taken(self, some: list[Message], end: int, now: float) -> list[Message]:
        """The rows among what was consumed; moves the position on."""
        if any(map(Message.error, some)):
            some = [message for message in some if not self._is_end(message, end, now)]
        if not some:
            return some
        last = some[-1].offset()
        if last >= end:
            self._over = [message for message in some if message.offset() >= end] + self._over
            some = [message for message in some if message.offset() < end]
        self._position = min(last + 1, end)
        return some

    def _is_end(self, message: Message, end: int, now: float) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.code() != KafkaError._PARTITION_EOF:
            self._refused(error)
        if message.offset() >= end:
            self._position = end
        elif now - self._last > _MARKER:
            raise TopicGone(self.topic)
        return True

    def _refused(self, error: KafkaError) -> None:
        if error.code() in _GONE:
            raise TopicGone(self.topic)
        raise LogError(f"{self.topic} could not be read: {error.str()}")


def search(
    probe: Callable[[int, int], tuple[int, int] | None], begin: int, low: int, high: int, near: int = 4_000
) -> int:
    """Binary search over offsets, of which not every one has a row: ``probe`` gives offset and time of the first row
    from an offset on and before another one. Ends when at most ``near`` offsets are in question; the first of them."""
    while high - low > near:
        middle = (low + high) // 2
        found = probe(middle, high)
        if found is None or found[1] >= begin:
            high = middle
        else:
            low = found[0] + 1
    return low
