"""Rows a second by ``curl`` from the coordinator, beside a plain consumer that only counts, in one run.

``python -m bench.read_path`` brings up broker, registry, simulator and platform, has a backtest of one series run, and
reads it by turns. Meanwhile it asks for other things and looks at the coordinator's memory. The rates hang on the
machine; what counts are the ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.domain import sessions
from app.local.platform import LocalPlatform
from bench.machine import machine
from bench.services import Services, bench_services, exit_on_signals
from bench.workload import START

#: What is read, by what it is called with.
ASKED = {
    "arrow": "format=arrow",
    "parquet": "format=parquet",
    "ndjson": "format=ndjson",
    "csv": "format=csv",
}
#: Of the rows a second of the plain consumer, at least; most bytes of memory and seconds of other answers.
GOALS = {"arrow": 0.5, "parquet": 0.3}
MOST_RSS, MOST_SECONDS = 300e6, 0.1
#: Rows of a session that are not empty, about, and stalled readers.
ROWS_A_SESSION, STALLED = 19_000, 10
Result = dict[str, Any]


@dataclass
class Watch:
    """The coordinator from outside: its memory, and how long other answers take."""

    pid: int
    client: httpx.Client
    paths: tuple[str, ...]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    rss: list[int] = field(default_factory=list)

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        over = threading.Event()
        threads = [threading.Thread(target=look, args=(over,)) for look in (self._ask, self._weigh)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _ask(self, over: threading.Event) -> None:
        while not over.wait(0.1):
            for path in self.paths:
                begun = time.perf_counter()
                self.client.get(path).raise_for_status()
                self.seconds.setdefault(path, []).append(time.perf_counter() - begun)

    def _weigh(self, over: threading.Event) -> None:
        while not over.wait(0.05):
            self.rss.append(of_process(self.pid)["rss"])


def spread(values: list[float], form: str) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):{form}}  ({min(values):{form}} to {max(values):{form}})"


def of_process(pid: int) -> dict[str, int]:
    """Resident bytes, threads and file handles of a process."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    handles = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return {"rss": int(lines["VmRSS"].split()[0]) * 1024, "threads": int(lines["Threads"]), "handles": handles}


