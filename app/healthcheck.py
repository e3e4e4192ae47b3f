"""``python -m app.healthcheck``: whether the roles of this container do their work, for its health check.

Asks ``/health/ready`` on the port of each role, by the same environment as the roles themselves. A port where nobody
listens is a role that does not run here; one of them has to. With addresses as arguments it asks those instead, and
each has to answer with 200. Exit code 0 for healthy, else 1 with one line that says who is not. Imports next to
nothing: it runs every few seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from app.local.probe import http_status

#: The ports of the roles; a test holds them against ``app/settings.py``, which takes a second to import.
PORTS: Mapping[str, int] = {"WEB_PORT": 6066, "HISTORY_WEB_PORT": 6067, "LIVE_WEB_PORT": 6068}
#: Listening for everybody is listening on loopback too.
_ANYBODY = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def ill(environment: Mapping[str, str], addresses: list[str]) -> str | None:
    """Who is not healthy, in words; None when all are."""
    if addresses:
        told = {address: http_status(address) for address in addresses}
    else:
        host = environment.get("WEB_HOST") or "127.0.0.1"
        host = _ANYBODY.get(host, f"[{host}]" if ":" in host else host)
        ports = [environment.get(name) or str(port) for name, port in PORTS.items()]
        asked = [f"http://{host}:{port}/health/ready" for port in ports]
        # No answer at all: no role of this container has that port.
        told = {address: status for address in asked if (status := http_status(address))}
        if not told:
            return f"no role answers at {host}, ports {', '.join(ports)}"
    return next((f"{address}: {status or 'no answer'}" for address, status in told.items() if status != 200), None)


def main() -> None:
    words = ill(os.environ, sys.argv[1:])
    if words is not None:
        sys.exit(words)


if __name__ == "__main__":
    main()
