"""Another coordinator of a platform, which asks for a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from harness import Platform, free_port, until

from app.local.roles import role_service
from app.local.state import StateDir
from app.local.supervisor import Supervisor


@contextmanager
def guarded_coordinator(platform: Platform, folder: Path, token: str) -> Iterator[str]:
    """Its address, once it is ready; ``folder`` is its own."""
    port = free_port()
    changed = platform.local.settings.model_copy(update={"web_port": port, "api_tokens": token})
    state = StateDir(folder)
    service = replace(role_service("coordinator", changed, state), name="guarded", log=state.log("guarded"), after=())
    supervisor = Supervisor([service])
    supervisor.start()
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/health/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    try:
        until("the guarded coordinator", ready, 90)
        yield url
    finally:
        supervisor.stop()
