"""The jar: taken as it is if it is there, else fetched whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from terminal import download
from tests.unit.terminal.conftest import Place, until

_MADE = io.BytesIO()
with zipfile.ZipFile(_MADE, "w") as _zip:
    _zip.writestr("core.bin", os.urandom(300_000))
JAR = _MADE.getvalue()
SHA256 = hashlib.sha256(JAR).hexdigest()


class Vendor:
    """A server of the jar. ``length`` is what it says, ``body`` what it sends; then it may wait for the end."""

    def __init__(self) -> None:
        self.body, self.length, self.chunked, self.status, self.stalls = JAR, len(JAR), False, 200, False
        self.location = ""
        self.asked: list[str] = []
        self.ended = threading.Event()
        self.url = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        request.send_response(self.status)
        if self.location:
            request.send_header("Location", self.location)
        if self.chunked:
            request.send_header("Transfer-Encoding", "chunked")
        else:
            request.send_header("Content-Length", str(self.length))
        request.end_headers()
        request.wfile.write(b"%x\r\n%s" % (self.length, self.body) if self.chunked else self.body)
        request.wfile.flush()
        if self.stalls:
            self.ended.wait(60)


@pytest.fixture
def vendor(place: Place) -> Iterator[Vendor]:
    made = Vendor()
    with serving(made):
        place.jar.unlink()
        place.environment["THETA_JAR_URL"] = made.url
        # A proxy of the environment is not for the loopback.
        place.environment["http_proxy"] = "http://127.0.0.1:9"
        yield made


@contextmanager
def serving(vendor: Vendor) -> Iterator[None]:
    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            vendor.answer(self)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    vendor.url = f"http://127.0.0.1:{server.server_address[1]}/ThetaTerminalv3.jar?key=hidden"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield
    finally:
        vendor.ended.set()
        server.shutdown()
        server.server_close()


def left(place: Place) -> list[str]:
    """The jar and what else is beside it."""
    return sorted(found.name for found in place.folder.iterdir() if ".jar" in found.name)


def test_a_jar_that_is_not_there_is_fetched_once(place: Place, vendor: Vendor) -> None:
    place.environment["THETA_JAR_SHA256"] = SHA256.upper()
    place.java("sys.exit(5)")
    running = place.start()
    assert running.ended() == 5
    assert "terminal: fetching http://127.0.0.1" in running.lines[0]
    assert "hidden" not in running.output
    assert place.jar.read_bytes() == JAR
    assert place.start().ended() == 5
    assert len(vendor.asked) == 1
    assert left(place) == ["launcher.jar"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_download_that_is_cut_off_is_not_taken_for_the_jar(place: Place, vendor: Vendor, chunked: bool) -> None:
    vendor.body, vendor.chunked = JAR[:200_000], chunked
    running = place.start()
    assert running.ended() == 2
    assert "could not be fetched: " in running.lines[-1]
    assert ("it ended after 200000 of" in running.lines[-1]) is not chunked
    assert "try again, or mount the file and name it by THETA_JAR" in running.lines[-1]
    assert left(place) == []


def test_a_page_is_not_taken_for_the_jar(place: Place, vendor: Vendor) -> None:
    vendor.body = b"<html>Please log in</html>"
    vendor.length = len(vendor.body)
    running = place.start()
    assert running.ended() == 2
    assert "is not a whole jar: try again, or mount the file" in running.lines[-1]
    assert left(place) == []


@pytest.mark.parametrize("cut", [0, 1, 1000])
def test_a_mounted_jar_must_be_whole(place: Place, cut: int) -> None:
    place.jar.write_bytes(JAR[: len(JAR) - cut])
    if cut:
        assert f"the jar {place.jar} is not a whole jar: put the right one there" in place.refused()
    else:
        place.start()
        place.told()


@pytest.mark.parametrize("mounted", [False, True])
def test_another_checksum_is_refused_whether_the_jar_was_mounted_or_fetched(
    place: Place, vendor: Vendor, mounted: bool
) -> None:
    if mounted:
        place.jar.write_bytes(JAR)
    place.environment["THETA_JAR_SHA256"] = "0" * 64
    running = place.start()
    assert running.ended() == 2
    assert f"has the SHA-256 {SHA256}, not THETA_JAR_SHA256=0000" in running.lines[-1]
    assert left(place) == (["launcher.jar"] if mounted else [])
    assert len(vendor.asked) == (not mounted)


def test_a_refusal_of_the_server_is_told(place: Place, vendor: Vendor) -> None:
    vendor.status = 404
    running = place.start()
    assert running.ended() == 2
    assert "could not be fetched: the server says 404 Not Found" in running.lines[-1]


@pytest.mark.parametrize("location", ["http://example.com/x.jar", "ftp://example.com/x.jar"])
def test_a_redirect_leads_only_where_the_url_might(place: Place, vendor: Vendor, location: str) -> None:
    vendor.status, vendor.location = 302, location
    running = place.start()
    assert running.ended() == 2
    assert f"could not be fetched: it leads on to {location}, which is not https" in running.lines[-1]
    assert left(place) == []


def test_nobody_there(place: Place) -> None:
    place.jar.unlink()
    place.environment["THETA_JAR_URL"] = f"http://127.0.0.1:{place.http_port}/"
    running = place.start()
    assert running.ended() == 2
    assert "could not be fetched: [Errno 111] Connection refused; try again" in running.lines[-1]


def test_a_stop_in_the_middle_of_a_download_ends_it_at_once_and_leaves_nothing(place: Place, vendor: Vendor) -> None:
    vendor.body, vendor.stalls = JAR[:1000], True
    running = place.start()
    until(lambda: left(place))
    running.signal(signal.SIGTERM)
    assert running.ended(10) == 0
    assert left(place) == []
    assert not (place.home / "told.json").exists()


def test_what_a_kill_left_is_removed_but_no_download_that_may_still_run(place: Place, vendor: Vendor) -> None:
    old, young = (place.folder / f".launcher.jar.part-{name}" for name in ("old", "young"))
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - download.DEADLINE - 60,) * 2)
    place.java("sys.exit(5)")
    assert place.start().ended() == 5
    assert left(place) == [young.name, "launcher.jar"]
    assert vendor.asked


def test_a_silent_server_and_one_that_takes_for_ever_are_given_up() -> None:
    vendor = Vendor()
    vendor.body, vendor.stalls = JAR[:1000], True
    with serving(vendor):
        with pytest.raises(download.Interrupted, match="timed out"):
            download.stream(vendor.url, io.BytesIO(), silence=0.1)
        with pytest.raises(download.Interrupted, match="after 0 s only 1000 bytes"):
            download.stream(vendor.url, io.BytesIO(), deadline=0)
