"""Ports of the embedded services: free ones, and the same ones again at the next start on the same folder."""

from __future__ import annotations

import random
import socket
import time

from app.errors import LocalServiceError, SettingError
from app.local.state import StateDir

#: Seconds that a kept or preferred port is waited for.
_LINGER = 2.0
#: Below Linux's range of ephemeral ports (32768 and up): a port in that range that is free now may be some
#: client's the moment the broker wants it back.
_RANGE = range(20_000, 32_000)
_FILE = "ports.json"
LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on the port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: connections of a former run that linger in TIME_WAIT do not count as a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            # A port that others listen on under another address admits the bind on some systems, not this.
            probe.listen(1)
        except OSError:
            return False
    return True


class KeptPorts:
    """Hands out one port a name, and remembers it in the state folder."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._given: dict[str, int] = {}

    def port(self, name: str, *, host: str = LOOPBACK, preferred: int | None = None) -> int:
        """The port kept under ``name`` if still free, else the preferred one, else any free one."""
        if name not in self._given:
            kept = self._state.read(_FILE)
            first = [p for p in (kept.get(name), preferred) if isinstance(p, int)]
            others = set(self._given.values()) | {p for n, p in kept.items() if n != name}
            port = next((p for p in first if p not in self._given.values() and _gets_free(p, host)), None)
            self._given[name] = port or _any_free(host, others)
            self._state.write(_FILE, kept | self._given)
        return self._given[name]

    def reserve(self, name: str, port: int, host: str) -> int:
        """Take exactly this port, which a setting names; ``SettingError`` if somebody has it."""
        if not is_free(port, host):
            raise SettingError(name.upper(), f"port {port} on {host} is in use; choose another one, or leave it out")
        self._given[name] = port
        return port


def _gets_free(port: int, host: str) -> bool:
    """Whether a port is free, or soon: a process of many threads that was killed holds its port until the last one
    is gone, when it is long no process any more."""
    deadline = time.monotonic() + _LINGER
    while not is_free(port, host):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _any_free(host: str, taken: set[int]) -> int:
    # In random order, so that two processes starting at once rarely pick the same one.
    for port in random.sample(_RANGE, len(_RANGE)):
        if port not in taken and is_free(port, host):
            return port
    raise LocalServiceError(f"no port from {_RANGE.start} to {_RANGE.stop - 1} is free")
