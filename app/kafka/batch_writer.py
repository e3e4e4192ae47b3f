"""The fenced, transactional writer whose rows go out as record batches made of whole columns.

It promises what ``TransactionalWriter`` does and is used in its place. librdkafka takes one message at a time, which is
more than half of what the history role's processor does; aiokafka takes whole batches (``send_batch``), and this writer
uses its transactions, its retries and its connections. What differs: after a batch that the brokers did not take, the
sequence numbers of its partition have a gap that aiokafka does not mend, so the writer is finished (``LogError``)
instead of the transaction alone, and its owner begins anew.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from app.domain.receipt import BodyDigest
from app.domain.rows import Rows
from app.errors import Fenced, LogError
from app.kafka.batches import Batch, Keys, batches
from app.kafka.config import MAX_MESSAGE_BYTES
from app.kafka.counts import COMMIT_SECONDS, FENCES, TRANSACTIONS
from app.kafka.faust_credentials import faust_credentials
from app.kafka.loop import client_loop
from app.kafka.writer import TRANSACTION_TIMEOUT, Mark
from app.settings import Settings

logger = logging.getLogger(__name__)

#: Batches that are made and not acknowledged yet, at most: one under way, one behind it, and what is being made.
_UNDER_WAY = 4
#: Seconds after which batches that are not through are looked at.
_STALL = 2.0
#: Topics whose metadata is kept until the next transaction, about.
_TOPICS = 64
#: Bytes of control records that go into one batch.
_BATCH_BYTES = 1 << 18
#: Seconds that a producer has to stop, and then its client to close its connections.
_STOPPING, _CLOSING = 4.0, 2.0
T = TypeVar("T")
Record = tuple[str, bytes | None, bytes | None, int | None, list[tuple[str, bytes | None]] | None]


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch under way, and what is to be told of the offsets of its rows."""

    topic: str
    future: Future[int]
    marks: list[tuple[int, Mark]]


class _Built:
    """A finished batch, as aiokafka's sender takes one: what it calls of a ``BatchBuilder``."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._state = (-1, -1, -1)
        self._wire: bytes | None = None

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._state = producer_id, producer_epoch, base_sequence

    def _build(self) -> bytes:
        if self._wire is None:
            self._wire = self._batch.wire(*self._state)
        return self._wire

    def record_count(self) -> int:
        return self._batch.count

    def closed(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing is ever added."""


