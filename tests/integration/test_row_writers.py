"""Both ways of writing rows promise the same: all of a transaction or nothing, true offsets, one writer at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from harness import Platform

from app.avro.encode import encode, frame
from app.domain.contracts import occ_keys
from app.domain.kinds import Kind
from app.domain.receipt import BodyDigest
from app.domain.rows import Rows
from app.domain.schema import RECORDS, STOCK_EOD
from app.errors import Fenced, LogError, TopicGone, TransactionAborted
from app.kafka.batches import BATCH_ROWS
from app.kafka.row_writer import RowWriter, row_writer
from app.kafka.topics import Topics, data_topic
from tests.unit.avro.reference import simple_rows, table

pytestmark = pytest.mark.integration

FRAME = frame(7)
#: Microseconds since 1970.
OPENING = 1_709_562_600_000_000
Make = Callable[..., RowWriter]


@pytest.fixture(params=["messages", "batches"])
def make(request: pytest.FixtureRequest, platform: Platform) -> Iterator[Make]:
    """Makes writers of one way, which have taken over."""
    made: list[RowWriter] = []
    settings = platform.local.settings.model_copy(update={"history_writer": request.param})

    def one(name: str) -> RowWriter:
        writer = row_writer(settings, f"test-{request.param}-{name}")
        writer.open()
        made.append(writer)
        return writer

    yield one
    for writer in made:
        writer.close()


@pytest.fixture
def topic(platform: Platform) -> str:
    name = platform.new_id("rows")
    assert Topics(platform.local.settings).create([data_topic(name)]) == {}
    return name


def some(count: int, first: int = 0) -> Rows:
    """Rows that differ, with event times from ``first`` milliseconds after a day's opening on."""
    rows = [{**row, "timestamp": OPENING + row["timestamp"]} for row in simple_rows(STOCK_EOD, first + count)[first:]]
    return table(STOCK_EOD, rows)


def written(platform: Platform, topic: str) -> list[tuple[bytes, bytes, int]]:
    return [(m.key(), m.value(), m.timestamp()[1]) for m in platform.messages(topic)]


