"""The writer of batches where its client fails it: what is raised, what it remembers, and that it lets go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import CoordinatorNotAvailableError, KafkaError, MessageSizeTooLargeError, ProducerFenced

from app.avro.encode import frame
from app.domain.receipt import BodyDigest
from app.domain.schema import STOCK_EOD
from app.errors import Fenced, LogError
from app.kafka import batch_writer
from app.kafka.batch_writer import BatchWriter
from app.kafka.batches import batches
from app.settings import load
from tests.unit.avro.reference import simple_rows, table

TOPIC = "rows"


@pytest.fixture
def writer() -> BatchWriter:
    made = BatchWriter(load(), "test")
    in_loop(made, turn(made))
    return made


async def turn(writer: BatchWriter) -> None:
    writer._turn = asyncio.Lock()


def in_loop(writer: BatchWriter, work: Coroutine[Any, Any, Any], timeout: float = 10.0) -> Any:
    return asyncio.run_coroutine_threadsafe(work, writer._loop).result(timeout)


def put(writer: BatchWriter, count: int = 3) -> None:
    writer.series_rows(TOPIC, table(STOCK_EOD, simple_rows(STOCK_EOD, count)), frame(7), "AAPL", {}, BodyDigest())


# --- letting go of a client that hangs ------------------------------------------------------------------


def tasks_of_the_client(writer: BatchWriter) -> set[str]:
    async def listed() -> set[str]:
        return {repr(task) for task in asyncio.all_tasks() if "aiokafka" in repr(task.get_coro())}

    return in_loop(writer, listed())


class Hanging:
    """A true producer that is in a transaction, connected to nobody: its coordinator is away, and so is the leader of
    the partition that it writes to."""

    def __init__(self, writer: BatchWriter) -> None:
        self.writer = writer
        self.closed = 0
        in_loop(writer, self._start())

    async def _start(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", transactional_id="test")
        client, cluster, state = producer.client, producer.client.cluster, producer._txn_manager
        client.coordinator_lookup = self._nobody
        client.force_metadata_update = lambda: asyncio.ensure_future(asyncio.sleep(0.01))
        client._sync_task = asyncio.ensure_future(asyncio.Event().wait())
        self._close, client.close = client.close, self._counted
        cluster.partitions_for_topic = lambda _: {0}
        cluster.leader_for_partition = lambda _: None
        state.set_pid_and_epoch(1, 0)
        await producer._sender.start()
        state.begin_transaction()
        # The broker knows of the partition.
        place = TopicPartition(TOPIC, 0)
        state.maybe_add_partition_to_txn(place)
        state.partition_added(place)
        self.producer = self.writer._producer = producer

    async def _nobody(self, *_: object) -> int:
        raise CoordinatorNotAvailableError

    async def _counted(self) -> None:
        self.closed += 1
        await self._close()

    def assert_let_go(self, before: set[str]) -> None:
        assert self.closed
        assert self.producer.client._sync_task is None
        deadline = time.monotonic() + 5
        while left := tasks_of_the_client(self.writer) - before:
            assert time.monotonic() < deadline, left
            time.sleep(0.01)


def test_the_client_is_closed_while_the_coordinator_is_away(writer: BatchWriter) -> None:
    before = tasks_of_the_client(writer)
    hanging = Hanging(writer)
    with pytest.raises(LogError, match="could not abort within 0 s"):
        writer.abort(timeout=0.3)
    writer.close()
    hanging.assert_let_go(before)


def test_the_client_is_closed_while_a_batch_waits_that_nobody_takes(writer: BatchWriter) -> None:
    before = tasks_of_the_client(writer)
    hanging = Hanging(writer)
    put(writer)
    with pytest.raises(LogError, match="could not abort within 0 s"):
        writer.abort(timeout=0.3)
    begun = time.monotonic()
    writer.close()
    assert time.monotonic() - begun < 6
    hanging.assert_let_go(before)


@pytest.mark.parametrize("fault", [RuntimeError, KafkaError, TimeoutError, asyncio.CancelledError, None])
def test_the_client_is_closed_whatever_stopping_comes_to(
    writer: BatchWriter, fault: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_writer, "_STOPPING", 0.2)
    before = tasks_of_the_client(writer)
    hanging = Hanging(writer)

    async def stop() -> None:
        hanging.producer._closed = True
        if fault is not None:
            raise fault
        await asyncio.Event().wait()

    hanging.producer.stop = stop
    writer.close()
    hanging.assert_let_go(before)


def test_closing_raises_nothing(writer: BatchWriter, caplog: pytest.LogCaptureFixture) -> None:
    writer._producer = object()
    writer.close()
    assert "test could not be closed" in caplog.text


def test_who_is_cancelled_while_it_closes_is_cancelled_and_closes(writer: BatchWriter) -> None:
    before = tasks_of_the_client(writer)
    hanging = Hanging(writer)

    async def cancelled() -> bool:
        begun = asyncio.Event()

        async def stop() -> None:
            hanging.producer._closed = True
            begun.set()
            await asyncio.Event().wait()

        hanging.producer.stop = stop
        stopping = asyncio.ensure_future(writer._stop())
        await begun.wait()
        stopping.cancel()
        await asyncio.wait([stopping])
        return stopping.cancelled()

    assert in_loop(writer, cancelled())
    hanging.assert_let_go(before)


# --- what its client raises and answers -----------------------------------------------------------------


class Answering:
    """What the writer calls of a producer: each record and each batch is answered by ``answer``."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.client = SimpleNamespace(add_topic=lambda _: None)
        self.aborted = False
        self._answer = answer

    async def begin_transaction(self) -> None:
        """Nothing to wait for."""

    async def abort_transaction(self) -> None:
        self.aborted = True

    async def commit_transaction(self) -> None:
        """All that was sent is known to have arrived."""

    async def send_batch(self, *_: object, **__: object) -> asyncio.Future[Any]:
        return asyncio.ensure_future(self._answered())

    async def send(self, *_: object, **__: object) -> asyncio.Future[Any]:
        return asyncio.ensure_future(self._answered())

    async def _answered(self) -> Any:
        return self._answer()


