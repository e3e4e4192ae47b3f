"""The fenced, transactional writer: what the owner of a partition writes with.

One process at a time holds a ``transactional.id``; ``open`` throws the former holder out and aborts what it left
unfinished (KIP-98). A writer belongs to one thread. After ``Fenced`` it is finished for good; after
``TransactionAborted`` the transaction may be done anew with the same writer.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat, starmap
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from app.avro.encode import encode
from app.domain.contracts import occ_keys
from app.domain.receipt import BodyDigest
from app.domain.rows import Rows
from app.errors import Fenced, LogError, TransactionAborted
from app.kafka.config import MAX_MESSAGE_BYTES, client_config
from app.kafka.counts import COMMIT_SECONDS, FENCES, TRANSACTIONS, client_error
from app.settings import Settings

logger = logging.getLogger(__name__)

#: The broker aborts a transaction that has been open longer; nobody keeps one open for more than seconds.
TRANSACTION_TIMEOUT = 60
_QUEUE = 50_000
#: Seconds after which a flush that is not through is looked at.
_STALL = 2.0
_BATCH = 10_000
#: Rows that are messages at the same time: as objects they take a multiple of what they are as columns.
_ENCODED = 1 << 15
_FENCES = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)

#: Called with the offset of the row it was set on, once the broker has it.
Mark = Callable[[int], None]


class TransactionalWriter:
    """A producer under a transactional id. Not for several threads."""

    def __init__(self, settings: Settings, transactional_id: str, *, linger_ms: int = 5) -> None:
        """``linger_ms``: how long a record waits for company; for who does not commit at once."""
        self.transactional_id = transactional_id
        self._fatal: str | None = None
        self._finished = False
        self._on_stall: Callable[[], None] = lambda: None
        self._failed: dict[str, str] = {}
        self._written: dict[tuple[str, int], int] = {}
        self._producer = Producer(
            client_config(settings)
            | {
                "transactional.id": transactional_id,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT * 1000,
                "linger.ms": linger_ms,
                "compression.type": "lz4",
                "queue.buffering.max.messages": _QUEUE,
                "message.max.bytes": MAX_MESSAGE_BYTES,
                # Topics are in the metadata before anything is written to them: one that is not any more was deleted.
                "topic.metadata.propagation.max.ms": 5000,
                # The Java clients' partitioner, so that a key lies where Faust and Streams expect it.
                "partitioner": "murmur2_random",
                "error_cb": self._on_error,
            }
        )

    def open(self, timeout: float = 30.0) -> float:
        """Fence the former holder. The seconds it took. Raises ``Fenced`` or ``LogError``."""
        begun = time.monotonic()
        with self._translated("take over"):
            self._producer.init_transactions(timeout)
        return time.monotonic() - begun

    def begin(self, on_stall: Callable[[], None] = lambda: None) -> None:
        """Begin a transaction. ``on_stall`` is called whenever the broker has taken nothing for some seconds and may
        raise: librdkafka holds records for a deleted topic back until their time-out."""
        self._failed.clear()
        self._on_stall = on_stall
        with self._translated("begin a transaction"):
            self._producer.begin_transaction()

    def rows(
        self,
        topic: str,
        keys: bytes | Sequence[bytes],
        messages: Sequence[bytes],
        timestamps: Sequence[int],
        marks: Mapping[int, Mark],
    ) -> None:
        """Write the rows of one series to partition 0; ``timestamps`` are in milliseconds since 1970.

        ``keys`` is the key of all rows, or one for each.

        ``marks`` asks for the offsets of some rows, by index; they are known after ``flush``.
        """
        at = 0
        with self._translated(f"write to {topic}"):
            for index in sorted(marks):
                self._bulk(topic, keys, messages, timestamps, at, index)
                self._room(1)
                report = self._report(topic, marks[index])
                key = keys if isinstance(keys, bytes) else keys[index]
                self._producer.produce(topic, messages[index], key, 0, report, None, timestamps[index])
                at = index + 1
            self._bulk(topic, keys, messages, timestamps, at, len(messages))

    def series_rows(
        self, topic: str, rows: Rows, frame: bytes, symbol: str, marks: Mapping[int, Mark], digest: BodyDigest
    ) -> None:
        """Write the rows of one series to partition 0, and add their bodies to ``digest``.

        Keys are ``symbol`` for stocks, the OCC symbol of each row for options of the root ``symbol``. ``marks`` asks
        for the offsets of some rows, by index; they are known after ``flush``. Raises what encoding raises.
        """
        for begin in range(0, len(rows), _ENCODED):
            some = rows.take(slice(begin, begin + _ENCODED))
            here = {index - begin: mark for index, mark in marks.items() if begin <= index < begin + len(some)}
            messages = encode(some, frame)
            keys = symbol.encode() if some.contracts is None else occ_keys(symbol, some.contracts)
            self.rows(topic, keys, messages, (some.timestamps // 1000).tolist(), here)
            digest.update([message[len(frame) :] for message in messages])

    def record(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int = -1,
        headers: list[tuple[str, bytes | None]] | None = None,
    ) -> None:
        """Write one control record; ``partition`` -1 goes by the key. ``written`` knows its offset later."""
        with self._translated(f"write to {topic}"):
            self._room(1)
            report = self._report(topic, None)
            if headers:
                self._producer.produce(topic, value, key, partition, report, headers=headers)
            else:
                self._producer.produce(topic, value, key, partition, report)

    def flush(self, timeout: float = 30.0) -> None:
        """Wait until the broker has everything, so that all marks are known.

        Raises ``TransactionAborted`` when something was not delivered, and what ``on_stall`` raises.
        """
        deadline = time.monotonic() + timeout
        with self._translated("write"):
            left = self._producer.flush(_STALL)
            while left and time.monotonic() < deadline:
                self._on_stall()
                left = self._producer.flush(_STALL)
        if left:
            raise TransactionAborted(f"the broker did not take {left} records within {timeout:.0f} s")
        if self._failed:
            topic, why = next(iter(self._failed.items()))
            raise TransactionAborted(f"{topic} does not take records: {why}")

    @property
    def written(self) -> dict[tuple[str, int], int]:
        """By topic and partition, where the control records written so far end.

        A commit returns before its markers are in every partition, so the end of a log says nothing yet of one's
        own last transaction: who wants to read it waits for these offsets.
        """
        return dict(self._written)

    def commit(self, timeout: float = 30.0) -> None:
        """Make everything since ``begin`` visible, all of it or nothing.

        A commit that times out is repeated: its outcome is open until the broker has answered, and a new
        transaction before that could write the same rows twice.
        """
        begun = time.monotonic()
        deadline = begun + timeout + TRANSACTION_TIMEOUT
        while True:
            try:
                with self._translated("commit"):
                    self._producer.commit_transaction(timeout)
                TRANSACTIONS.add("committed")
                COMMIT_SECONDS.take(time.monotonic() - begun)
                return
            except _Again:
                if time.monotonic() > deadline:
                    # Only a new producer under the same id can settle what became of it.
                    raise LogError("the broker left a commit undecided") from None

    def abort(self, timeout: float = 30.0) -> None:
        """Throw away everything since ``begin``."""
        with self._translated("abort"):
            self._producer.abort_transaction(timeout)
        TRANSACTIONS.add("aborted")

    def close(self) -> None:
        """Let go of the id and of the threads. What is uncommitted is left to the broker to abort."""
        try:
            self._producer.purge()
            self._producer.close(5)
        except (KafkaException, RuntimeError) as error:
            logger.debug("closing %s: %s", self.transactional_id, error)

    def _bulk(
        self,
        topic: str,
        keys: bytes | Sequence[bytes],
        messages: Sequence[bytes],
        timestamps: Sequence[int],
        at: int,
        end: int,
    ) -> None:
        for begin in range(at, end, _BATCH):
            stop = min(begin + _BATCH, end)
            # A full queue in the middle of a batch would lose the place; so there is room before it begins.
            self._room(stop - begin)
            # Positions, for they cost half of what keywords do: ``callback`` and its alias ``on_delivery`` stand
            # between the partition and the timestamp, whatever the documentation says.
            none = repeat(None)
            each = repeat(keys) if isinstance(keys, bytes) else keys[begin:stop]
            rows = zip(repeat(topic), messages[begin:stop], each, repeat(0), none, none, timestamps[begin:stop])
            deque(starmap(self._producer.produce, rows), maxlen=0)
            self._producer.poll(0)

    def _room(self, count: int) -> None:
        if len(self._producer) + count <= _QUEUE:
            return
        began = looked = time.monotonic()
        held = len(self._producer)
        while len(self._producer) + count > _QUEUE:
            self._producer.poll(0.05)
            now = time.monotonic()
            if len(self._producer) < held:
                held, looked = len(self._producer), now
            elif now - looked > _STALL:
                looked = now
                self._on_stall()
            if self._fatal is not None or now - began > TRANSACTION_TIMEOUT:
                raise TransactionAborted(f"the broker does not take records ({self._fatal or 'queue full'})")

    def _report(self, topic: str, mark: Mark | None) -> Callable[[Any, Any], None]:
        def delivered(error: KafkaError | None, message: Any) -> None:
            if error is not None:
                # No repr and no str of the error: librdkafka may call this with an exception already set.
                self._failed.setdefault(topic, _reason(error))
            elif mark is not None:
                mark(message.offset())
            else:
                place = (topic, message.partition())
                self._written[place] = max(self._written.get(place, 0), message.offset() + 1)

        return delivered

    def _on_error(self, error: KafkaError) -> None:
        client_error(error)
        if error.fatal():
            self._fatal = _reason(error)

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except KafkaException as exception:
            error = exception.args[0]
            message = f"{self.transactional_id} could not {what}: {error.str()}"
            if error.fatal() or error.code() in _FENCES:
                if not self._finished:
                    self._finished = True
                    FENCES.add()
                raise Fenced(message) from None
            if error.txn_requires_abort():
                raise TransactionAborted(message) from None
            if error.retriable() and what == "commit":
                raise _Again(message) from None
            raise LogError(message) from None


class _Again(LogError):
    """The same call is to be made again."""


def _reason(error: KafkaError) -> str:
    try:
        return str(error.str())
    except SystemError:
        return "unknown error"
