"""A terminal in a few lines: it answers every request with the bytes it was told, whole or cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import pytest


@dataclass(frozen=True)
class Request:
    """What the terminal was asked."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]


class Terminal:
    """A server of raw bytes on a free port. It closes the connection after each answer."""

    def __init__(self) -> None:
        self.answer: bytes | Callable[[Request], bytes | Iterator[bytes]] = b""
        self.requests: list[Request] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(65_536)
            if not part:
                return
            head += part
        line, *headers = head.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        url = urlsplit(line.split(" ")[1])
        pairs = (header.partition(": ") for header in headers)
        request = Request(url.path, dict(parse_qsl(url.query)), {name.lower(): value for name, _, value in pairs})
        self.requests.append(request)
        found = self.answer if isinstance(self.answer, bytes) else self.answer(request)
        try:
            for part in [found] if isinstance(found, bytes) else found:
                connection.sendall(part)
        except OSError:
            # The client has had enough.
            return


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    running = Terminal()
    yield running
    running.close()


@pytest.fixture
def refusing_url() -> str:
    """The address of a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
