"""Whether the terminal is connected to its servers, as it says itself.

Asked on the loopback and never by way of the proxy or another address: the first to ask is the one address that the
terminal answers from then on. The stream is not asked at all: it admits one client, and a probe would throw it out.
"""

from __future__ import annotations

import http.client

from terminal.settings import LOOPBACK

PATH = "/v3/terminal/mdds/status"
_BUSY = 429
_LONGEST = 200


def ask(port: int, timeout: float = 5.0) -> tuple[bool, str]:
    """Whether it is well, and its word (``CONNECTED``, ``DISCONNECTED``, ``UNVERIFIED``, ``ERROR``) or what else came.
    A busy terminal refuses even this (429) and is well."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    try:
        connection.request("GET", PATH, headers={"Connection": "close"})
        answer = connection.getresponse()
        word = " ".join(answer.read(_LONGEST).decode(errors="replace").split())
    except (OSError, http.client.HTTPException) as problem:
        return False, f"UNREACHABLE ({problem or type(problem).__name__})"
    finally:
        connection.close()
    if answer.status == _BUSY:
        return True, "BUSY (429)"
    if answer.status != http.HTTPStatus.OK:
        return False, f"{answer.status} {word}"
    return word == "CONNECTED", word
