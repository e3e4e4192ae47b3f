"""How fast the stream is: ``python -m simulator.stream.speed`` prints events a second and what they cost.

A simulator in a process of its own against one client that only counts frames. *share* is the part of one core that
the simulator's process takes, *gap* the longest time between two keep-alives, which come every second. Each case goes
over the end of a replayed session, so that loading the next one is in it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from simulator.instruments import symbols
from simulator.stream.frames import wire

_EVENT, _STATUS, _ANSWER = b'"contract":', b'"type":"STATUS"', b'"type":"REQ_RESPONSE"'
_SECONDS = 30.0
_UNTIL_CLOSE = 25.0  # when the process starts
_LONGEST = max(map(len, (_EVENT, _STATUS, _ANSWER)))

_BUSY = ("TSLA", "SPY", "NVDA", "AAPL", "QQQ", "AMD", "AMZN", "MSFT")
_SMALL = [f"SYM{n}" for n in range(100)]
_CASES: tuple[tuple[str, Sequence[str], float], ...] = (
    ("200 small stock series, speed 50", _SMALL, 50),
    ("200 small stock series, speed 200", _SMALL, 200),
    ("16 busy stock series, speed 60", _BUSY, 60),
    ("16 busy stock series, speed 400", _BUSY, 400),
    ("200 stock series, 60 of them busy", [*symbols()[:30], *_SMALL[:70]], 200),
)


def main() -> None:
    """Print the table."""
    print(f"{'':34}{'events/s':>10}{'lost':>8}{'share':>8}{'gap, s':>8}{'MB':>7}")
    for name, roots, speed in _CASES:
        _measure(name, roots, speed)


def _measure(name: str, roots: Sequence[str], speed: float) -> None:
    played = dt.timedelta(hours=6.5) / speed - dt.timedelta(seconds=_UNTIL_CLOSE)
    epoch = dt.datetime.now(dt.UTC) - played
    replay = ("--replay", "2024-07-02", "--speed", str(speed), "--epoch", epoch.isoformat())
    command = [sys.executable, "-m", "simulator", "--http-port", "0", "--tier", "pro", *replay]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            http, stream = process.stdout.readline().split(": ", 1)[1].split()
            client = _Client(stream)
            client.subscribe(roots)
            before, began = _cpu(process.pid), time.perf_counter()
            events, gap = client.count(began + _SECONDS)
            share = (_cpu(process.pid) - before) / _SECONDS
            lost = json.loads(urllib.request.urlopen(http + "/sim/stream").read())["events_lost"]
            memory = _memory(process.pid)
            print(f"{name:34}{events / _SECONDS:>10,.0f}{lost:>8,}{share:>8.0%}{gap:>8.2f}{memory:>7.0f}")
        finally:
            process.terminate()


class _Client:
    """A WebSocket at its barest: what it receives is searched for marks and not read."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port or 0))
        self._socket.sendall(
            f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        self._rest = b""

    def subscribe(self, roots: Sequence[str]) -> None:
        """Trades and quotes of stocks, until all are answered."""
        asks = [(root, kind) for root in roots for kind in ("TRADE", "QUOTE")]
        for number, (root, kind) in enumerate(asks):
            message = {"msg_type": "STREAM", "sec_type": "STOCK", "req_type": kind, "add": True, "id": number}
            frame = wire(json.dumps(message | {"contract": {"root": root}}).encode())
            begin = 4 if frame[1] == 126 else 2
            # A client's frames are masked; a mask of zeros changes nothing.
            masked = frame[:1] + bytes((frame[1] | 0x80,)) + frame[2:begin] + bytes(4) + frame[begin:]
            self._socket.sendall(masked)
        answered = 0
        while answered < len(asks):
            answered += self._received(_ANSWER)[0]

    def count(self, until: float) -> tuple[int, float]:
        """The events until then, and the longest gap between two keep-alives."""
        events, gap, last = 0, 0.0, time.perf_counter()
        while (now := time.perf_counter()) < until:
            found, alive = self._received(_EVENT, _STATUS)
            events += found
            if alive:
                gap, last = max(gap, now - last), now
        return events, gap

    def _received(self, *marks: bytes) -> list[int]:
        data = self._rest + self._socket.recv(1 << 20)
        kept = data[-_LONGEST + 1 :]
        self._rest = kept
        return [data.count(mark) - kept.count(mark) for mark in marks]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
