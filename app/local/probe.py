"""Asking a local service over HTTP whether it is ready."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit


def http_get(url: str, timeout: float = 2) -> tuple[int, bytes]:
    """Status and body; (0, b"") when there is no answer. Uses no proxy: the service is on this machine."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def http_status(url: str) -> int:
    return http_get(url)[0]


def role_started(url: str, instance: str) -> bool:
    """Whether the role that was started as ``instance`` says that it does its work.

    A terminal that is away does not keep it from that. Another platform's role on the same port, taken between
    choosing it and listening on it, is not ours.
    """
    status, body = http_get(f"{url}/health/ready")
    try:
        return status == 200 and json.loads(body).get("instance") == instance
    except ValueError:
        return False
