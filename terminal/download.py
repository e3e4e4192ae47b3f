"""A file over HTTP, to its last byte or not at all."""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from typing import IO

from terminal.settings import is_loopback, is_safe

SILENCE = 30.0
"""Seconds without a byte after which a server is given up."""
DEADLINE = 900.0
"""Seconds for all of it."""

_BLOCK = 1 << 16


class Interrupted(Exception):
    """It did not come whole; the message says why."""


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only where the URL itself might have led."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        # From outside, a redirect to the loopback would be a way to what listens here.
        if not is_safe(newurl) or (is_loopback(newurl) and not is_loopback(req.full_url)):
            raise Interrupted(f"it leads on to {shown(newurl)}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def shown(url: str) -> str:
    """A URL as it may be printed: its query may be a key."""
    return url.partition("?")[0]


def stream(url: str, into: IO[bytes], *, silence: float = SILENCE, deadline: float = DEADLINE) -> str:
    """Write what a URL has into a file; its SHA-256 as hexadecimal digits. Raises :class:`Interrupted`, and ``OSError``
    only for the file."""
    until = time.monotonic() + deadline
    found = hashlib.sha256()
    size = 0
    with _opened(url, silence) as response:
        length = response.length
        while block := _block(response):
            into.write(block)
            found.update(block)
            size += len(block)
            if time.monotonic() > until:
                raise Interrupted(f"after {deadline:.0f} s only {size} bytes were there")
        # Python tells of an end that came too early only for chunked answers.
        if length is not None and size != length:
            raise Interrupted(f"it ended after {size} of {length} bytes")
    return found.hexdigest()


def _opened(url: str, silence: float) -> http.client.HTTPResponse:
    # What the environment says of proxies is for the way out.
    proxies = urllib.request.ProxyHandler({} if is_loopback(url) else None)
    try:
        response = urllib.request.build_opener(proxies, _SafeRedirects()).open(url, timeout=silence)
    except urllib.error.HTTPError as problem:
        problem.close()
        raise Interrupted(f"the server says {problem.code} {problem.reason}") from None
    except (OSError, ValueError, http.client.HTTPException) as problem:  # also a redirect to what is no URL
        raise Interrupted(_why(problem)) from None
    assert isinstance(response, http.client.HTTPResponse)
    return response


def _block(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_BLOCK)
    except (OSError, http.client.HTTPException) as problem:
        raise Interrupted(_why(problem)) from None


def _why(problem: Exception) -> str:
    reason = problem.reason if isinstance(problem, urllib.error.URLError) else problem
    return " ".join(f"{reason}".split()) or type(problem).__name__
