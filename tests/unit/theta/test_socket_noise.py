"""Bytes on the terminal's socket that are no frames of its own: told as an end of the connection, never raised."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.theta.stream import _Texts


class Library:
    """The library's reader; remembers what it was given."""

    def __init__(self) -> None:
        self.given = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.given += data
        return False, b""

    def feed_eof(self) -> None:
        pass


def text(words: bytes) -> bytes:
    """A text as a server sends it, shorter than 126 bytes."""
    return bytes([0x81, len(words)]) + words


@given(st.lists(st.binary(max_size=200), max_size=8), st.integers(1, 64))
def test_whatever_bytes_come_are_texts_or_the_librarys(parts: list[bytes], size: int) -> None:
    library, taken = Library(), []
    reader = _Texts(library, taken.extend)
    data = text(b"first") + b"".join(parts)
    for at in range(0, len(data), size):
        reader.feed_data(data[at : at + size])
    reader.feed_eof()
    assert taken[0] == "first"
    assert len(library.given) + sum(len(one) for one in taken) <= len(data)


@given(st.lists(st.sampled_from([b"{}", b"\xff\xfe", b"", b"x" * 125]), max_size=20), st.integers(1, 300))
def test_a_text_that_is_no_utf8_goes_to_the_library_and_the_others_are_taken(words: list[bytes], size: int) -> None:
    library, taken = Library(), []
    reader = _Texts(library, taken.extend)
    data = b"".join(text(one) for one in words)
    for at in range(0, len(data), size):
        reader.feed_data(data[at : at + size])
    assert [one.encode() for one in taken] == [one for one in words if one != b"\xff\xfe"]
    assert library.given == text(b"\xff\xfe") * words.count(b"\xff\xfe")
