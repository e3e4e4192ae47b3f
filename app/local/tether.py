"""Runs a command that dies with its parent: ``python -I -S tether.py <parent's pid> <command> …``.

A program of its own, between fork and exec: what must happen there (prctl) would not be safe as Python code
in the forked copy of a process with threads. The pid stays the same. Imports nothing of the platform: it is
on the way of every start.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    parent = int(sys.argv[1])
    if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit("prctl(PR_SET_PDEATHSIG) is refused here")
    if os.getppid() != parent:  # it died before the tether was tied
        sys.exit(0)
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        sys.exit(f"{sys.argv[2]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main()
