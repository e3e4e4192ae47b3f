"""Real history workers, processes of their own that share the partitions, and what each process takes meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]

from app.local.roles import role_service, web_url
from app.local.state import StateDir
from app.local.supervisor import Supervisor
from app.settings import Role, Settings
from bench.ports import free_port
from bench.waiting import completed, until_ready
from bench.watch import cpu_of


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes of one role: the URLs of their web servers, and their pids."""

    urls: Sequence[str]
    pids: Sequence[int]


@contextmanager
def workers(settings: Settings, folder: Path, role: Role, count: int) -> Iterator[Workers]:
    """Within, so many processes of a role run, all ready. ``settings`` have every address filled in; ``folder`` is for
    their logs."""
    state = StateDir(folder)
    port_name = "web_port" if role == "coordinator" else f"{role}_web_port"
    started, urls = [], []
    for number in range(count):
        own = settings.model_copy(update={port_name: free_port()})
        name = f"{role}-{number}"
        started.append(replace(role_service(role, own, state), name=name, log=state.log(name), after=()))
        urls.append(web_url(own.web_host, own.web_port_of(role)))
    supervisor = Supervisor(started)
    try:
        supervisor.start()
        supervisor.wait_ready()
        until_ready(urls)
        yield Workers(urls, list(supervisor.pids().values()))
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
        found = completed(http, str(body["backtest_id"]))
        seconds = time.perf_counter() - begun
        meanwhile = {name: _cpu(some) - before[name] for name, some in watched.items()}
    rss = {name: [process.memory_info().rss for process in some] for name, some in watched.items()}
    return {"rows": int(found["progress"]["rows"]), "seconds": seconds, "cpu_by": meanwhile, "rss": rss}


def _cpu(processes: Sequence[psutil.Process]) -> float:
    """Seconds of processor time of these so far."""
    return sum(map(cpu_of, processes))
