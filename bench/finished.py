"""A platform with one finished series in it, for measurements of reading: one-second bars of one stock."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import psutil  # type: ignore[import-untyped]

from app.domain import sessions
from app.errors import LocalServiceError
from app.local.platform import ENDPOINTS, LocalPlatform
from bench.ports import web_ports
from bench.services import Services, bench_services
from bench.waiting import completed
from bench.workload import START

BACKTEST = "bench"
#: Rows of a session that are not empty, about.
_ROWS_A_SESSION = 22_000


@dataclass(frozen=True)
class Finished:
    """Where the series is. ``rows`` are those of its receipt; it ends before offset ``end``."""

    services: Services
    platform: LocalPlatform
    http: httpx.Client
    coordinator: psutil.Process
    topic: str
    rows: int
    end: int

    @property
    def web(self) -> str:
        return self.platform.endpoints.web

    def curl(self, query: str) -> dict[str, float]:
        """Have ``curl`` fetch the rows: ``seconds`` from its start to the last byte, ``first`` to the first one."""
        url = f"{self.web}/backtests/{BACKTEST}/data?{query}"
        form = "%{http_code} %{time_total} %{time_starttransfer} %{size_download}"
        command = ["curl", "-sS", "-o", "/dev/null", "-w", form, url]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        if told[0] != "200":
            raise LocalServiceError(f"{url} answered {told[0]}")
        return {"rows": self.rows, "seconds": float(told[1]), "first": float(told[2]), "bytes": int(told[3])}

    @contextmanager
    def stalled(self, readers: int) -> Iterator[None]:
        """Within, so many readers have asked for the series as Arrow and read no more than its head."""
        with contextlib.ExitStack() as stack:
            for _ in range(readers):
                reader = stack.enter_context(contextlib.closing(socket.socket()))
                # So that little is hidden in the kernel.
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
                reader.connect(("127.0.0.1", int(self.web.rpartition(":")[2])))
                path = f"/backtests/{BACKTEST}/data?format=arrow"
                reader.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                reader.recv(1000)
            yield


@contextmanager
def finished(rows: int, say: Callable[[str], None]) -> Iterator[Finished]:
    """Broker, registry, simulator and the roles as ``local`` starts them, with a complete series of about ``rows``
    rows. All of it is a process each."""
    with bench_services(say) as services:
        folder = services.folder / "platform"
        settings = services.settings.model_copy(update={**web_ports(), "state_dir": folder, "theta_tier": "pro"})
        with LocalPlatform(settings) as platform:
            pids = orjson.loads((folder / ENDPOINTS).read_bytes())["pids"]
            with httpx.Client(base_url=platform.endpoints.web, timeout=60, trust_env=False) as http:
                series, receipt = _written(http, rows)
                topic, count, end = series["topic"], int(receipt["rows"]), int(receipt["offsets"]["0"][1])
                say(f"{count:,} rows in {topic}")
                yield Finished(services, platform, http, psutil.Process(pids["coordinator"]), topic, count, end)


def _written(http: httpx.Client, rows: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Have the series written; what is told of it, and its receipt."""
    needed = max(1, round(rows / _ROWS_A_SESSION))
    days = sessions.sessions(START, START + dt.timedelta(days=2 * needed + 14))
    body = {"backtest_id": BACKTEST, "ticker": "AAPL", "interval": "1s"}
    body |= {"start": START.isoformat(), "end": days[needed - 1].date.isoformat()}
    http.post("/historical/stock", json=body).raise_for_status()
    found = completed(http, BACKTEST)
    return found["series"][0], found["receipts"][0]
