"""The settings, all from the environment. What each means and its default stands once, at its field; the help text and
``docs/terminal.md`` say the same.

Secrets are in a file and never in a setting: a container's environment is shown by ``docker inspect``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from terminal.errors import CannotStart

LOOPBACK = "127.0.0.1"
"""Never ``localhost``, which may be ``::1``: the terminal takes them for different callers (vendor, "Error Codes")."""

_LOOPBACK_NAMES = (LOOPBACK, "localhost", "::1")
_LONGEST_QUOTED = 80


@dataclass(frozen=True)
class Setting:
    """A variable of the environment. ``read`` raises ``ValueError`` that says what the value must be; a value that may
    have been taken for the credential itself is not ``quoted``."""

    name: str
    default: str
    meaning: str
    read: Callable[[str], Any]
    quoted: bool = True

    def value(self, environment: Mapping[str, str]) -> Any:
        """What is set, or the default; empty counts as not set, as compose files pass on what is not there."""
        text = environment.get(self.name, "").strip() or self.default
        try:
            return self.read(text)
        except ValueError as problem:
            given = f"{self.name}={text[:_LONGEST_QUOTED]}" if self.quoted else self.name
            raise CannotStart(f"{given}: it must be {problem}; set it right or leave it out") from None


def is_loopback(url: str) -> bool:
    """Whether a URL leads nowhere but to this host."""
    return urlsplit(url).hostname in _LOOPBACK_NAMES


def is_safe(url: str) -> bool:
    """Whether what comes from a URL is what its host sent: https, or nothing in between."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)))


def _path(text: str) -> Path:
    # The terminal runs in a folder of its own, where a relative one would mean something else.
    if not text.startswith("/"):
        raise ValueError("an absolute path")
    return Path(text)


def _maybe_path(text: str) -> Path | None:
    return _path(text) if text else None


def _url(text: str) -> str:
    try:
        if is_safe(text) and "@" not in urlsplit(text).netloc:
            return text
    except ValueError:
        pass  # not a URL at all
    raise ValueError("an https URL without a user in it")


def _sha256(text: str) -> str | None:
    if text and not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError("64 hexadecimal digits")
    return text.lower() or None


def _heap(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*[kKmMgG]", text):
        raise ValueError("a size such as 2g or 1536m")
    return text


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65_535:
        raise ValueError("a port from 1 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]+)?", text):
        raise ValueError("seconds, from 0 to 9999")
    return float(text)


def _told(
    name: str, default: str, meaning: str, read: Callable[[str], Any], *, quoted: bool = True
) -> dict[str, Setting]:
    return {"setting": Setting(name, default, meaning, read, quoted)}


@dataclass(frozen=True)
class Settings:
    """Everything that can be set."""

    credentials_file: Path = field(
        metadata=_told(
            "THETA_CREDENTIALS_FILE",
            "/run/secrets/theta_credentials",
            "The account: two lines, e-mail and password, or one line, an API key (`td1_…`).",
            _path,
            quoted=False,
        )
    )
    home: Path = field(
        metadata=_told(
            "THETA_HOME",
            "/var/lib/theta",
            "The terminal's folder, a volume: its launcher keeps the core, logs and more in it.",
            _path,
        )
    )
    jar: Path | None = field(
        metadata=_told(
            "THETA_JAR", "", "The vendor's launcher; not set: `ThetaTerminalv3.jar` in `THETA_HOME`.", _maybe_path
        )
    )
    jar_url: str = field(
        metadata=_told(
            "THETA_JAR_URL",
            "https://downloads.thetadata.us/ThetaTerminalv3.jar",
            "Where the launcher is fetched from if it is not there.",
            _url,
        )
    )
    jar_sha256: str | None = field(
        metadata=_told("THETA_JAR_SHA256", "", "What the launcher must hash to, mounted or fetched.", _sha256)
    )
    heap: str = field(metadata=_told("THETA_HEAP", "2g", "Java's heap, least and most (`-Xms`, `-Xmx`).", _heap))
    java: str = field(metadata=_told("THETA_JAVA", "java", "The Java to run, 21 or later.", str))
    config_file: Path | None = field(
        metadata=_told("THETA_CONFIG_FILE", "", "The terminal's own `config.toml`, passed on.", _maybe_path)
    )
    http_port: int = field(
        metadata=_told(
            "THETA_HTTP_PORT", "25503", "Where the terminal answers; another one must stand in its config file.", _port
        )
    )
    ws_port: int = field(
        metadata=_told("THETA_WS_PORT", "25520", "Where it streams; another one must stand in its config file.", _port)
    )
    proxy_host: str = field(metadata=_told("PROXY_HOST", "0.0.0.0", "The address the proxy binds.", str))
    proxy_http_port: int = field(
        metadata=_told("PROXY_HTTP_PORT", "25603", "Where others reach `THETA_HTTP_PORT`.", _port)
    )
    proxy_ws_port: int = field(metadata=_told("PROXY_WS_PORT", "25620", "Where others reach `THETA_WS_PORT`.", _port))
    stop_seconds: float = field(
        metadata=_told(
            "THETA_STOP_SECONDS", "20", "How long the terminal may take to end before it is killed.", _seconds
        )
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read and check all of them; raises :class:`CannotStart`."""
        made = cls(**{found.name: _setting(found).value(environment) for found in dataclasses.fields(cls)})
        made._check_ports()
        return made

    @property
    def jar_file(self) -> Path:
        """Where the launcher is, or will be once it is fetched."""
        return self.jar or self.home / "ThetaTerminalv3.jar"

    def _check_ports(self) -> None:
        # On the wildcard address, the default, a proxy's port cannot be one of the terminal's.
        ports = {
            "THETA_HTTP_PORT": self.http_port,
            "THETA_WS_PORT": self.ws_port,
            "PROXY_HTTP_PORT": self.proxy_http_port,
            "PROXY_WS_PORT": self.proxy_ws_port,
        }
        taken: dict[int, str] = {}
        for name, port in ports.items():
            if port in taken:
                raise CannotStart(f"{name}={port}: {taken[port]} is the same port; give each its own")
            taken[port] = name


def settings() -> list[Setting]:
    """All settings in the order of the fields."""
    return [_setting(found) for found in dataclasses.fields(Settings)]


def _setting(found: dataclasses.Field[Any]) -> Setting:
    told = found.metadata["setting"]
    assert isinstance(told, Setting)
    return told
