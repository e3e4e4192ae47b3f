"""The commands as a shell runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def run_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own, with no more of an environment than it is given."""
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        capture_output=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), "COLUMNS": "200", **environment},
    )
