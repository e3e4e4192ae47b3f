"""Where the time goes, stage by stage, in each path: ``python -m bench.profile [history|options|read|live …]``.

Without arguments all of them. Each brings up what it needs, and removes it.
"""

from __future__ import annotations

import argparse
import importlib

from bench.machine import machine
from bench.services import exit_on_signals

PATHS = ("history", "options", "read", "live")


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", default=PATHS, metavar="PATH", help=f"of {', '.join(PATHS)} (default: all)")
    options = parser.parse_args()
    if unknown := set(options.paths) - set(PATHS):
        parser.error(f"there is no path {', '.join(sorted(unknown))}; choose from {', '.join(PATHS)}")
    exit_on_signals()
    print(machine())
    for name in options.paths:
        importlib.import_module(f"bench.profile_{name}").profile(_say)


if __name__ == "__main__":
    main()