class BatchWriter:
    """A producer under a transactional id. Not for several threads; its client runs in the loop of ``client_loop``."""

    def __init__(self, settings: Settings, transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self._settings = settings
        self._loop = client_loop()
        self._producer: Any = None
        self._turn: asyncio.Lock | None = None
        self._on_stall: Callable[[], None] = lambda: None
        self._sent: list[_Sent] = []
        self._records: list[Record] = []
        self._written: dict[tuple[str, int], int] = {}
        #: Topics whose metadata the client keeps.
        self._topics: set[str] = set()
        #: By record type, how many rows fit into a batch where the usual number does not.
        self._fitting: dict[str, int] = {}
        self._finished: str | None = None

    def open(self, timeout: float = 30.0) -> float:
        """Fence the former holder. The seconds it took. Raises ``Fenced`` or ``LogError``."""
        begun = time.monotonic()
        self._call("take over", self._start(), timeout)
        return time.monotonic() - begun

    async def _start(self) -> None:
        self._turn = asyncio.Lock()
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            **credentials_to_aiokafka_auth(faust_credentials(self._settings)),
            client_id=self._settings.app_id,
            transactional_id=self.transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT * 1000,
            compression_type="lz4",
            max_batch_size=_BATCH_BYTES,
            max_request_size=MAX_MESSAGE_BYTES,
        )
        await self._producer.start()

    def begin(self, on_stall: Callable[[], None] = lambda: None) -> None:
        """Begin a transaction. ``on_stall`` is called whenever the broker has taken nothing for some seconds and may
        raise."""
        self._on_stall = on_stall
        self._sent, self._records = [], []
        self._call("begin a transaction", self._begin())

    async def _begin(self) -> None:
        if len(self._topics) > _TOPICS and self._written:
            # Each topic that is new is asked for together with all others: with thousands of series more and more.
            self._topics = {topic for topic, _ in self._written}
            self._producer.client.set_topics(self._topics)
        await self._producer.begin_transaction()

    def series_rows(
        self, topic: str, rows: Rows, frame: bytes, symbol: str, marks: Mapping[int, Mark], digest: BodyDigest
    ) -> None:
        """Write the rows of one series to partition 0, and add their bodies to ``digest``.

        ``marks`` asks for the offsets of some rows, by index; they are known after ``flush``. Raises what encoding
        raises, and ``LogError``.
        """
        at, ordered = 0, sorted(marks.items())
        for batch, bodies in batches(rows, frame, Keys.of(rows, symbol), self._fitting):
            self._room()
            here = [(index - at, mark) for index, mark in ordered if at <= index < at + batch.count]
            future = asyncio.run_coroutine_threadsafe(self._send(topic, _Built(batch)), self._loop)
            self._sent.append(_Sent(topic, future, here))
            at += batch.count
            digest.update_flat(bodies.buffer, bodies.sizes, batch.count)

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
        self._records.append((topic, key, value, None if partition < 0 else partition, headers))

    def flush(self, timeout: float = 30.0) -> None:
        """Wait until the broker has everything, so that all marks are known.

        Raises ``LogError`` when something was not delivered, and what ``on_stall`` raises.
        """
        records, self._records = self._records, []
        waiting = asyncio.run_coroutine_threadsafe(self._send_records(records), self._loop) if records else None
        deadline = time.monotonic() + timeout
        for sent in self._sent:
            offset = self._delivered(sent.future, f"write to {sent.topic}", deadline)
            for index, mark in sent.marks:
                mark(offset + index)
        self._sent = []
        if waiting is not None:
            self._delivered(waiting, "write control records", deadline)

    @property
    def written(self) -> dict[tuple[str, int], int]:
        """By topic and partition, where the control records written so far end."""
        return dict(self._written)

    def commit(self, timeout: float = 30.0) -> None:
        """Make everything since ``begin`` visible, all of it or nothing.

        aiokafka repeats it until the broker has answered. Raises ``LogError`` when it does not: only a new producer
        under the same id can settle what became of it.
        """
        begun = time.monotonic()
        self.flush(timeout)
        self._call("commit", self._producer.commit_transaction(), timeout + TRANSACTION_TIMEOUT)
        TRANSACTIONS.add("committed")
        COMMIT_SECONDS.take(time.monotonic() - begun)

    def abort(self, timeout: float = 30.0) -> None:
        """Throw away everything since ``begin``. Raises ``LogError`` when that cannot be done with this writer."""
        failure = self._drop()
        if failure is not None:
            raise failure
        if self._finished is not None:
            raise LogError(f"{self.transactional_id} is begun anew: {self._finished}")
        self._call("abort", self._producer.abort_transaction(), timeout)
        TRANSACTIONS.add("aborted")

    def close(self) -> None:
        """Let go of the id and of the connections. What is uncommitted is left to the broker to abort.

        Raises nothing: whoever lets go of a writer has more to tidy up, and nothing can be done about this one.
        """
        self._drop()
        if self._producer is None:
            return
        stopping = asyncio.run_coroutine_threadsafe(self._stop(), self._loop)
        try:
            stopping.result(_STOPPING + _CLOSING + 1)
        except Exception:
            stopping.cancel()
            logger.warning("%s could not be closed", self.transactional_id, exc_info=True)

    async def _stop(self) -> None:
        """Stop the producer; the client is closed whatever becomes of that, or it would connect anew for ever."""
        producer = self._producer
        # Its own ``stop`` would wait until everything is delivered, which may be never. A sender that is cancelled
        # waits for its tasks, and leaves them alone when it is cancelled again: those that look for a coordinator which
        # is away, or wait for a batch that nobody takes any more, have no end of their own.
        _cancel_tasks_of(producer._sender)
        try:
            await self._end(producer.stop(), _STOPPING)
        finally:
            _cancel_tasks_of(producer._sender, producer._message_accumulator)
            await self._end(producer.client.close(), _CLOSING)

    async def _end(self, work: Coroutine[Any, Any, None], timeout: float) -> None:
        """Give some work at the end its time. Only being cancelled oneself is raised, not that the work was."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait([task], timeout=timeout)
        finally:
            in_time = task.done()
            task.cancel()
        if not in_time or task.cancelled() or task.exception() is not None:
            logger.debug("closing %s: %r", self.transactional_id, task)

    # --- in the loop -----------------------------------------------------------------------------------

    async def _send(self, topic: str, built: _Built) -> int:
        """Hand a batch over in its turn; the offset of its first row, once it is written."""
        assert self._turn is not None
        async with self._turn:
            self._topics.add(topic)
            # What is not asked for by name is forgotten with the next metadata.
            self._producer.client.add_topic(topic)
            delivered = await self._producer.send_batch(built, topic, partition=0)
        offset = int((await delivered).offset)
        if offset < 0:
            raise KafkaError("the broker does not know the offset any more")
        return offset

    async def _send_records(self, records: list[Record]) -> None:
        assert self._turn is not None
        async with self._turn:
            sent = [
                await self._producer.send(topic, value, key, partition, headers=headers)
                for topic, key, value, partition, headers in records
            ]
        written = await asyncio.gather(*sent)
        # Of a batch whose offset is not known, the first record's is -1 and the others' count on from there.
        if any(metadata.offset < 0 for metadata in written):
            raise KafkaError("the broker does not know the offset any more")
        for metadata in written:
            place = (metadata.topic, metadata.partition)
            self._written[place] = max(self._written.get(place, 0), metadata.offset + 1)

    def _drop(self) -> LogError | None:
        """Forget what is to be sent; a batch that still waits for its turn must not get into the next transaction.

        What finished the writer, if a batch was refused that nobody has looked at yet.
        """
        failure = None
        for sent in self._sent:
            # What is over cannot be cancelled.
            if sent.future.cancel() or sent.future.cancelled() or self._finished is not None:
                continue
            error = sent.future.exception()
            if error is not None:
                failure = self._failure(f"write to {sent.topic}", error)
        self._sent, self._records = [], []
        return failure

    # --- waiting for it --------------------------------------------------------------------------------

    def _room(self) -> None:
        """Wait until few enough batches are under way."""
        if len(self._sent) < _UNDER_WAY:
            return
        oldest = self._sent[-_UNDER_WAY]
        if not oldest.future.done():
            self._delivered(oldest.future, f"write to {oldest.topic}", time.monotonic() + TRANSACTION_TIMEOUT)

    def _delivered(self, future: Future[T], what: str, deadline: float) -> T:
        while True:
            try:
                found = future.result(_STALL)
            except TimeoutError as error:
                if _raised(future, error):
                    raise self._failure(what, error) from None
                # What is under way can be taken back by nobody: a transaction that is given up now needs a new writer.
                self._finished = f"could not {what} in time"
                self._on_stall()
                if time.monotonic() > deadline:
                    raise LogError(f"{self.transactional_id} {self._finished}") from None
            except (KafkaError, AssertionError) as error:
                raise self._failure(what, error) from None
            else:
                self._finished = None
                return found

    def _call(self, what: str, work: Coroutine[Any, Any, Any], timeout: float = 30.0) -> None:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            future.result(timeout)
        except TimeoutError as error:
            if _raised(future, error):
                raise self._failure(what, error) from None
            future.cancel()
            self._finished = f"could not {what} within {timeout:.0f} s"
            raise LogError(f"{self.transactional_id} {self._finished}") from None
        except (KafkaError, AssertionError) as error:
            raise self._failure(what, error) from None

    def _failure(self, what: str, error: BaseException) -> LogError:
        message = f"{self.transactional_id} could not {what}: {error!r}"
        self._finished = message
        if isinstance(error, ProducerFenced):
            FENCES.add()
            return Fenced(message)
        return LogError(message)


def _raised(future: Future[Any], error: TimeoutError) -> bool:
    """Whether what was waited for raised this, not the waiting: the two are of one kind."""
    return future.done() and not future.cancelled() and future.exception() is error


def _cancel_tasks_of(*owners: object) -> None:
    """Cancel the tasks of this loop that run methods of these; aiokafka keeps no list of them."""
    for task in asyncio.all_tasks():
        coroutine = task.get_coro()
        running = inspect.getcoroutinelocals(coroutine).get("self") if inspect.iscoroutine(coroutine) else None
        if any(running is owner for owner in owners):
            task.cancel()