def expected(rows: Rows) -> list[tuple[bytes, bytes, int]]:
    stamps = (rows.timestamps // 1000).tolist()
    return [(b"AAPL", value, stamp) for value, stamp in zip(encode(rows, FRAME), stamps, strict=True)]


def put(writer: RowWriter, topic: str, rows: Rows, digest: BodyDigest | None = None, **marks: Any) -> None:
    writer.series_rows(topic, rows, FRAME, "AAPL", marks.get("marks", {}), digest or BodyDigest())


def test_a_transaction_is_read_as_it_was_written_and_tells_its_offsets(
    platform: Platform, make: Make, topic: str
) -> None:
    count = 2 * BATCH_ROWS + 5
    writer, rows, digest, offsets = make("whole"), some(count), BodyDigest(), dict[int, int]()
    marked = [0, 1, BATCH_ROWS - 1, BATCH_ROWS, count - 1]
    marks = {index: lambda offset, i=index: offsets.__setitem__(i, offset) for index in marked}

    writer.begin()
    put(writer, topic, rows, digest, marks=marks)
    writer.flush()
    assert written(platform, topic) == [], "not committed yet"
    writer.record(topic, b"k", b"v", partition=0, headers=[("h", b"x")])
    writer.commit()
    writer.begin()
    put(writer, topic, some(3, first=count))
    writer.commit()

    messages = platform.messages(topic)
    assert written(platform, topic)[:count] == expected(rows)
    assert written(platform, topic)[count + 1 :] == expected(some(3, first=count))
    assert offsets == {index: messages[index].offset() for index in marked}
    assert (messages[count].key(), messages[count].value(), messages[count].headers()) == (b"k", b"v", [("h", b"x")])
    assert writer.written == {(topic, 0): messages[count].offset() + 1}
    of_messages = BodyDigest()
    of_messages.update([value[len(FRAME) :] for _, value, _ in expected(rows)])
    assert (digest.hex(), digest.added) == (of_messages.hex(), of_messages.added)


def test_the_rows_of_a_chain_have_keys_of_their_own_however_badly_they_compress(
    platform: Platform, make: Make, topic: str
) -> None:
    record, chance = RECORDS["option", "greeks"], np.random.default_rng(1)
    rows = table(record, [{**row, "timestamp": OPENING + i} for i, row in enumerate(simple_rows(record, 12_000))])
    noise = {c.name: chance.random(len(rows)) for c in record.columns if c.kind is Kind.DOUBLE and c.name != "strike"}
    rows = Rows(record, {**rows.columns, **noise}, rows.contracts)
    writer = make("chain")
    writer.begin()
    writer.series_rows(topic, rows, FRAME, "SPXW", {}, BodyDigest())
    writer.commit()

    assert rows.contracts is not None
    assert [(key, value) for key, value, _ in written(platform, topic)] == list(
        zip(occ_keys("SPXW", rows.contracts), encode(rows, FRAME), strict=True)
    )


def test_what_is_aborted_is_read_by_nobody_and_the_writer_goes_on(platform: Platform, make: Make, topic: str) -> None:
    writer = make("abort")
    for _ in range(3):
        writer.begin()
        put(writer, topic, some(4 * BATCH_ROWS + 1))
        writer.record(topic, b"k", b"v", partition=0)
        # Some of it is still on its way.
        writer.abort()
    writer.begin()
    writer.commit()
    writer.begin()
    put(writer, topic, some(2))
    writer.commit()

    assert written(platform, topic) == expected(some(2))


def test_a_row_that_does_not_fit_leaves_the_transaction_to_be_aborted(
    platform: Platform, make: Make, topic: str
) -> None:
    writer, rows = make("misfit"), some(10)
    broken = Rows(rows.record, {**rows.columns, "volume": rows.columns["volume"].astype("U1")}, rows.contracts)
    writer.begin()
    put(writer, topic, rows)
    with pytest.raises((ValueError, TypeError)):
        put(writer, topic, broken)
    writer.abort()
    writer.begin()
    put(writer, topic, rows)
    writer.commit()

    assert written(platform, topic) == expected(rows)


def test_one_writer_writes_to_any_number_of_topics(platform: Platform, make: Make) -> None:
    writer, topics = make("many"), [platform.new_id("many") for _ in range(80)]
    assert Topics(platform.local.settings).create([data_topic(name) for name in topics]) == {}
    for first in range(0, 80, 10):
        writer.begin()
        for topic in topics[first : first + 10]:
            put(writer, topic, some(3))
        writer.record(topics[0], b"k", b"v", partition=0)
        writer.commit()
    writer.begin()
    for topic in topics[::20]:
        put(writer, topic, some(2, first=3))
    writer.commit()

    assert all(written(platform, topic) == expected(some(5)) for topic in topics[20::20])
    assert all(written(platform, topic) == expected(some(3)) for topic in topics[1::20])


def test_who_takes_over_ends_what_the_other_has_open(platform: Platform, make: Make, topic: str) -> None:
    former = make("fence")
    former.begin()
    put(former, topic, some(5))
    former.flush()
    heir = make("fence")
    with pytest.raises(Fenced):
        former.commit()
    heir.begin()
    put(heir, topic, some(2))
    heir.commit()

    assert written(platform, topic) == expected(some(2))


def test_a_topic_that_is_deleted_meanwhile_holds_nobody_up(platform: Platform, make: Make, topic: str) -> None:
    writer = make("gone")
    writer.begin()
    put(writer, topic, some(5))
    writer.commit()
    assert Topics(platform.local.settings).delete([topic]) == {}
    begun = time.monotonic()

    def gone() -> None:
        raise TopicGone(topic)

    writer.begin(on_stall=gone)
    put(writer, topic, some(5))
    with pytest.raises((TopicGone, TransactionAborted, LogError)):
        writer.flush()
    writer.close()
    assert time.monotonic() - begun < 30
