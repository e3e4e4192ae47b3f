"""Sending rows as they are read. An answer that ends properly is whole, and one that is not has no proper end."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from aiohttp import HttpVersion11, web
from confluent_kafka import Message

from app.domain.series import SeriesName
from app.errors import PlatformError, Torn
from app.rows.formats import FORMATS, Encoder, Format, encoder
from app.rows.parts import Picker
from app.rows.selection import Selection
from app.tally import Tally
from app.web.packing import Coding, packer
from app.web.reading import STALL, Reading, Shelf
from app.web.taking import taken

logger = logging.getLogger(__name__)

Open = Callable[[], Reading]
#: Seconds for which a reader may take nothing before its connection is given up.
LONGEST_STALL = 900.0
#: Bytes that are written at once.
_SLICE = 262_144


class Told:
    """What is counted of the rows that are given out, by format."""

    def __init__(self) -> None:
        self.rows = Tally([(form,) for form in FORMATS])
        self.bytes = Tally([(form,) for form in FORMATS])
        self.cut = Tally([()])


class Sending:
    """One answer: the rows of one series, or of several one after the other."""

    def __init__(
        self,
        shelf: Shelf,
        told: Told,
        request: web.Request,
        headers: Mapping[str, str],
        form: Format,
        coding: Coding,
        about: Mapping[str, str],
        limit: int | None = None,
    ) -> None:
        """``about`` is put into the schema of formats that have one."""
        self._shelf = shelf
        self._told = told
        self._request = request
        self._response = web.StreamResponse(headers=headers)
        self._form = form
        self._about = about
        self._packer = packer(coding)
        self._left = limit

    async def send(self, series: Sequence[tuple[SeriesName, Selection, Open]]) -> web.StreamResponse:
        """Send the rows of these series, each opened when its turn comes. What goes wrong before the first byte is
        raised; after it the connection is closed."""
        encode: Encoder | None = None
        self._shelf.open += 1
        try:
            for name, selection, opened in series:
                encode = await self._series(name, selection, opened, encode)
                if self._left == 0:
                    break
            assert encode is not None
            await self._write(await self._shelf.encode(lambda: self._packer.end(encode.end())))
            await self._response.write_eof()
        except ConnectionError:
            # Who asked has gone.
            self._cut()
        except (PlatformError, ValueError) as error:
            if not self._response.prepared:
                raise
            self._told.cut.add()
            level = logging.INFO if isinstance(error, Torn) else logging.ERROR
            logger.log(level, "an answer with rows was cut off: %s", error)
            self._cut()
        except BaseException:
            # Also when the process ends: what has begun must not seem to be whole.
            self._cut()
            raise
        finally:
            self._shelf.open -= 1
        return self._response

    async def _series(self, name: SeriesName, selection: Selection, opened: Open, encode: Encoder | None) -> Encoder:
        reading = opened()
        try:
            picker = Picker(name, selection, self._shelf.bodies, self._left)
            # What is there already is read before the head goes out, so that a fault can still be told in words.
            waits = reading.target is None or reading.target.rows == 0
            messages = None if waits else await reading.next()
            if encode is None:
                encode = encoder(self._form, name.record, selection.columns, self._about)
                await self._response.prepare(self._request)
                await self._write(self._packer.pack(encode.begin()), reading)
            elif self._form == "ndjson":
                # Lines that each say what they are: another series may have other columns.
                encode = encoder(self._form, name.record, selection.columns, self._about)
            if waits:
                messages = await reading.next()
            while messages is not None:
                piece = await self._shelf.encode(partial(self._piece, picker, encode, messages))
                # What has been packed is not to lie about while it is sent.
                messages = None
                await self._write(piece, reading)
                if picker.done:
                    break
                messages = await reading.next()
            self._left = picker.left
            return encode
        finally:
            reading.close()

    def _piece(self, picker: Picker, encode: Encoder, messages: Sequence[Message]) -> bytes:
        part = picker.part(messages)
        if len(part.rows) == 0:
            return b""
        self._told.rows.add(self._form, by=len(part.rows))
        return self._packer.pack(encode.write(part))

    async def _write(self, piece: bytes, reading: Reading | None = None) -> None:
        """Send a piece; who takes long to take it does so without holding anything else."""
        if not piece:
            return
        self._told.bytes.add(self._form, by=len(piece))
        writing = asyncio.ensure_future(self._write_all(piece))
        try:
            done, _ = await asyncio.wait({writing}, timeout=STALL)
            if not done and reading is not None:
                await reading.rest()
            await taken(self._request, writing, LONGEST_STALL)
        except BaseException:
            writing.cancel()
            raise

    async def _write_all(self, piece: bytes) -> None:
        # In slices: each is copied once or twice more on its way, and of a reader that stalls only one is.
        whole = memoryview(piece)
        for at in range(0, len(piece), _SLICE):
            await self._response.write(whole[at : at + _SLICE])

    def _cut(self) -> None:
        """Close the connection without the chunk that would end the answer; what was sent arrives."""
        transport = self._request.transport
        if not self._response.prepared or transport is None:
            return
        if self._request.version < HttpVersion11:
            # There are no chunks, and an end of the connection would be an end like any other: it is reset instead, for
            # which the system has to be told not to say good-bye.
            connection = transport.get_extra_info("socket")
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        transport.close()
