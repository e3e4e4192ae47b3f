"""Content codings for streams: every piece can be unpacked as soon as it has arrived."""

from __future__ import annotations

from typing import Literal, Protocol

import cramjam

Coding = Literal["zstd", "gzip", "identity"]
#: Those that are offered, the best first: at these levels both are fast, and zstd is smaller.
CODINGS: tuple[Coding, ...] = ("zstd", "gzip")
_LEVEL = 1


class Packer(Protocol):
    """Packs what is sent, piece by piece; without what ``end`` gives it is not whole."""

    def pack(self, piece: bytes) -> bytes: ...

    def end(self, piece: bytes) -> bytes: ...


def packer(coding: Coding) -> Packer:
    match coding:
        case "zstd":
            return _Packed(cramjam.zstd.Compressor(level=_LEVEL))
        case "gzip":
            return _Packed(cramjam.gzip.Compressor(level=_LEVEL))
        case _:
            return _Plain()


class _Plain:
    def pack(self, piece: bytes) -> bytes:
        return piece

    def end(self, piece: bytes) -> bytes:
        return piece


class _Packed:
    def __init__(self, compressor: cramjam.gzip.Compressor | cramjam.zstd.Compressor) -> None:
        self._compressor = compressor

    def pack(self, piece: bytes) -> bytes:
        if not piece:
            return b""
        self._compressor.compress(piece)
        return bytes(self._compressor.flush())

    def end(self, piece: bytes) -> bytes:
        if piece:
            self._compressor.compress(piece)
        return bytes(self._compressor.finish())
