"""Real history workers, processes of their own that share the partitions, and what each process takes meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]

from app.errors import LocalServiceError
from app.local.roles import role_service, web_url
from app.local.state import StateDir
from app.local.supervisor import Supervisor
from app.settings import Role
from bench.services import Services
from bench.slots import socket_free

_FINAL = ("complete", "partial", "failed", "cancelled")
_LONGEST = 900.0
#: Seconds between two looks at a backtest's state: the clock's resolution.
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes of one role: ``url`` of the first one's web server, and their pids."""

    url: str
    pids: Sequence[int]


@contextmanager
def workers(services: Services, role: Role, count: int, key: str) -> Iterator[Workers]:
    """Start ``count`` processes of a role; all say that they are ready. ``key`` names their folder for logs."""
    state = StateDir(services.folder / f"{role}-{key}")
    port_name = "web_port" if role == "coordinator" else f"{role}_web_port"
    started, urls = [], []
    for number in range(count):
        with socket_free() as port:
            settings = services.settings.model_copy(update={port_name: port})
        name = f"{role}-{number}"
        started.append(replace(role_service(role, settings, state), name=name, log=state.log(name), after=()))
        urls.append(web_url(settings.web_host, port))
    supervisor = Supervisor(started)
    try:
        supervisor.start()
        supervisor.wait_ready()
        for url in urls:
            _until_ready(url)
        yield Workers(urls[0], list(supervisor.pids().values()))
    finally:
        supervisor.stop()
        state.close()


def backtest(url: str, body: Mapping[str, Any], pids: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Have a backtest run; rows, and seconds from the request until the coordinator tells that all is complete.

    ``cpu_by``: seconds of processor time meanwhile, summed over the processes of each name in ``pids``. ``rss``: the
    resident memory of each process afterwards, in bytes.
    """
    watched = {name: [psutil.Process(pid) for pid in some] for name, some in pids.items()}
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        before = {name: _cpu(some) for name, some in watched.items()}
        begun = time.perf_counter()
        http.post("/historical/stock", json=body).raise_for_status()
        found = _ended(http, str(body["backtest_id"]))
        seconds = time.perf_counter() - begun
        meanwhile = {name: _cpu(some) - before[name] for name, some in watched.items()}
    if found["state"] != "complete":
        raise LocalServiceError(f"backtest {body['backtest_id']} is {found['state']}")
    rss = {name: [process.memory_info().rss for process in some] for name, some in watched.items()}
    return {"rows": int(found["progress"]["rows"]), "seconds": seconds, "cpu_by": meanwhile, "rss": rss}


def _ended(http: httpx.Client, backtest_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + _LONGEST
    while time.monotonic() < deadline:
        answer = http.get(f"/backtests/{backtest_id}")
        # Accepted is not decided: for a moment after the 202 there may be no such backtest yet.
        if answer.status_code != 404:
            found: dict[str, Any] = answer.raise_for_status().json()
            if found["state"] in _FINAL:
                return found
        time.sleep(_LOOK)
    raise LocalServiceError(f"backtest {backtest_id} did not end within {_LONGEST:.0f} s")


def _until_ready(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health/ready", trust_env=False, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise LocalServiceError(f"the worker at {url} did not get ready")


def _cpu(processes: Sequence[psutil.Process]) -> float:
    """Seconds of processor time of these so far."""
    times = [process.cpu_times() for process in processes]
    return float(sum(one.user + one.system for one in times))