def raising(error: Exception) -> Callable[[], Any]:
    def answer() -> Any:
        raise error

    return answer


def stalled() -> None:
    pytest.fail("nothing is under way any more")


def test_a_batch_that_itself_timed_out_is_not_waited_for(writer: BatchWriter) -> None:
    writer._producer = Answering(raising(TimeoutError("the client gave up")))
    writer.begin(on_stall=stalled)
    put(writer)
    with pytest.raises(LogError, match=r"write to rows: TimeoutError.*the client gave up"):
        writer.flush()
    with pytest.raises(LogError, match="is begun anew"):
        writer.abort()


def test_a_call_that_itself_timed_out_says_so(writer: BatchWriter) -> None:
    producer = writer._producer = Answering(raising(KafkaError()))

    async def abort_transaction() -> None:
        raise TimeoutError("the client gave up")

    producer.abort_transaction = abort_transaction  # type: ignore[method-assign]
    with pytest.raises(LogError, match=r"could not abort: TimeoutError.*the client gave up"):
        writer.abort()


def test_what_is_under_way_for_long_is_looked_at_and_waited_for(
    writer: BatchWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_writer, "_STALL", 0.01)
    looks, future = [], Future[int]()

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            future.set_result(7)

    writer._on_stall = look
    assert writer._delivered(future, "write", time.monotonic() + 10) == 7
    assert len(looks) == 3


def test_control_records_whose_offsets_nobody_knows_are_not_taken_for_written(writer: BatchWriter) -> None:
    # Both in one batch of offset -1.
    answers = iter([SimpleNamespace(topic=TOPIC, partition=0, offset=offset) for offset in (-1, 0)])
    writer._producer = Answering(lambda: next(answers))
    writer.begin()
    writer.record(TOPIC, b"a", b"v", partition=0)
    writer.record(TOPIC, b"b", b"v", partition=0)
    with pytest.raises(LogError, match="does not know the offset"):
        writer.commit()
    assert writer.written == {}


@pytest.mark.parametrize(
    ("error", "raised"), [(MessageSizeTooLargeError(), LogError), (ProducerFenced(), Fenced)], ids=["refused", "fenced"]
)
def test_a_batch_refused_unseen_finishes_the_writer(
    writer: BatchWriter, error: KafkaError, raised: type[LogError]
) -> None:
    producer = writer._producer = Answering(raising(error))
    writer.begin()
    put(writer)
    assert writer._sent[0].future.exception(10) is not None
    with pytest.raises(LogError, match="write to rows") as found:
        writer.abort()
    assert type(found.value) is raised
    assert not producer.aborted
    with pytest.raises(LogError, match="is begun anew"):
        writer.abort()


def test_a_batch_that_arrived_leaves_the_writer_fit_after_an_abort(writer: BatchWriter) -> None:
    producer = writer._producer = Answering(lambda: SimpleNamespace(offset=5))
    writer.begin()
    put(writer)
    assert writer._sent[0].future.result(10) == 5
    writer.abort()
    assert producer.aborted


def test_what_fits_is_remembered_from_series_to_series(writer: BatchWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[object] = []

    def remembering(*given: Any) -> Any:
        handed.append(given[-1])
        return batches(*given)

    monkeypatch.setattr(batch_writer, "batches", remembering)
    writer._producer = Answering(lambda: SimpleNamespace(offset=5))
    writer.begin()
    put(writer)
    put(writer)
    writer.commit()
    first, second = handed
    assert first is second is writer._fitting
