"""The commands of the image: start the terminal, or ask whether it is well."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping, Sequence

from terminal import health
from terminal.errors import CannotStart
from terminal.launcher import launch, tell
from terminal.settings import Settings, settings

CANNOT_START = 2

_USAGE = """\
python -m terminal           start the vendor's Theta Terminal, with a proxy in front of it
python -m terminal health    print the terminal's word; 0 if it is connected or busy, else 1

The environment sets:
"""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command; its exit code."""
    match list(arguments):
        case []:
            try:
                return launch(environment)
            except CannotStart as problem:
                tell(str(problem))
                return CANNOT_START
        case ["health"]:
            return _health(environment)
        case ["--help" | "-h"]:
            sys.stdout.write(usage())
            return 0
        case _:
            sys.stderr.write(usage())
            return CANNOT_START


def usage() -> str:
    """The commands and every setting."""
    lines = []
    for setting in settings():
        default = f" Default: {setting.default}." if setting.default else ""
        lines.append(f"  {setting.name}")
        lines.append(textwrap.indent(textwrap.fill(setting.meaning.replace("`", "") + default, 90), "      "))
    return _USAGE + "\n".join(lines) + "\n"


def _health(environment: Mapping[str, str]) -> int:
    try:
        port = Settings.from_environment(environment).http_port
    except CannotStart as problem:
        tell(str(problem))
        return 1
    well, word = health.ask(port)
    sys.stdout.write(f"{word}\n")
    return 0 if well else 1
