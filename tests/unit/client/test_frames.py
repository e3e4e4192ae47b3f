"""Arrow streams, cut into their messages as they arrive."""

from __future__ import annotations

import io
import struct

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.client import CutOff
from app.client.frames import BATCH, DICTIONARY, SCHEMA, ArrowFrames
from app.client.lines import Lines, last_of


def made(compression: str | None = None) -> bytes:
    schema = pa.schema([("word", pa.dictionary(pa.int32(), pa.string())), ("numbers", pa.list_(pa.int64()))])
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        for at in range(3):
            words = pa.array([f"w{n % 2}" for n in range(at * 10)]).dictionary_encode()
            numbers = pa.array([[n] * n for n in range(at * 10)], pa.list_(pa.int64()))
            writer.write_batch(pa.record_batch([words.cast(schema[0].type), numbers], schema=schema))
    return sink.getvalue()


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@given(size=st.integers(1, 500))
def test_messages_put_together_are_the_stream(compression: str | None, size: int) -> None:
    content = made(compression)
    frames = ArrowFrames()
    found = [one for at in range(0, len(content), size) for one in frames.feed(content[at : at + size])]
    assert found[0].kind == SCHEMA
    assert {one.kind for one in found} == {SCHEMA, DICTIONARY, BATCH}
    assert b"".join(one.content for one in found) == content[:-8]
    assert frames.ended
    assert frames.is_whole


@given(st.integers(1, 900))
def test_what_is_cut_anywhere_is_not_whole(length: int) -> None:
    content = made()[:-8]
    frames = ArrowFrames()
    found = frames.feed(content[:length])
    taken = sum(len(one.content) for one in found)
    assert frames.is_whole == (taken == min(length, len(content)))
    assert not frames.ended


@pytest.mark.parametrize(
    "content",
    [
        b"<html><body>hello</body></html>",
        b"\xff\xff\xff\xff" + struct.pack("<i", -1) + b"x" * 20,
        b"\xff\xff\xff\xff" + struct.pack("<i", 8) + b"\xf0\xff\xff\xff" * 2,
        b"\xff\xff\xff\xff" + struct.pack("<i", 2**30),
        made() + b"more",
    ],
)
def test_what_is_no_arrow_stream_is_refused(content: bytes) -> None:
    with pytest.raises(CutOff):
        ArrowFrames().feed(content)


@given(st.lists(st.binary(max_size=5).map(lambda line: line.replace(b"\n", b"")), max_size=6), st.integers(1, 9))
def test_lines_put_together_are_the_text(given_lines: list[bytes], size: int) -> None:
    content = b"".join(line + b"\n" for line in given_lines)
    for headed in (False, True):
        lines = Lines(headed)
        blocks = [lines.feed(content[at : at + size]) for at in range(0, len(content), size)]
        assert all(block == b"" or block.endswith(b"\n") for block in blocks)
        assert (lines.header or b"") + b"".join(blocks) + lines.end() == content


def test_a_last_line_without_an_end_counts_when_everything_was_there() -> None:
    lines = Lines(headed=False)
    assert lines.feed(b"a\nb") == b"a\n"
    assert lines.end() == b"b\n"
    assert last_of(b"a\nbc\n") == b"bc\n"
    assert last_of(b"a\n") == b"a\n"
