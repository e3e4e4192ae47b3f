"""Ports of this machine for what a measurement starts."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def web_ports() -> dict[str, int]:
    """The settings of the roles' web servers, each with such a port."""
    return {f"{name}web_port": free_port() for name in ("", "history_", "live_")}
