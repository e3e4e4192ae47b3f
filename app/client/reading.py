"""Reading the rows of a series to their end, also when the connection breaks on the way.

The coordinator cuts off an answer that it cannot finish; one that ends properly is whole. What was cut off is gone on
with behind the last row that arrived, if the series is still the same one: rows of two runs are never mixed.
"""

from __future__ import annotations

import collections
import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from app.client import calls
from app.client.asking import Outage, ask, backoff, opened, passes
from app.client.calls import Format, Selection
from app.client.errors import (
    ApiError,
    BacktestCancelled,
    BacktestFailed,
    Conflict,
    CutOff,
    Unreachable,
)
from app.client.frames import BATCH, SCHEMA, ArrowFrames, Frame
from app.client.lines import Lines, last_of
from app.client.models import BacktestStatus
from app.client.packages import pyarrow
from app.client.steps import Broken, Emit, Flow, Pause, Read, Reply, gathered

#: Cuts in a row, without a row between them, after which it is given up.
_MOST_CUTS = 5
#: Name the writing of a series: the run of the backtest, and the topic it is written to. Rows of answers that differ in
#: one of them do not belong together; a topic that was not there yet has no name.
_WRITING = ("fdp-run", "fdp-topic-id")
OFFSET = "_offset"


@dataclass(frozen=True, slots=True)
class Place:
    """A series of a backtest; ``undecided``: the backtest may not be known yet."""

    backtest_id: str
    topic: str
    accepted_at: dt.datetime | None = None
    undecided: bool = False
    retries: int = 3


@dataclass(frozen=True, slots=True)
class Restart:
    """Emitted in the place of bytes: everything before it is to be thrown away."""


@dataclass
class _Thread:
    """What holds the parts of one reading together: whether they are of the same rows, and how often it broke."""

    place: Place
    head: Mapping[str, str] | None = None
    #: Whether rows have come that the next ones have to go with.
    bound: bool = False
    rows: int = 0
    #: Whether it is to be whole: what is read without waiting may be of a series that has failed.
    follow: bool = True
    _cuts: int = field(default=0, repr=False)
    _rows_then: int = field(default=-1, repr=False)

    def open(self, form: Format, selection: Selection, after: int | None) -> Flow[Reply]:
        """The head of the answer with what is left."""
        self.follow = selection.follow
        call = calls.data(self.place.backtest_id, self.place.topic, form, selection.after(self.rows), after)
        try:
            reply: Reply = yield from _patiently(
                self.place, lambda: opened(call, self.place.retries), self.head is not None
            )
        except Conflict:
            # To wait is in vain; the backtest's state says why.
            yield from self._still_there()
            raise
        before, now = self.head or {}, reply.headers
        bound = self.bound or self.rows > 0
        if bound and any(name in before and before[name] != now.get(name) for name in _WRITING):
            raise self._other()
        self.head = {**now, **before} if bound else now
        return reply

    def _other(self) -> CutOff:
        return CutOff(
            f"{self.place.topic} broke off after {self.rows:,} rows and is not the same any more; read it anew"
        )

    def has(self, limit: int | None) -> bool:
        """Whether everything is there that was asked for."""
        return limit is not None and self.rows >= limit

    def schema(self, frame: Frame, known: Any) -> Any:
        """The schema of an Arrow stream after a message that is no batch."""
        if frame.kind != SCHEMA:
            return known
        pa = pyarrow("reading Arrow")
        found = pa.ipc.read_schema(pa.py_buffer(frame.content))
        if known is not None and not found.equals(known):
            raise self.other_columns()
        return found

    def other_columns(self) -> CutOff:
        return CutOff(f"{self.place.topic} broke off and has other columns now; read it anew")

    def broke(self, broken: Broken) -> Flow[None]:
        """Wait before the next attempt. Raises ``CutOff`` when there have been enough, and what the backtest's state
        says of a series that will never be whole."""
        if self.rows > self._rows_then:
            self._cuts, self._rows_then = 0, self.rows
        self._cuts += 1
        if self._cuts > _MOST_CUTS:
            raise CutOff(
                f"{self.place.topic} broke off {self._cuts} times after {self.rows:,} rows ({broken.why}); what was "
                "read is not the whole, read it anew"
            ) from None
        yield Pause(backoff(self._cuts))
        yield from self._still_there()

    def _still_there(self) -> Flow[None]:
        call = calls.status(self.place.backtest_id)
        told = yield from _patiently(self.place, lambda: ask(call, self.place.retries), heard=True)
        status = BacktestStatus.of(told)
        if self.place.accepted_at not in (None, status.accepted_at):
            # Deleted meanwhile, and its id used again.
            raise self._other()
        one = status.of_series(self.place.topic)
        if self.follow and one is not None and one.state in ("failed", "cancelled"):
            kind = BacktestFailed if one.state == "failed" else BacktestCancelled
            why = f" ({one.reason})" if one.reason else ""
            raise kind(
                status,
                f"{one.topic} is {one.state}{why}: it has {one.rows:,} rows and is not whole; retry the backtest, or "
                "read what is there with follow=False",
            )


