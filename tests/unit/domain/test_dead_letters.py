"""Dead letters: what is written is read back, and what is submitted again is what came."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dead_letters import (
    _HEADER_ROOM,
    _VALUE_ROOM,
    DeadLetter,
    Message,
    dead_letter,
    outcome_of,
    read_letter,
    resubmitted_from,
)
from app.errors import InvalidRequest

ERROR = InvalidRequest.of("start", "'soon' is not a date")
Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True)
class Lying:
    """A record in a log."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    topic: str = "requests"
    partition: int = 0
    offset: int = 12
    timestamp: int = 1_700_000_000_000


def letter(record: Lying) -> DeadLetter:
    """The letter of a message, read back."""
    key, value, headers = dead_letter(record, ERROR)
    found = read_letter(Lying(value, key, tuple(headers), topic="requests.dlq", offset=34, timestamp=5))
    assert found is not None
    return found


NAMES = st.sampled_from(["a", "reason", "truncated_from", "key_truncated_from", "resubmitted", "source_offset", ""])
OWN = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=8)), max_size=5).map(tuple)


@given(st.none() | st.binary(max_size=20), st.none() | st.binary(max_size=20), OWN)
def test_a_whole_letter_gives_back_the_message_whatever_its_headers_are_called(
    value: bytes | None, key: bytes | None, headers: Headers
) -> None:
    found = letter(Lying(value, key, headers))
    assert (found.place, found.offset, found.source, found.cut) == ("requests.dlq@34", 34, ("requests", 0, 12), ())
    assert (found.reason, found.errors[0]["field"]) == ("start: 'soon' is not a date", "start")
    expected = (*headers, ("resubmitted_from", b"requests.dlq@34"))
    assert found.message() == Message(key, value, expected)
    assert resubmitted_from(found.message().headers) == "requests.dlq@34"


@pytest.mark.parametrize(
    ("record", "cut", "length"),
    [
        (Lying(b"v" * (_VALUE_ROOM + 1)), ("value",), _VALUE_ROOM + 1),
        (Lying(b"v", b"k" * (_HEADER_ROOM + 1)), ("key",), None),
        (Lying(b"v", None, (("n", b"h" * _HEADER_ROOM),)), ("headers",), None),
        (Lying(b"v" * 3_000_000, b"k" * 600_000, (("é" * 300_000, None),)), ("value", "key", "headers"), 3_000_000),
    ],
    ids=["value", "key", "headers", "all"],
)
def test_a_letter_that_was_cut_says_so_and_its_message_is_the_sources(
    record: Lying, cut: tuple[str, ...], length: int | None
) -> None:
    found = letter(record)
    assert (found.cut, found.truncated_from, found.headers) == (cut, length, ())
    assert found.summary()["truncated"]
    again = found.message_from(record)
    assert again == Message(record.key, record.value, (*record.headers, ("resubmitted_from", b"requests.dlq@34")))


@pytest.mark.parametrize(
    "record",
    [
        Lying(b"v" * 20_000_000, b"k" * 5_000_000, (("n" * 499_000, None),)),
        Lying(b"v" * 3_000_000, b"k" * 600_000, (("€" * 499_000, None),)),
        Lying(b"v" * 3_000_000, b"k" * 600_000, (("h" * 4, b"h"),) * 100_000),
    ],
    ids=["long", "wide names", "many headers"],
)
def test_a_letter_always_fits_into_a_message(record: Lying) -> None:
    key, value, headers = dead_letter(record, ERROR)
    written = len(key or b"") + len(value or b"")
    written += sum(len(name.encode()) + len(part or b"") + 10 for name, part in headers)
    assert written < 4_000_000


def test_a_second_letter_is_submitted_with_its_own_place_alone() -> None:
    first = letter(Lying(b"v", None, (("a", b"1"),))).message()
    second = letter(Lying(first.value, first.key, first.headers)).message()
    assert second.headers == (("a", b"1"), ("resubmitted_from", b"requests.dlq@34"))


def test_headers_that_nobody_could_read_are_not_submitted_again() -> None:
    found = letter(Lying(b"v", None, (("headers_unreadable", b"a header's name is not UTF-8"),)))
    assert found.message().headers == (("resubmitted_from", b"requests.dlq@34"),)


@pytest.mark.parametrize(
    "headers",
    [(), (("reason", b"r"),), (*dead_letter(Lying(b"v"), ERROR)[2][:-1], ("source_timestamp", b"soon"))],
    ids=["none", "some", "no number"],
)
def test_what_somebody_else_put_there_is_no_letter(headers: Headers) -> None:
    assert read_letter(Lying(b"v", None, tuple(headers))) is None


@pytest.mark.parametrize(
    ("body", "run", "expected"),
    [
        ({"backtest_id": "a"}, "a", "accepted"),
        ({"backtest_id": "a"}, None, "repeated"),
        ({"subscribe": {}}, None, "accepted"),
        ({"unsubscribe": "t"}, None, "accepted"),
    ],
)
def test_what_became_of_a_message_is_told_by_what_was_written(
    body: dict[str, object], run: str | None, expected: str
) -> None:
    assert outcome_of(Message(None, orjson.dumps(body), ()), run, None).state == expected


def test_a_letter_of_the_message_outweighs_everything() -> None:
    told = outcome_of(Message(None, b"\x00avro", ()), None, letter(Lying(b"v")))
    assert told.dead
    assert told.detail == "requests.dlq@34: start: 'soon' is not a date"
