"""Server-Sent Events as they arrive, in pieces that end anywhere
(https://html.spec.whatwg.org/multipage/server-sent-events.html, "Interpreting an event stream")."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from app.client.errors import CutOff

#: Characters of an event; ten thousand series with their reasons are a fraction of it.
_MOST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``last_id`` is that of the stream at this point, which a reconnection names."""

    data: str
    name: str = "message"
    last_id: str | None = None


class EventStream:
    """Bytes in, events out. What has begun and is not ended by an empty line is no event."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
        self._rest = ""
        self._data: list[str] = []
        self._size = 0
        self._name = ""
        self.last_id: str | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete. Raises ``CutOff`` when one grows beyond all measure."""
        text = self._rest + self._decode(data)
        # A carriage return at the end may be half of a line end.
        held = text.endswith("\r")
        lines = text[:-1].replace("\r\n", "\n") if held else text.replace("\r\n", "\n")
        *whole, self._rest = lines.replace("\r", "\n").split("\n")
        if held:
            self._rest += "\r"
        if self._size + len(self._rest) > _MOST:
            raise CutOff(f"an event of more than {_MOST:,} characters is nothing that a coordinator sends")
        return [event for line in whole if (event := self._line(line)) is not None]

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._ended()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
                self._size += len(value)
            case "event":
                self._name = value
            case "id" if "\0" not in value:
                self.last_id = value
            case _:
                # A comment, which keeps the connection awake, or a field that means nothing here.
                pass
        return None

    def _ended(self) -> Event | None:
        data, name = self._data, self._name or "message"
        self._data, self._name, self._size = [], "", 0
        return Event("\n".join(data), name, self.last_id) if data else None
