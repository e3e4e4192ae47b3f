"""A command as somebody at a terminal runs it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType


class Terminal:
    """A running command whose input and output are a terminal; ``seen`` is what it has shown."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._end, theirs = pty.openpty()
        self.seen = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(Path.home()),
                "TERM": "xterm",
                "COLUMNS": "160",
                "LINES": "50",
                **environment,
            },
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._end)

    def until(self, words: str, timeout: float = 60) -> None:
        """Read until something is shown."""
        for _ in self._read(timeout):
            if words in self.seen:
                return
        raise AssertionError(f"{words!r} was not shown, but {self.seen!r}")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def ended(self, timeout: float = 60) -> int:
        """Read to the end; the exit code."""
        for _ in self._read(timeout):
            pass
        return self._process.wait(timeout)

    def _read(self, timeout: float) -> Iterator[None]:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not select.select([self._end], [], [], 0.1)[0]:
                continue
            try:
                found = os.read(self._end, 65_536)
            except OSError:
                # The other end is closed.
                return
            if not found:
                return
            self.seen += found.decode(errors="replace")
            yield
