"""SIGTERM in the middle of everything: each role ends within ten seconds with exit code 0, and the next one goes on."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import closing

import httpx
import pytest
from chance import FULL
from crew import Crew
from harness import until
from live import market, moment
from truth import answered, same, verify
from watch import SMALL, rows_of, undisturbed
from workers import Worker

from app.domain.worker_report import REPORT_EVERY
from app.settings import Role

pytestmark = pytest.mark.integration

#: What the platform promises, in seconds; in every run of the tests only that a stop ends, for the machine may be busy.
GRACE = 10.0 if FULL else 60.0
WORK = {"tickers": ["AAPL", "AMD", "GE", "MSFT"], "start": "2024-07-01", "end": "2024-07-03", "interval": "1s"}
#: Some requests hang for longer than anybody may wait, in front of the answer or in the middle of it.
HANGING = [
    {"match": {"path": "/history/"}, "fault": {"kind": "stall", "seconds": 60}, "probability": 0.2},
    {
        "match": {"path": "/history/"},
        "fault": {"kind": "stall", "seconds": 60, "after_bytes": 50_000},
        "probability": 0.2,
    },
]


def stop(crew: Crew, worker: Worker) -> None:
    """Ask a worker to end by SIGTERM; it does, in time and without a fault, and the next one takes its place."""
    told, pid = len(crew.events), worker.pid
    seconds = worker.ended(GRACE)
    print(f"  {worker.name} ended {seconds:.1f} s after SIGTERM")
    worker.followed(pid)
    ends = [event for event in crew.events[told:] if event.startswith(f"{worker.name} ended")]
    assert ends == [f"{worker.name} ended (exit code 0), starting it again"]


@pytest.mark.timeout(600)
def test_history_stops_with_open_transactions_and_hanging_requests(crew: Crew) -> None:
    platform = crew.platform
    clean = undisturbed(crew, WORK)
    platform.simulator.set_faults(HANGING)
    name = platform.ask(**WORK)
    rows_of(crew, name, 1)
    for worker in crew.of("history"):
        until("requests that hang", lambda w=worker: w.metric("fdp_history_slots_in_use"), 60)  # type: ignore[misc]
        stop(crew, worker)
    platform.simulator.set_faults([])
    done = platform.finished(name, 300)
    same(done, clean)
    for receipt in done["receipts"]:
        verify(platform, receipt)


@pytest.mark.timeout(600)
def test_live_stops_while_the_stream_runs_and_history_is_slow(crew: Crew) -> None:
    platform = crew.platform
    (worker,) = crew.of("live")
    with market(platform, f"{next(crew.days)}T10:00:20", 5) as found:
        topics = found.subscribe(tickers=["GE", "JPM"], schema="trade")
        topics += found.subscribe(tickers=["GE"], schema="ohlcv", interval="1s")
        since = {topic: moment(found.live(topic)["since"]) for topic in topics}
        # A gap that is to be mended: its repair hangs.
        platform.simulator.set_faults(HANGING)
        platform.simulator.stream_fault("upstream_down", seconds=0.5)
        stop(crew, worker)
        platform.simulator.set_faults([])
        worker.ready()
        end = found.clock()
        found.all_covered(topics, end, 120)
        rows = sum(found.compare(topic, since[topic], end) for topic in topics)
    print(f"  {rows} live rows, each once")


@pytest.mark.timeout(600)
def test_a_coordinator_stops_while_requests_keep_coming_and_connections_stay_open(crew: Crew) -> None:
    platform = crew.platform
    names: list[str] = []
    over = threading.Event()

    def keep_asking() -> None:
        while not over.is_set():
            names.append(platform.ask(**SMALL))

    asking = threading.Thread(target=keep_asking, daemon=True)
    asking.start()
    try:
        for worker in crew.of("coordinator"):
            worker.ready()
            until("requests", lambda: names, 60)
            with half_sent(worker), httpx.Client(trust_env=False) as idle:
                assert idle.get(f"http://127.0.0.1:{worker.port}/health/live").status_code == 200
                stop(crew, worker)
    finally:
        over.set()
        asking.join(120)
    assert not asking.is_alive(), "a request was never answered"
    for name in names:
        assert platform.finished(name, 300)["state"] == "complete"
    print(f"  {len(names)} requests asked for meanwhile; {answered(platform)} messages on requests all answered")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", ["coordinator", "history", "live"])
def test_a_role_stops_while_the_broker_takes_nothing(crew: Crew, role: Role) -> None:
    worker = crew.of(role)[0]
    worker.ready()
    pid = worker.pid
    frozen = crew.broker.send(signal.SIGSTOP)
    try:
        # Meanwhile it wants to report, at the least.
        time.sleep(2 * REPORT_EVERY + 1)
        seconds = worker.ended(GRACE)
    finally:
        os.kill(frozen, signal.SIGCONT)
    print(f"  {worker.name} ended {seconds:.1f} s after SIGTERM")
    worker.followed(pid)
    crew.ready()


def half_sent(worker: Worker) -> closing[socket.socket]:
    """A connection with a request whose body does not come."""
    connection = socket.create_connection(("127.0.0.1", worker.port))
    connection.sendall(b"POST /backtests HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    return closing(connection)


@pytest.mark.timeout(600)
def test_a_coordinator_stops_while_rows_are_read_and_their_answers_have_no_proper_end(crew: Crew) -> None:
    platform = crew.platform
    whole = undisturbed(crew, WORK)
    # The last day does not come for as long as this takes.
    platform.simulator.set_faults([{"match": {"date": "2024-07-03"}, "fault": {"kind": "stall", "seconds": 30}}])
    name = platform.ask(**WORK)
    for worker in crew.of("coordinator"):
        worker.ready()
        topic = f"stock-aapl-ohlcv1s-historical-{name}"
        following = Reader(worker, f"/backtests/{name}/data?series={topic}&follow=true")
        stalled = Reader(worker, f"/backtests/{whole['backtest_id']}/data?series={whole['series'][0]['topic']}", 100)
        watching = Reader(worker, f"/backtests/{name}/events")
        readers = [following, stalled, watching]
        until("all answers to begin", lambda some=readers: all(one.begun for one in some), 60)  # type: ignore[misc]
        stop(crew, worker)
        assert not following.ended_well()
        assert not stalled.ended_well()
        # Events may end where they like: what counts is the last state that was told.
        watching.ended_well()
    platform.simulator.set_faults([])
    same(platform.finished(name, 300), whole)


class Reader:
    """Reads an answer to its end, or takes a few bytes and then none until it is asked how it ended."""

    def __init__(self, worker: Worker, path: str, most: int | None = None) -> None:
        self._connection = socket.create_connection(("127.0.0.1", worker.port), timeout=60)
        if most is not None:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{worker.port}\r\n\r\n".encode())
        self._most = most
        self._tail = b""
        self._go_on = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def begun(self) -> bool:
        return bool(self._tail)

    def ended_well(self) -> bool:
        self._go_on.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the answer did not end"
        return self._tail.endswith(b"\r\n0\r\n\r\n")

    def _read(self) -> None:
        with self._connection:
            if self._most is not None:
                self._tail = self._connection.recv(self._most)
                self._go_on.wait(120)
            try:
                while piece := self._connection.recv(65_536):
                    self._tail = (self._tail + piece)[-1_000:]
            except ConnectionResetError:
                pass
