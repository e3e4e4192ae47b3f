"""The simulator's command line: ``python -m simulator``, and ``python -m app simulator`` by way of :func:`run`."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from simulator.clock import MarketClock, Replay, read_instant
from simulator.faults import rules_from_json
from simulator.formats import JsonDialect
from simulator.server import Simulator
from simulator.service import Options
from simulator.tiers import Tier

HTTP_PORT = 25503
WS_PORT = 25520
#: Calendar days before its first start at which a remembered replay begins.
REPLAY_BACK = 28
WRONG_SETTING = 2


def run(
    *,
    http_port: int = HTTP_PORT,
    ws_port: int | None = None,
    tier: str = "standard",
    latency_ms: float = 0,
    jitter_ms: float = 0,
    seed: int = 1,
    faults: Path | None = None,
    host: str = "127.0.0.1",
    queue_length: int = 16,
    json_dialect: JsonDialect = "new",
    pin_caller: bool = False,
    cache_mb: int = 256,
    ready_file: Path | None = None,
    clock: str | None = None,
    speed: float = 1,
    replay: str | None = None,
    epoch: str | None = None,
    replay_file: Path | None = None,
) -> int:
    """Serve until SIGTERM, SIGINT or ``/v3/terminal/shutdown``; the exit code.

    Prints one line when the ports answer. A wrong setting ends the start with one line and
    exit code 2.
    """
    try:
        if replay_file is not None:
            if replay is not None or epoch is not None:
                raise ValueError("--replay-file says when a replay began: it goes without --replay and --epoch")
            replay, epoch = remembered(replay_file)
        replayed = _replay(replay, speed, epoch)
        options = Options(
            tier=Tier.named(tier),
            seed=seed,
            latency_ms=latency_ms,
            jitter_ms=jitter_ms,
            queue_length=queue_length,
            json_dialect=json_dialect,
            pin_caller=pin_caller,
            cache_bytes=cache_mb * 2**20,
            rules=rules_from_json(faults.read_bytes()) if faults else (),
            clock=MarketClock(read_instant(clock) if clock else None, 1 if replayed else speed),
            replay=replayed,
        )
        asyncio.run(_serve(Simulator(options, host, http_port, ws_port_of(http_port, ws_port)), ready_file))
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"simulator: {' '.join(str(problem).split())}\n")
        return WRONG_SETTING
    return 0


def ws_port_of(http_port: int, ws_port: int | None) -> int:
    """The stream's port where none is named: the vendor's beside the vendor's ``http_port``, and a free one beside any
    other, so that several simulators run side by side."""
    if ws_port is not None:
        return ws_port
    return WS_PORT if http_port == HTTP_PORT else 0


def remembered(file: Path) -> tuple[str, str]:
    """From which day on sessions are replayed, and since when: as a file says, which is written when there is none.

    Where a replay is follows from these two alone, so a simulator that starts again goes on where it would have been.
    Raises ``OSError`` when the file can neither be read nor written.
    """
    try:
        kept = json.loads(file.read_text("utf-8"))
        return str(dt.date.fromisoformat(kept["date"])), dt.datetime.fromisoformat(kept["epoch"]).isoformat()
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError):
        sys.stderr.write(f"simulator: {file} is no record of a replay; it begins anew\n")
    now = dt.datetime.now(dt.UTC)
    kept = {"date": (now.date() - dt.timedelta(days=REPLAY_BACK)).isoformat(), "epoch": now.isoformat()}
    _write_atomically(file, json.dumps(kept))
    return kept["date"], kept["epoch"]


def _replay(date: str | None, speed: float, epoch: str | None) -> Replay | None:
    if date is None:
        if epoch is not None:
            raise ValueError("--epoch says when a replay began: it needs --replay")
        return None
    if speed < 0:
        raise ValueError(f"--speed {speed}: a replay does not go back")
    began = read_instant(epoch) if epoch else dt.datetime.now(dt.UTC)
    return Replay(dt.date.fromisoformat(date), began, speed)


async def _serve(simulator: Simulator, ready_file: Path | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, simulator.ask_to_stop)
    await simulator.start()
    try:
        if ready_file is not None:
            _write_atomically(ready_file, json.dumps({"theta_http": simulator.url, "theta_ws": simulator.ws_url}))
        sys.stdout.write(f"simulator ready: {simulator.url} {simulator.ws_url}\n")
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
    made = argparse.ArgumentParser(prog="simulator", description="A simulator of Theta Terminal: REST v3 and stream.")
    made.add_argument("--http-port", type=int, default=HTTP_PORT, help="0 takes a free port (default: %(default)s)")
    made.add_argument(
        "--ws-port",
        type=int,
        help=f"0 takes a free port (default: {WS_PORT}, a free one if --http-port is not {HTTP_PORT})",
    )
    made.add_argument("--tier", choices=[tier.name.lower() for tier in Tier], default="standard")
    made.add_argument("--latency-ms", type=float, default=0, help="added to each request while it holds its slot")
    made.add_argument("--jitter-ms", type=float, default=0, help="up to so much more latency, at random by the seed")
    made.add_argument("--seed", type=int, default=1, help="another seed is another market (default: %(default)s)")
    made.add_argument("--faults", type=Path, metavar="FILE", help="a JSON list of fault rules, see simulator/faults.py")
    made.add_argument("--host", default="127.0.0.1", help="the address to bind (default: %(default)s)")
    made.add_argument("--queue-length", type=int, default=16, help="requests that wait before one is refused with 429")
    made.add_argument("--json-dialect", choices=get_args(JsonDialect), default="new", help="by the age of the account")
    made.add_argument("--pin-caller", action="store_true", help="answer only the address that asked first; others: 476")
    made.add_argument("--cache-mb", type=int, default=256, help="rendered days kept in memory (default: %(default)s)")
    made.add_argument("--ready-file", type=Path, metavar="PATH", help="gets both URLs as JSON once the ports answer")
    made.add_argument("--clock", metavar="TIME", help="when to begin, such as 2024-07-02T09:29:50 (New York)")
    made.add_argument("--speed", type=float, default=1, help="how fast time goes, the stream's only with --replay")
    made.add_argument("--replay", metavar="DATE", help="stream sessions back to back from that day on, REST as it is")
    made.add_argument("--epoch", metavar="TIME", help="when the replay began, in real time (default: now)")
    made.add_argument(
        "--replay-file",
        type=Path,
        metavar="PATH",
        help=f"stream the last {REPLAY_BACK} days back to back; the file keeps where, for the next start",
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line and serve."""
    return run(**vars(parser().parse_args(argv)))
