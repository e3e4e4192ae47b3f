"""Dead letters: how a message of ``requests`` is put away with its reason, and how it is taken out again.

Writing and reading stand side by side here, for what one puts into headers the other looks for. The platform's own
headers come last, so that a message may have headers of the same names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from app.errors import InvalidRequest

Headers = list[tuple[str, bytes | None]]

_REASON_BYTES = 4_000
#: A hundred problems, JSON-escaped, take up to 400 KB; with these the whole stays under the broker's limit.
_HEADER_ROOM, _VALUE_ROOM = 500_000, 2_500_000
#: Bytes that the lengths of a header take, at the most; a message may have a hundred thousand of them.
_HEADER_COST = 10
#: Header of a message that was submitted again: the dead letter that it came from, ``requests.dlq@17``.
RESUBMITTED_FROM = "resubmitted_from"
#: Stands in the place of headers whose names nobody can read.
UNREADABLE: tuple[str, bytes | None] = ("headers_unreadable", b"a header's name is not UTF-8")
_OURS = ("reason", "errors", "source_topic", "source_partition", "source_offset", "source_timestamp")


class Stored(Protocol):
    """A record as it lies in a log; the time stamp is in milliseconds since 1970."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> tuple[tuple[str, bytes | None], ...]: ...


def dead_letter(record: Stored, error: InvalidRequest) -> tuple[bytes | None, bytes | None, Headers]:
    """Key, value and headers of a message's dead letter: its own bytes and headers, why, and where it came from.

    What the broker would not take, because a compressed message can be larger than its limit, is cut: then the
    header ``truncated_from`` tells the length, and the whole of it lies at its source for 30 days. A dead letter
    that cannot be written would stop all requests behind it.
    """
    key, value, own = record.key, record.value, list(record.headers)
    ours = dead_letter_headers(record, error)
    if sum(len(name.encode()) + len(part or b"") + _HEADER_COST for name, part in own) > _HEADER_ROOM:
        own = [("headers_dropped", str(len(own)).encode())]
    if key is not None and len(key) > _HEADER_ROOM:
        key, own = key[:_HEADER_ROOM], [*own, ("key_truncated_from", str(len(key)).encode())]
    if value is not None and len(value) > _VALUE_ROOM:
        value, own = value[:_VALUE_ROOM], [*own, ("truncated_from", str(len(value)).encode())]
    return key, value, [*own, *ours]


def dead_letter_headers(record: Stored, error: InvalidRequest) -> Headers:
    """Why a message is in the dead-letter queue and where it came from."""
    return [
        ("reason", str(error).encode()[:_REASON_BYTES]),
        ("errors", orjson.dumps([problem.as_json() for problem in error.problems])),
        ("source_topic", record.topic.encode()),
        ("source_partition", str(record.partition).encode()),
        ("source_offset", str(record.offset).encode()),
        ("source_timestamp", str(record.timestamp).encode()),
    ]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is published."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A letter as it is read back. ``place`` is its topic and offset (``requests.dlq@17``), ``timestamp`` and
    ``source_timestamp`` are milliseconds since 1970; ``truncated_from``: the value's length, when a part of it is not
    here; ``cut``: what is not whole; ``headers``: the message's own."""

    place: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    reason: str
    errors: tuple[dict[str, Any], ...]
    source_topic: str
    source_partition: int
    source_offset: int
    source_timestamp: int
    truncated_from: int | None = None
    cut: tuple[str, ...] = ()

    @property
    def source(self) -> tuple[str, int, int]:
        """Topic, partition and offset of the message."""
        return self.source_topic, self.source_partition, self.source_offset

    def message(self) -> Message:
        """What is published when this letter is submitted again. It must be whole."""
        assert not self.cut
        return resubmission(self.place, self.key, self.value, self.headers)

    def message_from(self, source: Stored) -> Message:
        """The same from the message that this is the letter of."""
        return resubmission(self.place, source.key, source.value, source.headers)

    def summary(self) -> dict[str, Any]:
        """What is told of it in a list, as JSON; of the value only how long it was, null for none."""
        size = None if self.value is None else len(self.value)
        return {
            "offset": self.offset,
            "timestamp": self.timestamp,
            "source_topic": self.source_topic,
            "source_partition": self.source_partition,
            "source_offset": self.source_offset,
            "source_timestamp": self.source_timestamp,
            "reason": self.reason,
            "errors": list(self.errors),
            "bytes": self.truncated_from or size,
            "truncated": bool(self.cut),
        }


