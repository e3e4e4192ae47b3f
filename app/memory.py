"""Memory that a process was done with: given back to the system, and looked for seldom enough."""

from __future__ import annotations

import contextlib
import ctypes
import gc


def give_back() -> None:
    """Have glibc give back what was freed; some milliseconds. Elsewhere this does nothing.

    A client that reads from the brokers is made of many small pieces; when it is gone they lie scattered, and glibc
    would keep the pages between them for ever.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def collect_seldom() -> None:
    """Have the collector look less often at objects that stay: messages are read by the ten thousand.

    A collection for every few hundred messages takes half of the time in which they are read, and one of everything
    holds all other answers up for a tenth of a second (``make bench ONLY=read``).
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
