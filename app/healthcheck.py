"""``python -m app.healthcheck``: whether the roles of this container do their work, for its health check.

Asks ``/health/ready`` on the port of each role, by the same environment as the roles themselves. A port where nobody
listens is a role that does not run here; one of them has to. With addresses as arguments it asks those instead, and
each has to answer with 200. Exit code 0 for healthy, else 1 with one line that says who is not. Imports next to
nothing: it runs every few seconds.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Iterable, Mapping
from threading import Thread
from urllib.parse import urlsplit

#: The ports of the roles; a test holds them against ``app/settings.py``, which takes a second to import.
PORTS: Mapping[str, int] = {"WEB_PORT": 6066, "HISTORY_WEB_PORT": 6067, "LIVE_WEB_PORT": 6068}
#: Seconds for each answer; the images end a check after five.
PATIENCE = 3.0
REFUSED = "refused"
#: Listening for everybody is listening on loopback too.
_ANYBODY = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def ill(environment: Mapping[str, str], addresses: list[str]) -> str | None:
    """Who is not healthy, in words; None when all are."""
    if addresses:
        told = _asked(addresses)
    else:
        host = environment.get("WEB_HOST") or "127.0.0.1"
        host = _ANYBODY.get(host, f"[{host}]" if ":" in host else host)
        ports = [environment.get(name) or str(port) for name, port in PORTS.items()]
        told = _asked(f"http://{host}:{port}/health/ready" for port in ports)
        # Nobody listens there: no role of this container has that port. One that listens and is silent is ill.
        told = {address: status for address, status in told.items() if status != REFUSED}
        if not told:
            return f"no role answers at {host}, ports {', '.join(ports)}"
    return next((f"{address}: {status}" for address, status in told.items() if status != "200"), None)


def _asked(addresses: Iterable[str]) -> dict[str, str]:
    """The status of each, asked all at once: together they have to be done before the check itself is ended."""
    told: dict[str, str] = {}
    threads = [Thread(target=lambda one=one: told.__setitem__(one, _status(one)), daemon=True) for one in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def _status(address: str) -> str:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        connection.request("GET", parts.path or "/")
        return str(connection.getresponse().status)
    except ConnectionRefusedError:
        return REFUSED
    except (OSError, http.client.HTTPException) as problem:
        return f"no answer ({problem or type(problem).__name__})"
    finally:
        connection.close()


def main() -> None:
    words = ill(os.environ, sys.argv[1:])
    if words is not None:
        sys.exit(words)


if __name__ == "__main__":
    main()
