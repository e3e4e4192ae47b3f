"""HTTP as no client would send it: the bytes of a request as they are, and the answer."""

from __future__ import annotations

import contextlib
import http.client
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """Status 0: the server closed the connection without one."""

    status: int
    headers: dict[str, str]
    body: bytes


def send_raw(
    url: str, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes, timeout: float = 60
) -> Answer:
    """Send one request on a connection of its own; a length that fits the body is put before the other headers."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    lines = [b"%s %s HTTP/1.1" % (method, target), b"Host: %s" % parts.netloc.encode(), b"Connection: close"]
    lines += [b"Content-Length: %d" % len(body), *(b"%s: %s" % header for header in headers), b"", b""]
    with socket.create_connection((parts.hostname, parts.port), timeout=timeout) as connection:
        # It may answer, and close, before it has read everything.
        with contextlib.suppress(OSError):
            connection.sendall(b"\r\n".join(lines) + body)
        response = http.client.HTTPResponse(connection, method=method.decode("latin-1"))
        try:
            response.begin()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except (http.client.HTTPException, ConnectionError):
            return Answer(0, {}, b"")
        finally:
            response.close()