def _patiently(place: Place, attempt: Callable[[], Flow[Any]], heard: bool) -> Flow[Any]:
    """What an attempt comes to, made again for as long as a coordinator may be away."""
    outage = Outage()
    while True:
        try:
            return (yield from attempt())
        except (ApiError, Unreachable) as error:
            if not passes(error, place.undecided and not heard) or not (heard or place.undecided):
                raise
            pause = outage.pause(error)
        yield Pause(pause)


def batches(place: Place, selection: Selection) -> Flow[Any]:
    """Emits Arrow batches; comes to their schema."""
    ipc = pyarrow("reading Arrow").ipc
    reading = _Thread(place)
    after: int | None = None
    schema: Any = None
    while True:
        frames = ArrowFrames()
        before: list[bytes] = []
        try:
            yield from reading.open("arrow", selection, after)
            while chunk := (yield Read()):
                for frame in frames.feed(chunk):
                    if frame.kind != BATCH:
                        schema = reading.schema(frame, schema)
                        before.append(frame.content)
                        continue
                    batch, told = _batch(ipc, before, frame, place.topic)
                    after = int(told["last_offset"]) if "last_offset" in told else after
                    if batch.num_rows:
                        reading.rows += batch.num_rows
                        yield Emit(batch)
            if schema is None or not frames.is_whole:
                raise CutOff(f"the Arrow stream of {place.topic} ends in the middle; is a coordinator at this address?")
            return schema
        except Broken as broken:
            # Everything may have been there but the end of the transport.
            if frames.ended or reading.has(selection.limit):
                return schema
            if reading.rows and after is None:
                raise CutOff(f"{place.topic} broke off, and its batches tell no offsets to go on from") from None
            yield from reading.broke(broken)


def _batch(ipc: Any, before: list[bytes], frame: Frame, topic: str) -> tuple[Any, dict[str, str]]:
    """A batch and what its message says beside it; ``before`` are the schema and dictionaries that it refers to."""
    pa = pyarrow("reading Arrow")
    try:
        reader = ipc.open_stream(pa.py_buffer(b"".join([*before, frame.content])))
        batch, told = reader.read_next_batch_with_custom_metadata()
    except (pa.ArrowInvalid, OSError) as error:
        raise CutOff(f"a batch of {topic} cannot be read ({error}); is a coordinator at this address?") from None
    return batch, {name.decode(): value.decode() for name, value in dict(told or {}).items()}


def lines(
    place: Place,
    form: Literal["ndjson", "csv"],
    selection: Selection,
    offset_in: Callable[[bytes], int] | None = None,
    head: Mapping[str, str] | None = None,
) -> Flow[int]:
    """Emits blocks of whole lines, of CSV with one header in front; comes to the number of rows.

    The lines tell no offsets. When the answer breaks off, those of as many rows are asked for to know where to go on;
    ``offset_in`` gives that of a line that has its own; ``head`` is that of an answer whose rows these have to be.
    """
    reading = _Thread(place, head, bound=head is not None)
    after: int | None = None
    header: bytes | None = None
    last = b""
    while True:
        text = Lines(headed=form == "csv")
        try:
            yield from reading.open(form, selection, after)
            ended = False
            while not ended:
                chunk: bytes = yield Read()
                ended = not chunk
                block = text.end() if ended else text.feed(chunk)
                if text.header is not None and text.header != header:
                    if header is not None:
                        raise reading.other_columns()
                    header = text.header
                    yield Emit(header)
                if block:
                    reading.rows += block.count(b"\n")
                    last = last_of(block)
                    yield Emit(block)
            return reading.rows
        except Broken as broken:
            if reading.has(selection.limit):
                return reading.rows
            yield from reading.broke(broken)
        if reading.rows and offset_in is not None:
            after = offset_in(last)
        elif reading.rows:
            after = yield from _offset_of(place, selection, reading.rows, reading.head or {})


def _offset_of(place: Place, selection: Selection, rows: int, head: Mapping[str, str]) -> Flow[int]:
    """The offset of the n-th row of a selection."""
    wanted = replace(selection, columns=(OFFSET,), limit=rows, follow=False)
    last: collections.deque[bytes] = collections.deque(maxlen=1)
    found = yield from gathered(lines(place, "ndjson", wanted, _own_offset, head), last.append)
    if found != rows:
        raise CutOff(f"{place.topic} broke off after {rows:,} rows and has only {found:,} now; read it anew")
    return _own_offset(last_of(last[-1]))


def _own_offset(line: bytes) -> int:
    return int(json.loads(line)[OFFSET])


def document(place: Place, form: Format, selection: Selection, restartable: bool) -> Flow[None]:
    """Emits the bytes of an answer as they are. What broke off is begun anew, because a file's end refers to its
    beginning: ``Restart`` is emitted then; where that is not possible it is given up."""
    reading = _Thread(place)
    while True:
        sent = False
        try:
            yield from reading.open(form, selection, None)
            while chunk := (yield Read()):
                sent = True
                yield Emit(chunk)
            return
        except Broken as broken:
            if sent and not restartable:
                raise CutOff(f"{place.topic} broke off ({broken.why}); what was written is not the whole") from None
            yield from reading.broke(broken)
        if sent:
            yield Emit(Restart())
        reading.head = None
