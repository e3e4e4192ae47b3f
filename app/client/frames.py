"""An Arrow IPC stream as it arrives, cut into its messages: pyarrow can only pull, and whoever awaits has to push
(https://arrow.apache.org/docs/format/Columnar.html, "Encapsulated message format")."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from app.client.errors import CutOff

_CONTINUES = b"\xff\xff\xff\xff"
#: Header types of a message (Message.fbs).
SCHEMA, DICTIONARY, BATCH = 1, 2, 3
#: Places of the fields in the table ``Message``: each has two bytes in the vtable, after its first four.
_HEADER_TYPE, _BODY_LENGTH = 4 + 2 * 1, 4 + 2 * 3
#: Bytes of what describes a batch; a longer one is no Arrow.
_MOST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole message with everything around it."""

    kind: int
    content: bytes


class ArrowFrames:
    """Bytes in, messages out. ``ended`` once the stream's own end has come."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.ended = False

    def feed(self, data: bytes) -> list[Frame]:
        """The messages that these bytes complete. Raises ``CutOff`` for what is no Arrow stream."""
        self._held += data
        found: list[Frame] = []
        while (frame := self._next()) is not None:
            found.append(frame)
        return found

    @property
    def is_whole(self) -> bool:
        """Whether nothing has begun that is not there wholly."""
        return not self._held

    def _next(self) -> Frame | None:
        held = self._held
        if self.ended:
            if held:
                raise CutOff("there are bytes behind the end of an Arrow stream; it is not what a coordinator sends")
            return None
        if len(held) < 8:
            return None
        length: int = struct.unpack_from("<i", held, 4)[0]
        if held[:4] != _CONTINUES or not 0 <= length <= _MOST:
            raise CutOff("the answer is no Arrow stream; is a coordinator at this address?")
        if length == 0:
            self.ended = True
            del held[:8]
            return self._next()
        if len(held) < 8 + length:
            return None
        kind, body = _described(bytes(held[8 : 8 + length]))
        size = 8 + length + body
        if len(held) < size:
            return None
        content = bytes(memoryview(held)[:size])
        del held[:size]
        return Frame(kind, content)


def _described(table: bytes) -> tuple[int, int]:
    """The type of a message and the length of its body, from the flatbuffer that describes it."""
    try:
        (root,) = struct.unpack_from("<I", table, 0)
        vtable = root - struct.unpack_from("<i", table, root)[0]
        kind = _field(table, root, vtable, _HEADER_TYPE, "<B")
        body = _field(table, root, vtable, _BODY_LENGTH, "<q")
    except struct.error:
        raise CutOff("a message of the Arrow stream cannot be read; is a coordinator at this address?") from None
    return kind, body


def _field(table: bytes, root: int, vtable: int, place: int, form: str) -> int:
    """A number of a flatbuffer's table; 0, its default, where it is left out."""
    (size,) = struct.unpack_from("<H", table, vtable)
    (offset,) = struct.unpack_from("<H", table, vtable + place) if place < size else (0,)
    value: int = struct.unpack_from(form, table, root + offset)[0] if offset else 0
    return value
