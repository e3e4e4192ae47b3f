"""Asking a local service over HTTP whether it is ready."""

from __future__ import annotations

import http.client
import json
from typing import Any
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


def role_started(url: str) -> bool:
    """Whether a role's ``/health/ready`` says ready, or that nothing but the terminal is missing.

    A terminal that does not answer is a state, not an error: a real one may take minutes to boot.
    """
    status, body = http_get(f"{url}/health/ready")
    return status == 200 or (status == 503 and set(missing(body)) == {"terminal"})


def missing(body: bytes) -> list[str]:
    """What a 503 names as missing: its member ``missing``, a list of names."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return []
    named = answer.get("missing") if isinstance(answer, dict) else None
    return [str(name) for name in named] if isinstance(named, list) else []
