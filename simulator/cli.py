"""The simulator's command line: ``python -m simulator``, and ``python -m app simulator`` by way of :func:`run`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from simulator.faults import rules_from_json
from simulator.formats import JsonDialect
from simulator.server import Simulator
from simulator.service import Options
from simulator.tiers import Tier

HTTP_PORT = 25503
WS_PORT = 25520
WRONG_SETTING = 2


def run(
    *,
    http_port: int = HTTP_PORT,
    ws_port: int = WS_PORT,
    tier: str = "standard",
    latency_ms: float = 0,
    jitter_ms: float = 0,
    seed: int = 1,
    faults: Path | None = None,
    host: str = "127.0.0.1",
    queue_length: int = 16,
    json_dialect: JsonDialect = "new",
    cache_mb: int = 256,
    ready_file: Path | None = None,
) -> int:
    """Serve until SIGTERM, SIGINT or ``/v3/terminal/shutdown``; the exit code.

    Prints one line when the port answers. ``ws_port`` is accepted for the WebSocket that is still to come.
    A wrong setting ends the start with one line and exit code 2.
    """
    try:
        options = Options(
            tier=Tier.named(tier),
            seed=seed,
            latency_ms=latency_ms,
            jitter_ms=jitter_ms,
            queue_length=queue_length,
            json_dialect=json_dialect,
            cache_bytes=cache_mb * 2**20,
            rules=rules_from_json(faults.read_bytes()) if faults else (),
        )
        asyncio.run(_serve(options, host, http_port, ready_file))
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"simulator: {' '.join(str(problem).split())}\n")
        return WRONG_SETTING
    return 0


async def _serve(options: Options, host: str, http_port: int, ready_file: Path | None) -> None:
    simulator = Simulator(options, host, http_port)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, simulator.ask_to_stop)
    await simulator.start()
    try:
        if ready_file is not None:
            _write_atomically(ready_file, json.dumps({"theta_http": simulator.url}))
        sys.stdout.write(f"simulator ready: {simulator.url}\n")
        sys.stdout.flush()
        await simulator.until_stopped()
    finally:
        await simulator.stop()


def _write_atomically(path: Path, text: str) -> None:
    """Through a file beside it, so that who waits for the file never reads half of it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as beside:
        beside.write(text)
    Path(beside.name).replace(path)


def parser() -> argparse.ArgumentParser:
    """The options; every one is optional."""
    made = argparse.ArgumentParser(prog="simulator", description="A simulator of Theta Terminal, REST v3.")
    made.add_argument("--http-port", type=int, default=HTTP_PORT, help="0 takes a free port (default: %(default)s)")
    made.add_argument(
        "--ws-port", type=int, default=WS_PORT, help="accepted and not opened: the WebSocket comes in a later version"
    )
    made.add_argument("--tier", choices=[tier.name.lower() for tier in Tier], default="standard")
    made.add_argument("--latency-ms", type=float, default=0, help="added to each request while it holds its slot")
    made.add_argument("--jitter-ms", type=float, default=0, help="up to so much more latency, at random by the seed")
    made.add_argument("--seed", type=int, default=1, help="another seed is another market (default: %(default)s)")
    made.add_argument("--faults", type=Path, metavar="FILE", help="a JSON list of fault rules, see simulator/faults.py")
    made.add_argument("--host", default="127.0.0.1", help="the address to bind (default: %(default)s)")
    made.add_argument("--queue-length", type=int, default=16, help="requests that wait before one is refused with 429")
    made.add_argument("--json-dialect", choices=get_args(JsonDialect), default="new", help="by the age of the account")
    made.add_argument("--cache-mb", type=int, default=256, help="rendered days kept in memory (default: %(default)s)")
    made.add_argument("--ready-file", type=Path, metavar="PATH", help='gets {"theta_http": URL} once the port answers')
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line and serve."""
    return run(**vars(parser().parse_args(argv)))
