"""An environment beside the project's own, for contestants whose dependencies cannot be in that.

``.venv-bench`` at the root is made from ``bench/requirements.lock`` on first use, and anew when that has changed: its
mark ``.ready`` holds the lock's digest. Nothing of ours is installed there: contestants are run as modules of
``bench`` from the root, and import neither ``app`` nor what needs it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.services import ROOT

FOLDER = ROOT / ".venv-bench"
_LOCK = Path(__file__).with_name("requirements.lock")
_READY = FOLDER / ".ready"
#: Seconds for all downloads, about 30 MB.
_LONGEST = 300


def python(leave_out: Callable[[str], None], say: Callable[[str], None]) -> Path | None:
    """The environment's interpreter, made first where there is none; None where it cannot be (offline, for one), and
    ``leave_out`` is told why."""
    interpreter = FOLDER / ("Scripts" if os.name == "nt" else "bin") / "python"
    wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    if _READY.exists() and _READY.read_text() == wanted:
        return interpreter
    say(f"making {FOLDER.name} from {_LOCK.relative_to(ROOT)}")
    install = (interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
    try:
        for command in ((sys.executable, "-m", "venv", "--clear", FOLDER), (*install, "-r", _LOCK)):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_LONGEST, env=clean())
    except (OSError, subprocess.SubprocessError) as error:
        told = str(getattr(error, "stderr", None) or error).strip().splitlines()
        leave_out(f"what needs {FOLDER.name} is left out, as that could not be made: {told[-1] if told else error}")
        return None
    _READY.write_text(wanted)
    return interpreter


def clean() -> dict[str, str]:
    """Our environment variables without those that would lead an interpreter to other packages."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
