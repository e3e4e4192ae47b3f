"""How the terminal is started: arguments, environment, folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from terminal.credentials import ApiKey, Login
from terminal.errors import CannotStart
from terminal.settings import Settings

API_KEY = "THETADATA_API_KEY"
"""The vendor's variable. Every process can read another's arguments, its environment only its own user."""

TMP = "tmp"
"""Folder for temporary files, in the terminal's home."""

_NOT_PASSED_ON = (
    API_KEY,  # it would go before the credentials file
    "THETATERMINALID",  # it would shift the terminal's ports
)


@dataclass(frozen=True)
class Command:
    """A program that is ready to be started."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path


def java_command(settings: Settings, account: Login | ApiKey, environment: Mapping[str, str]) -> Command:
    """The vendor's launcher with everything it is told; raises :class:`CannotStart` when there is no Java."""
    java = shutil.which(settings.java, path=environment.get("PATH", os.defpath))
    if java is None:
        raise CannotStart(f"THETA_JAVA={settings.java}: there is no such program; install Java 21 or name it")
    # Java takes its user's home from the list of users, not from HOME.
    arguments = [java, f"-Xms{settings.heap}", f"-Xmx{settings.heap}", f"-Duser.home={settings.home}"]
    # Libraries unpack native code there to run it, which a container's /tmp mostly forbids.
    arguments.append(f"-Djava.io.tmpdir={settings.home / TMP}")
    arguments += ["-jar", str(settings.jar_file)]
    passed_on = {name: value for name, value in environment.items() if name not in _NOT_PASSED_ON}
    passed_on["HOME"] = str(settings.home)
    match account:
        case Login(file):
            arguments.append(f"--creds-file={file}")
        case ApiKey(key):
            passed_on[API_KEY] = key
    if settings.config_file is not None:
        arguments.append(f"--config={settings.config_file}")
    return Command(tuple(arguments), passed_on, settings.home)
