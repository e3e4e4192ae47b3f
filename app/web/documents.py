"""Documents that stay as they are while a process runs: descriptions, and the parts of pages."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from aiohttp import web

from app.web.negotiation import best_encoding

#: To be asked for again each time, which costs nothing while it is the same; or never, for its name tells the version.
REVALIDATE, FOREVER = "no-cache", "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Document:
    """A body that is answered again and again. ``headers`` go with it."""

    body: bytes
    content_type: str
    cache: str = REVALIDATE
    headers: dict[str, str] = field(default_factory=dict)

    @cached_property
    def etag(self) -> str:
        """Names what it says: its digest, as long as is needed."""
        return hashlib.sha256(self.body).hexdigest()[:32]

    @cached_property
    def _small(self) -> bytes:
        return gzip.compress(self.body, mtime=0)

    def answer(self, request: web.Request) -> web.Response:
        """The document as this client wants it, or 304 when it has it already."""
        small = best_encoding(request.headers.get("Accept-Encoding"), ("gzip",)) == "gzip"
        headers = {**self.headers, "Cache-Control": self.cache, "Vary": "Accept-Encoding"}
        # Other bytes have another name.
        headers["ETag"] = f'"{self.etag}-gzip"' if small else f'"{self.etag}"'
        known = {tag.value for tag in request.if_none_match or ()}
        if known & {"*", self.etag, f"{self.etag}-gzip"}:
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = self.content_type
        if small:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=self._small if small else self.body, headers=headers)
