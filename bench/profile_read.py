"""Where the time of reading goes, stage by stage: in the platform's reader, in the coordinator, and in its client.

Each is a process of its own, which reads a finished series of one-second bars twice; the second time is told. The
coordinator is one more beside the platform's own, run as in production with its functions wrapped.
"""

from __future__ import annotations

import asyncio.selector_events
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
from confluent_kafka import Consumer

from app.client import reading, tables, wire
from app.client.frames import ArrowFrames
from app.kafka import reader
from app.kafka.pages import Pages
from app.local.children import Child
from app.local.roles import environment_of, web_url
from app.rows import formats
from app.rows.bodies import Bodies
from app.rows.parts import Picker
from app.settings import load
from app.web.sending import Sending
from app.worker import run_role
from bench import read_reader
from bench.finished import BACKTEST, Finished, finished
from bench.ports import free_port
from bench.read_endpoint import read as read_endpoint
from bench.read_frame import Asked
from bench.running import ended
from bench.services import ROOT
from bench.stages import Stages, show
from bench.waiting import until_ready

ROWS = 1_000_000
#: How often the coordinator writes down what its stages took, in seconds.
_TOLD_EVERY = 0.2
_SOCKET_WRITES = ("write", "writelines", "_write_ready", "_write_send", "_write_sendmsg")
_LOOP = "event loop, rest"


def profile(say: Callable[[str], None]) -> None:
    """Bring everything up, have the series read, and print a table for each process."""
    with finished(ROWS, say) as run:
        in_process = run.services.run("bench.profile_read", "reader", _asked(run, run.web).as_json())
        with _coordinator(run) as (url, told):
            before = orjson.loads(told.read_bytes())
            client = run.services.run("bench.profile_read", "client", _asked(run, url).as_json())
            time.sleep(3 * _TOLD_EVERY)
            after = orjson.loads(told.read_bytes())
    show("read, in the process itself", in_process)
    show("read, the coordinator (Arrow, twice)", _difference(before, after, client), "other threads (librdkafka)")
    show("read, its client", client, "client, rest")


# --- the reader and the client --------------------------------------------------------------------------------


class _Consumer(Consumer):
    """confluent-kafka's, whose own methods cannot be wrapped where they are."""

    def consume(self, *args: Any, **kwargs: Any) -> Any:
        return super().consume(*args, **kwargs)


def _instrument_reader(stages: Stages) -> None:
    stages.wrap(_Consumer, "consume", "consume")
    vars(reader)["Consumer"] = _Consumer
    stages.wrap(Bodies, "rows", "decode Avro")
    stages.wrap(read_reader, "arrow_batch", "to Arrow")
    stages.wrap(read_reader, "frame_of", "to pandas")


def _instrument_client(stages: Stages) -> None:
    stages.wrap(wire._Answers, "more", "HTTP read")
    stages.wrap(ArrowFrames, "feed", "frames of the stream")
    stages.wrap(reading, "_batch", "Arrow batches")
    stages.wrap(tables, "to_pandas", "to pandas")


def _measured(read: Callable[[Asked], pd.DataFrame], asked: Asked, stages: Stages) -> dict[str, Any]:
    read(asked)
    stages.clear()
    cpu, wall = time.process_time(), time.perf_counter()
    rows = len(read(asked))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"rows": rows, "seconds": wall, "cpu": cpu, **stages.told()}


# --- the coordinator ------------------------------------------------------------------------------------------


@contextmanager
def _coordinator(run: Finished) -> Iterator[tuple[str, Path]]:
    """A coordinator with its stages timed; its URL, and the file in which they are."""
    settings = run.platform.settings.model_copy(update={"web_port": free_port()})
    told, log = run.services.folder / "stages.json", run.services.folder / "profiled.log"
    command = [sys.executable, "-m", "bench.profile_read", "coordinator", str(told)]
    child = Child.start(command, log=log, environment=environment_of(settings), folder=ROOT)
    try:
        url = web_url(settings.web_host, settings.web_port)
        until_ready([url], ended(child, log))
        yield url, told
    finally:
        child.stop(15)


def _instrument_coordinator(stages: Stages) -> None:
    stages.wrap(Pages, "next", "consume")
    stages.wrap(Picker, "part", "values of messages, choice")
    stages.wrap(Bodies, "rows", "decode Avro")
    stages.wrap(formats._Arrow, "write", "to Arrow")
    stages.wrap(Sending, "_piece", "a page, rest")
    # asyncio has no other place at which bytes go out.
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    for name in _SOCKET_WRITES:
        if hasattr(transport, name):
            stages.wrap(transport, name, "HTTP write")


def _write_down(stages: Stages, told: Path) -> None:
    """Keep a file with what the stages took so far. The event loop's thread is the main one."""
    ident = threading.main_thread().ident
    assert ident is not None
    clock = time.pthread_getcpuclockid(ident)
    new = told.with_suffix(".new")
    while True:
        found = stages.told() | {"cpu": time.process_time(), "loop": time.clock_gettime(clock)}
        new.write_bytes(orjson.dumps(found))
        new.replace(told)
        time.sleep(_TOLD_EVERY)


def _difference(before: dict[str, Any], after: dict[str, Any], client: dict[str, Any]) -> dict[str, Any]:
    """What the coordinator took for both readings; the loop's time beside its writing to sockets is a stage too."""
    found: dict[str, Any] = {"rows": 2 * client["rows"], "seconds": 2 * client["seconds"]}
    found["cpu"] = after["cpu"] - before["cpu"]
    for by in ("cpu_by", "wall_by"):
        found[by] = {name: spent - before[by].get(name, 0.0) for name, spent in after[by].items()}
    found["cpu_by"][_LOOP] = after["loop"] - before["loop"] - found["cpu_by"].get("HTTP write", 0.0)
    found["wall_by"][_LOOP] = found["cpu_by"][_LOOP]
    return found


def _asked(run: Finished, web: str) -> Asked:
    return Asked(run.topic, run.end, web, BACKTEST, run.rows, ())


def main() -> None:
    """Arguments: ``reader`` or ``client`` and what is asked, or ``coordinator`` and the file for its stages."""
    what, argument = sys.argv[1:]
    stages = Stages()
    if what == "coordinator":
        _instrument_coordinator(stages)
        threading.Thread(target=_write_down, args=(stages, Path(argument)), daemon=True).start()
        # Faust looks at the arguments of the program.
        sys.argv = sys.argv[:1]
        run_role(load(), "coordinator")
    asked = Asked.from_json(argument)
    if what == "reader":
        read_reader.settle()
        _instrument_reader(stages)
        found = _measured(read_reader.read, asked, stages)
    else:
        _instrument_client(stages)
        found = _measured(read_endpoint, asked, stages)
    print(orjson.dumps(found).decode())


if __name__ == "__main__":
    main()
