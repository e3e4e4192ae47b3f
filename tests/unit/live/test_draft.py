"""What a transaction holds: rows and records in their order, and rows that say where they are."""

from __future__ import annotations

import pytest

from app.live.draft import Block, Draft
from tests.unit.live.owner import FakeWriter


def block(*messages: bytes, placed: object = None) -> Block:
    return Block(b"K", list(messages), list(range(len(messages))), placed)  # type: ignore[arg-type]


def write(draft: Draft, writer: FakeWriter) -> None:
    draft.write(writer)  # type: ignore[arg-type]


def test_it_is_empty_until_something_is_in_it() -> None:
    draft = Draft()
    assert not draft
    draft.add("t", block(), lambda _: pytest.fail("nothing was written"))
    assert not draft
    draft.record("coverage", "k", None)
    assert draft
    other = Draft()
    other.late_records.append(lambda: ("gaps", b"k", b"v"))
    assert other
    third = Draft()
    third.add("t", block(b"a"), lambda _: None)
    assert third
    assert third.count == 1


def test_rows_are_written_in_the_order_in_which_they_were_added_topic_by_topic() -> None:
    draft, writer = Draft(), FakeWriter()
    for topic, messages in (("t", [b"a", b"b"]), ("u", [b"x"]), ("t", [b"c"])):
        draft.add(topic, block(*messages), lambda _: None)
    write(draft, writer)
    writer.commit()
    assert {topic: [one[1] for one in rows if one] for topic, rows in writer.topics.items()} == {
        "t": [b"a", b"b", b"c"],
        "u": [b"x"],
    }
    assert draft.count == 4


def test_the_offset_after_the_last_row_is_told() -> None:
    draft, writer = Draft(), FakeWriter()
    writer.topics["t"] = [None] * 10
    ends: list[int] = []
    draft.add("t", block(b"a"), ends.append)
    draft.add("t", block(b"b", b"c", b"d"), ends.append)
    write(draft, writer)
    assert ends == [11, 14]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_block_is_told_where_its_first_and_its_last_row_are(count: int) -> None:
    draft, writer = Draft(), FakeWriter()
    places: list[tuple[int, int]] = []
    ends: list[int] = []
    draft.add("t", block(b"before"), ends.append)
    draft.add("t", block(*[b"r"] * count, placed=lambda first, last: places.append((first, last))), ends.append)
    write(draft, writer)
    assert places == [(1, count)]
    assert ends[-1] == count + 1


def test_a_record_that_needs_offsets_is_made_when_they_are_known_and_comes_last() -> None:
    draft, writer = Draft(), FakeWriter()
    places: list[tuple[int, int]] = []
    draft.late_records.append(lambda: ("gaps", b"k", repr(places).encode()))
    draft.record("coverage", "k", b"first")
    draft.add("t", block(b"a", b"b", placed=lambda first, last: places.append((first, last))), lambda _: None)
    write(draft, writer)
    writer.commit()
    assert writer.records == [("coverage", b"k", b"first"), ("gaps", b"k", b"[(0, 1)]")]


def test_what_was_aborted_is_written_again_as_it_is_and_is_told_its_new_places() -> None:
    draft, writer = Draft(), FakeWriter()
    places: list[tuple[int, int]] = []
    ends: list[int] = []
    draft.add("t", block(b"a", b"b", placed=lambda first, last: places.append((first, last))), ends.append)
    draft.late_records.append(lambda: ("gaps", b"k", repr(places[-1]).encode()))
    write(draft, writer)
    writer.abort()
    write(draft, writer)
    writer.commit()
    assert [one and one[1] for one in writer.topics["t"]] == [None, None, None, b"a", b"b", None]
    assert places == [(0, 1), (3, 4)]
    assert ends == [2, 5]
    assert writer.records == [("gaps", b"k", b"(3, 4)")]
