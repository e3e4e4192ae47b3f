"""The simulator in the terminal's place, as a process of its own.

Its stream replays sessions of the last weeks back to back, day and night, so that there is something to see at any
hour; its history is that of the real calendar. When the replay began is remembered in the state folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from app.local.ports import LOOPBACK, KeptPorts
from app.local.service import PROGRAM, Service
from app.local.state import StateDir

NAME = "simulator"
_READY_FILE = "ready.json"
_REPLAY_FILE = "replay.json"


class SimulatedTerminal:
    """The simulator on a state folder. It writes a file once it serves; its port stays from start to start."""

    def __init__(self, state: StateDir, ports: KeptPorts, environment: Mapping[str, str], tier: str | None) -> None:
        self._log = state.log(NAME)
        self._ready_file = state.folder(NAME) / _READY_FILE
        self._environment = environment
        self._tier = tier
        self._state = state
        self._port = ports.port(NAME)
        self._ws_port = ports.port(f"{NAME}_ws")

    @property
    def url(self) -> str:
        """The base URL of its REST API."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def ws_url(self) -> str:
        """The URL of its WebSocket."""
        return f"ws://{LOOPBACK}:{self._ws_port}/v1/events"

    def service(self) -> Service:
        return Service(
            name=NAME,
            command=self._prepare,
            log=self._log,
            ready=self._is_ready,
            environment=self._environment,
            grace=5,
            exit_2_is_final=True,
        )

    def _prepare(self) -> list[str]:
        self._ready_file.unlink(missing_ok=True)  # the former process's word does not count
        tier = ("--tier", self._tier) if self._tier else ()
        ports = ("--http-port", str(self._port), "--ws-port", str(self._ws_port))
        replay = ("--replay-file", str(self._state.path / _REPLAY_FILE))
        return [*PROGRAM, "simulator", *ports, "--ready-file", str(self._ready_file), *tier, *replay]

    def _is_ready(self) -> bool:
        try:
            return "theta_http" in json.loads(self._ready_file.read_text("utf-8"))
        except (OSError, ValueError):  # not there yet, or being written
            return False
