"""Memory that a process was done with, given back to the system."""

from __future__ import annotations

import contextlib
import ctypes


def give_back() -> None:
    """Have glibc give back what was freed; some milliseconds. Elsewhere this does nothing.

    A client that reads from the brokers is made of many small pieces; when it is gone they lie scattered, and glibc
    would keep the pages between them for ever.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
