"""Text as it arrives, cut into blocks of whole lines."""

from __future__ import annotations


class Lines:
    """Bytes in, whole lines out. With ``headed`` the first line is kept apart, in ``header``."""

    def __init__(self, headed: bool) -> None:
        self._wants_header = headed
        self._held = b""
        self.header: bytes | None = None

    def feed(self, data: bytes) -> bytes:
        """The lines that these bytes complete."""
        at = data.rfind(b"\n") + 1
        if not at:
            self._held += data
            return b""
        block, self._held = self._held + data[:at], data[at:]
        return self._without_header(block)

    def end(self) -> bytes:
        """What is left when everything was there: a last line without an end is one."""
        block, self._held = (self._held + b"\n" if self._held else b""), b""
        return self._without_header(block)

    def _without_header(self, block: bytes) -> bytes:
        if self._wants_header and block:
            self._wants_header = False
            first, _, block = block.partition(b"\n")
            self.header = first + b"\n"
        return block


def last_of(block: bytes) -> bytes:
    """The last line of a block of whole lines."""
    return block[block.rfind(b"\n", 0, -1) + 1 :]
