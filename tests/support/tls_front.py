"""A registry behind TLS that asks for a user: a small proxy in front of the embedded one."""

from __future__ import annotations

import http.client
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from certificates import Pair


@contextmanager
def behind_tls(url: str, pair: Pair, user_and_password: str) -> Iterator[str]:
    """The https URL of what is at ``url``, for who knows user and password; others get a 401."""
    behind = urlsplit(url)
    expected = f"Basic {b64encode(user_and_password.encode()).decode()}"

    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Authorization") != expected:
                self._answer(401, "application/json", b'{"error_code":401,"message":"who are you"}')
                return
            connection = http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=30)
            headers = {"Content-Type": self.headers["Content-Type"]} if body else {}
            try:
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                self._answer(answer.status, answer.headers.get("Content-Type", "application/json"), answer.read())
            finally:
                connection.close()

        do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815  the library's names

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    server.daemon_threads = True
    # In the connection's own thread: who does not trust us must not stop the one that accepts.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}{behind.path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
