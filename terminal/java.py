"""The terminal's process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess

from terminal.command import Command
from terminal.errors import CannotStart


class Java:
    """A running program with its children, which form a process group of their own, so that a signal reaches them all
    (the vendor's launcher may start the core beside itself). Used on one event loop of the main thread.

    In a container this process has the number 1 and inherits whatever lost its parent; all of that is reaped here,
    which asyncio's own processes would not do.
    """

    def __init__(self, command: Command) -> None:
        """Start it; raises :class:`CannotStart`."""
        loop = asyncio.get_running_loop()
        self._code: asyncio.Future[int] = loop.create_future()
        # Before the start: an end that comes at once is noted, as the reaping itself waits for the loop.
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        try:
            self._process = subprocess.Popen(
                command.arguments,
                cwd=command.folder,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as problem:
            loop.remove_signal_handler(signal.SIGCHLD)
            raise CannotStart(
                f"{command.arguments[0]} cannot be started: {problem.strerror}; name another Java by THETA_JAVA"
            ) from None

    async def ended(self) -> int:
        """Wait for its end; the exit code as a shell tells it, 128 + number for a signal."""
        return await asyncio.shield(self._code)

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to all of it; nothing if nobody is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def stop(self, patience: float) -> bool:
        """Ask it to end, then make it end; whether it ended by itself."""
        self.tell(signal.SIGTERM)
        try:
            async with asyncio.timeout(patience):
                await self.ended()
        except TimeoutError:
            return False
        finally:
            self.tell(signal.SIGKILL)
            await self.ended()
        return True

    def _reap(self) -> None:
        # One signal may stand for several ends.
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = found
                if pid == self._process.pid:
                    code = os.waitstatus_to_exitcode(status)
                    self._process.returncode = code
                    self._code.set_result(code if code >= 0 else 128 - code)