class Run:
    """One platform with one complete series in it."""

    def __init__(self, services: Services, rows: int) -> None:
        ports = {f"{name}web_port": _free_port() for name in ("", "history_", "live_")}
        folder = services.folder / "platform"
        settings = services.settings.model_copy(update={**ports, "state_dir": folder, "theta_tier": "pro"})
        self.services = services
        self.platform = LocalPlatform(settings)
        self._rows = rows

    def start(self) -> None:
        self.platform.start()
        self.http = httpx.Client(base_url=self.platform.endpoints.web, timeout=60, trust_env=False)
        pids = json.loads((self.platform.state_dir / "endpoints.json").read_text())["pids"]
        self.pid = int(pids["coordinator"])

    def fill(self) -> None:
        """Have the series written; until it is complete."""
        needed = -(-self._rows // ROWS_A_SESSION)
        days = sessions.sessions(START, START + dt.timedelta(days=2 * needed + 14))
        body = {"backtest_id": "bench", "ticker": "AAPL", "interval": "1s"}
        body |= {"start": START.isoformat(), "end": days[needed - 1].date.isoformat()}
        self.http.post("/historical/stock", json=body).raise_for_status()
        while True:
            found = self.http.get("/backtests/bench").json()
            if found["state"] == "complete":
                break
            if found["state"] in ("failed", "partial"):
                raise SystemExit(f"the series could not be written: {found['series']}")
            time.sleep(0.2)
        self.topic = found["series"][0]["topic"]
        self.rows = int(found["receipts"][0]["rows"])

    def bare(self) -> Result:
        found = self.services.run("bench.read_bare", self.topic)
        if found["rows"] != self.rows:
            raise SystemExit(f"{found['rows']} rows by the plain consumer, {self.rows} by the receipt")
        return found

    def curl(self, query: str, *options: str) -> Result:
        url = f"{self.platform.endpoints.web}/backtests/bench/data?{query}"
        form = "%{http_code} %{time_total} %{time_starttransfer} %{size_download}"
        command = ["curl", "-sS", "-o", "/dev/null", "-w", form, *options, url]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        if told[0] != "200":
            raise SystemExit(f"{url} answered {told[0]}")
        return {"rows": self.rows, "seconds": float(told[1]), "first": float(told[2]), "bytes": int(told[3])}

    def stalled(self) -> tuple[dict[str, int], dict[str, int]]:
        """The coordinator before there are readers that have stopped reading, and with them."""
        self.curl("format=arrow&limit=1")
        time.sleep(3)
        before = of_process(self.pid)
        with contextlib.ExitStack() as stack:
            for _ in range(STALLED):
                reader = stack.enter_context(contextlib.closing(socket.socket()))
                # So that little is hidden in the kernel.
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
                reader.connect(("127.0.0.1", int(self.platform.endpoints.web.rpartition(":")[2])))
                reader.sendall(b"GET /backtests/bench/data?format=arrow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                reader.recv(1000)
            time.sleep(8)
            return before, of_process(self.pid)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def rate(one: Result) -> float:
    return float(one["rows"] / one["seconds"])


def milliseconds(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return (
        f"p50 {statistics.median(ordered) * 1e3:.1f}, p99 {p99 * 1e3:.1f}, "
        f"max {ordered[-1] * 1e3:.1f} ms of {len(ordered)}"
    )


def measure(run: Run, rounds: int) -> None:
    before = of_process(run.pid)["rss"]
    watch = Watch(run.pid, run.http, ("/health/live", "/backtests/bench"))
    bare: list[Result] = []
    ours: dict[str, list[Result]] = {name: [] for name in ASKED}
    names = list(ASKED)
    run.bare()
    for number in range(rounds):
        bare.append(run.bare())
        for name in names if number % 2 == 0 else reversed(names):
            with watch.looking():
                ours[name].append(run.curl(ASKED[name]))
            print(f"  round {number + 1}: {name:8} {rate(ours[name][-1]):10,.0f} rows/s", flush=True)
        bare.append(run.bare())
        print(f"  round {number + 1}: bare     {rate(bare[-2]):10,.0f} and {rate(bare[-1]):,.0f} rows/s", flush=True)
    show(bare, ours)
    after = of_process(run.pid)["rss"]
    most = max(watch.rss)
    print(
        f"coordinator's memory: {before / 1e6:.0f} MB before, {most / 1e6:.0f} at most, {after / 1e6:.0f} after; "
        f"goal at most {MOST_RSS / 1e6:.0f}, {'met' if most < MOST_RSS else 'missed'}"
    )
    for path, seconds in watch.seconds.items():
        met = "met" if max(seconds) < MOST_SECONDS else "missed"
        print(f"GET {path} meanwhile: {milliseconds(seconds)}; goal under {MOST_SECONDS * 1e3:.0f}, {met}")
    idle, with_them = run.stalled()
    more = {name: with_them[name] - idle[name] for name in idle}
    print(
        f"{STALLED} readers that stopped reading: {more['threads']:+d} threads, {more['handles']:+d} file handles, "
        f"{more['rss'] / 1e6:+.1f} MB"
    )


def show(bare: list[Result], ours: dict[str, list[Result]]) -> None:
    print(f"\nmedian (least to most), {bare[0]['rows']:,} rows")
    print(f"  plain consumer, only counting: {spread([rate(one) for one in bare], ',.0f')} rows/s")
    mean = statistics.median(rate(one) for one in bare)
    for name, found in ours.items():
        ratio = statistics.median(rate(one) for one in found) / mean
        goal = f"; goal {GOALS[name]}, {'met' if ratio >= GOALS[name] else 'missed'}" if name in GOALS else ""
        size = found[0]["bytes"] / found[0]["rows"]
        print(
            f"  {name}: {spread([rate(one) for one in found], ',.0f')} rows/s, {ratio:.2f} of it{goal}; "
            f"{size:.1f} bytes a row, the first after {statistics.median(one['first'] for one in found) * 1e3:.0f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.read_path", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of the series, about (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    options = parser.parse_args()
    exit_on_signals()
    print(machine())
    with bench_services(print) as services:
        run = Run(services, options.rows)
        try:
            run.start()
            run.fill()
            print(f"{run.rows:,} rows in {run.topic}", flush=True)
            measure(run, options.rounds)
        finally:
            run.platform.stop()


if __name__ == "__main__":
    main()
