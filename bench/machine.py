"""What a measurement was made on, in so far as its figures hang on it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import confluent_kafka


def cores() -> int:
    """Processors that we may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def described() -> dict[str, Any]:
    """Cores, processor, memory in GB (10^9 bytes), system and versions; ``load`` is the last minute's, where known."""
    found: dict[str, Any] = {
        "cores": cores(),
        "processor": _cpu_model(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "confluent_kafka": confluent_kafka.__version__,
        "librdkafka": confluent_kafka.libversion()[0],
    }
    if hasattr(os, "getloadavg"):
        found["load"] = round(os.getloadavg()[0], 1)
    return found


def machine() -> str:
    """The same in a line."""
    one = described()
    load = f", load {one['load']} at the start" if "load" in one else ""
    return f"{one['cores']} cores ({one['processor']}), {one['system']}, {one['python']}{load}"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None
