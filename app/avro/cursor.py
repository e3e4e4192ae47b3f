"""Many messages read side by side: a cursor in each, all moved on by one read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Which = npt.NDArray[np.intp]
#: Spare bytes behind the last message, so that a word may be read at its end.
_SPARE = 16
_STOPS, _SEVENS = np.uint64(0x8080808080808080), np.uint64(0x7F7F7F7F7F7F7F7F)
#: Steps by which groups of seven bits close up: pairs of bytes, of pairs, of these.
_CLOSING = [
    (np.uint64(0x007F007F007F007F), np.uint64(0x7F007F007F007F00), np.uint64(1)),
    (np.uint64(0x00003FFF00003FFF), np.uint64(0x3FFF00003FFF0000), np.uint64(2)),
    (np.uint64(0x000000000FFFFFFF), np.uint64(0x0FFFFFFF00000000), np.uint64(4)),
]
_ONE = np.uint64(1)


class Cursor:
    """Where each message is read next. ``which`` picks the messages that are read; without it, all are.

    A read beyond the last message raises ``IndexError``. One that goes on into the next message is found out by
    ``unfinished``, for no read goes back.
    """

    def __init__(self, messages: Sequence[bytes], skip: int) -> None:
        self._data = np.frombuffer(b"".join(messages) + bytes(_SPARE), dtype=np.uint8)
        lengths = np.fromiter(map(len, messages), dtype=np.int64, count=len(messages))
        self._ends = np.cumsum(lengths)
        self._starts = self._ends - lengths
        self.at: Numbers = self._starts + skip
        # Words at every byte.
        last = len(self._data) - 7
        self._words: npt.NDArray[np.uint64] = np.ndarray((last,), "<u8", self._data, 0, (1,))
        self._doubles: npt.NDArray[np.float64] = np.ndarray((last,), "<f8", self._data, 0, (1,))

    def begins_with(self, head: bytes) -> bool:
        """Whether every message begins with these bytes, at most eight."""
        heads = self._words[self._starts] & np.uint64((1 << (8 * len(head))) - 1)
        return bool((heads == np.uint64(int.from_bytes(head, "little"))).all())

    def unfinished(self) -> int | None:
        """The first message that was not read to its very end, if there is one."""
        wrong = self.at != self._ends
        return int(np.flatnonzero(wrong)[0]) if wrong.any() else None

    def bytes(self) -> npt.NDArray[np.uint8]:
        found = self._data[self.at]
        self.at += 1
        return found

    def doubles(self, which: Which | None = None) -> npt.NDArray[np.float64]:
        found = self._doubles[self._where(which)]
        self._move(which, 8)
        return found

    def blocks(self, length: int, which: Which) -> npt.NDArray[np.uint8]:
        """``length`` bytes of each; shape ``(messages, length)``."""
        if length > len(self._data):
            raise ValueError("a length goes beyond the message")
        windows = np.lib.stride_tricks.sliding_window_view(self._data, length) if length else None
        places = self.at[which]
        found = np.empty((len(places), 0), dtype=np.uint8) if windows is None else windows[places]
        self._move(which, length)
        return np.ascontiguousarray(found)

    def varints(self, which: Which | None = None) -> Numbers:
        """Zig-zag numbers. Raises ``ValueError`` for one of more than ten bytes."""
        at = self._where(which)
        words = self._words[at]
        stops = ~words & _STOPS
        last = stops & -stops
        long = np.flatnonzero(stops == 0)
        value = words & (last - _ONE) & _SEVENS
        for low, high, by in _CLOSING:
            value = (value & low) | ((value & high) >> by)
        widths = (np.bitwise_count(last - _ONE) >> np.uint8(3)).astype(np.int64) + 1
        if len(long):
            more = self._words[at[long] + 8]
            if ((more & np.uint64(0x8080)) == 0x8080).any():
                raise ValueError("a number takes more than ten bytes")
            two = (more & np.uint64(0x80)) != 0
            value[long] |= (more & np.uint64(0x7F)) << np.uint64(56)
            value[long] |= np.where(two, (more >> np.uint64(8)) << np.uint64(63), np.uint64(0))
            widths[long] = 9 + two
        self._move(which, widths)
        return (value >> _ONE).view(np.int64) ^ -(value & _ONE).view(np.int64)

    def _where(self, which: Which | None) -> Numbers:
        return self.at if which is None else self.at[which]

    def _move(self, which: Which | None, by: Any) -> None:
        if which is None:
            self.at += by
        else:
            self.at[which] += by
