"""What the terminal's own configuration says of its ports, beside what is set here."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from terminal.errors import CannotStart
from terminal.settings import Settings

_PORT, _WS_PORT = 25503, 25520
"""What the terminal listens on when it is told nothing (vendor, "Getting Started")."""


def check(settings: Settings) -> str | None:
    """A warning if the terminal seems to be told other ports than the proxy asks. It is no error: the names in the
    file are the vendor's and may change."""
    told = _read(settings.config_file) if settings.config_file else {}
    fpss = told.get("fpss", {})
    ports = (told.get("port", _PORT), fpss.get("ws_port", _WS_PORT) if isinstance(fpss, dict) else _WS_PORT)
    if ports == (settings.http_port, settings.ws_port):
        return None
    return (
        f"the terminal seems to be told the ports {ports[0]} and {ports[1]} (`port`, `ws_port` of [fpss]), but "
        f"THETA_HTTP_PORT={settings.http_port} and THETA_WS_PORT={settings.ws_port}: make them the same"
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise CannotStart(
            f"THETA_CONFIG_FILE={file} cannot be read: {problem.strerror}; put it there or leave it out"
        ) from None
    except ValueError as problem:
        raise CannotStart(f"THETA_CONFIG_FILE={file} is no TOML: {problem}; set it right or leave it out") from None