def read_letter(record: Stored) -> DeadLetter | None:
    """The letter in a record of the dead-letter queue; None for what was put there by somebody else."""
    own, ours = record.headers[: -len(_OURS)], record.headers[-len(_OURS) :]
    if tuple(name for name, _ in ours) != _OURS:
        return None
    found = {name: part or b"" for name, part in ours}
    try:
        numbers = [int(found[name]) for name in _OURS[3:]]
        errors = _objects(orjson.loads(found["errors"]))
    except ValueError:
        return None
    own, truncated_from, cut = _uncut(record, own)
    return DeadLetter(
        place=f"{record.topic}@{record.offset}",
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=own,
        reason=found["reason"].decode("utf-8", "replace"),
        errors=errors,
        source_topic=found["source_topic"].decode("utf-8", "replace"),
        source_partition=numbers[0],
        source_offset=numbers[1],
        source_timestamp=numbers[2],
        truncated_from=truncated_from,
        cut=cut,
    )


def resubmission(
    place: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]
) -> Message:
    """A message as it is submitted again, with the letter that it comes from; it says nothing of letters before."""
    kept = tuple(one for one in headers if one[0] != RESUBMITTED_FROM and one != UNREADABLE)
    return Message(key, value, (*kept, (RESUBMITTED_FROM, place.encode())))


def resubmitted_from(headers: Sequence[tuple[str, bytes | None]]) -> str | None:
    """The place of the letter that a message on ``requests`` was made of; None for one of another kind."""
    name, place = headers[-1] if headers else ("", None)
    return place.decode("utf-8", "replace") if name == RESUBMITTED_FROM and place else None


def _objects(value: Any) -> tuple[dict[str, Any], ...]:
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _uncut(
    record: Stored, own: tuple[tuple[str, bytes | None], ...]
) -> tuple[tuple[tuple[str, bytes | None], ...], int | None, tuple[str, ...]]:
    """A message's own headers without what tells that it was cut; the whole value's length; what was cut.

    A message may have headers of these names itself: they tell nothing unless what they speak of is exactly as long
    as it is cut to.
    """
    cut: list[str] = []
    truncated_from: int | None = None
    if own and own[-1][0] == "truncated_from" and len(record.value or b"") == _VALUE_ROOM:
        truncated_from, own = int(own[-1][1] or b"0"), own[:-1]
        cut.append("value")
    if own and own[-1][0] == "key_truncated_from" and len(record.key or b"") == _HEADER_ROOM:
        own = own[:-1]
        cut.append("key")
    if len(own) == 1 and own[0][0] == "headers_dropped":
        own = ()
        cut.append("headers")
    return own, truncated_from, tuple(cut)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message that was submitted again. ``detail``: the backtest, or the reason of the new letter."""

    state: str
    detail: str = ""

    @property
    def dead(self) -> bool:
        return self.state == DEAD


ACCEPTED, REPEATED, DEAD, UNDECIDED = "accepted", "repeated", "dead letter", "not decided yet"


def outcome_of(message: Message, backtest_id: str | None, letter: DeadLetter | None) -> Outcome:
    """What a decision says. ``backtest_id``: the backtest that this very message began; ``letter``: its dead letter."""
    if letter is not None:
        return Outcome(DEAD, f"{letter.place}: {letter.reason}")
    if backtest_id is not None:
        return Outcome(ACCEPTED, f"backtest {backtest_id}")
    try:
        body = orjson.loads(message.value or b"")
    except orjson.JSONDecodeError:
        # Avro is only ever a backtest.
        return Outcome(REPEATED)
    known = body.get("backtest_id") if isinstance(body, dict) else None
    return Outcome(ACCEPTED) if known is None else Outcome(REPEATED, f"backtest {known}")
