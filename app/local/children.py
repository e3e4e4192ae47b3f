"""Child processes that do not outlive this one, however it ends.

On Linux the kernel kills them with their parent (``PR_SET_PDEATHSIG``, see tether.py). Elsewhere, and as a
second line, the running children are written down in the state folder and the next start ends what is left of
them. A pid alone proves nothing, as it may be somebody else's by then: it counts together with the time its
process was started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.local.state import StateDir

_TETHER = Path(__file__).with_name("tether.py")
_FILE = "children.json"
#: The kernel ties a child to the *thread* that forked it. This one lives as long as the process.
_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="spawner")
_LINUX = sys.platform == "linux"


class Child:
    """A started process in a session of its own: a terminal's Ctrl-C reaches only its parent."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, log_start: int) -> None:
        self._process = process
        self._log = log
        self._log_start = log_start

    @classmethod
    def start(cls, command: Sequence[str], *, log: Path, environment: Mapping[str, str], folder: Path | None) -> Child:
        """Start ``command`` in ``folder`` (None: ours); what it prints is appended to ``log``."""
        tethered = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *command] if _LINUX else [*command]
        with log.open("ab") as output:
            start = output.tell()
            process = _SPAWNER.submit(
                subprocess.Popen,
                tethered,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
            ).result()
        return cls(process, log, start)

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for the end; None if it still runs after ``seconds``."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace: float) -> None:
        """Ask it to end (SIGTERM); kill it when it has not after ``grace`` seconds."""
        if self._process.poll() is None:
            self._process.terminate()
            if self.wait(grace) is None:
                self._process.kill()
        self._process.wait()

    def last_line(self) -> str:
        """The last line that this process printed; empty if none."""
        try:
            with self._log.open("rb") as file:
                file.seek(max(self._log_start, self._log.stat().st_size - 8192))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def started_at(pid: int) -> str | None:
    """When a process was started, as text that no other process of the same pid has; None if it has ended."""
    if _LINUX:
        try:
            # The name in brackets may hold anything, so count from its end: state is field 3, start time 22.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return None if fields[0] in "ZX" else f"{boot} {fields[19]}"
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip() or None


def write_down(state: StateDir, pids: Mapping[str, int]) -> None:
    """Record the running children for the next start."""
    known = {name: {"pid": pid, "started": started_at(pid)} for name, pid in pids.items()}
    state.write(_FILE, known)


def end_leftovers(state: StateDir, within: float = 5) -> list[str]:
    """Kill what a former run on this folder left behind; gives the names.

    Waits until they are gone, for they may still hold ports and files.
    """
    found = []
    for name, entry in state.read(_FILE).items():
        pid, started = entry.get("pid"), entry.get("started")
        if isinstance(pid, int) and started is not None and started_at(pid) == started:
            found.append((name, pid, started))
    for _, pid, _ in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and any(started_at(pid) == started for _, pid, started in found):
        time.sleep(0.02)
    state.remove(_FILE)
    return [name for name, _, _ in found]
