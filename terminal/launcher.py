"""From settings to a running terminal, and to its end.

Whatever can be wrong is found before Java starts. A stop may come at any time: before the event loop runs it ends the
process where it stands, later it ends the terminal first.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Mapping

from terminal import config_file, credentials, jar
from terminal.command import TMP, Command, java_command
from terminal.errors import CannotStart
from terminal.java import Java
from terminal.proxy import Proxy
from terminal.settings import LOOPBACK, Settings

_STOPPING = (signal.SIGTERM, signal.SIGINT)


def launch(environment: Mapping[str, str]) -> int:
    """Run the terminal to its end; the exit code: Java's if it ended by itself, 0 after a stop that was asked for.
    Raises :class:`CannotStart`; a stop before Java runs raises ``SystemExit``."""
    for number in _STOPPING:
        # The process with number 1 is not ended by a signal that it does not handle.
        signal.signal(number, _leave)
    settings = Settings.from_environment(environment)
    account = credentials.read(settings.credentials_file)
    if warning := config_file.check(settings):
        tell(warning)
    _make_home(settings)
    command = java_command(settings, account, environment)
    jar.provide(settings, tell)
    return asyncio.run(_run(settings, command))


def tell(text: str) -> None:
    """A line among the terminal's own."""
    sys.stderr.write(f"terminal: {' '.join(text.split())}\n")
    sys.stderr.flush()


def _leave(*_: object) -> None:
    sys.exit(0)


async def _run(settings: Settings, command: Command) -> int:
    loop = asyncio.get_running_loop()
    asked_to_stop = asyncio.Event()
    for number in _STOPPING:
        loop.add_signal_handler(number, asked_to_stop.set)
    _check_free("THETA_HTTP_PORT", settings.http_port)
    _check_free("THETA_WS_PORT", settings.ws_port)
    async with contextlib.AsyncExitStack() as open_until_the_end:
        for name, port, to_port in (
            ("PROXY_HTTP_PORT", settings.proxy_http_port, settings.http_port),
            ("PROXY_WS_PORT", settings.proxy_ws_port, settings.ws_port),
        ):
            proxy = Proxy(settings.proxy_host, port, to_port)
            open_until_the_end.push_async_callback(proxy.stop)
            try:
                await proxy.start()
            except OSError as problem:
                raise _cannot_bind(name, settings.proxy_host, port, problem) from None
            tell(f"{settings.proxy_host}:{port} leads to {LOOPBACK}:{to_port}")
        if asked_to_stop.is_set():
            return 0
        tell(f"starting {' '.join(command.arguments)}")
        java = Java(command)
        loop.add_signal_handler(signal.SIGQUIT, java.tell, signal.SIGQUIT)  # Java shows what its threads do
        return await _to_the_end(java, asked_to_stop, settings.stop_seconds)


async def _to_the_end(java: Java, asked_to_stop: asyncio.Event, patience: float) -> int:
    ended = asyncio.create_task(java.ended())
    asked = asyncio.create_task(asked_to_stop.wait())
    try:
        await asyncio.wait((ended, asked), return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            code = await ended
            tell(f"Java ended by itself with {code}")
            return code
        tell("stopping")
        if not await java.stop(patience):
            tell(f"Java did not end within {patience:g} s and was killed")
        return 0
    finally:
        # Also when something here is at fault: a terminal nobody watches would hold its ports and the session.
        java.tell(signal.SIGKILL)
        ended.cancel()
        asked.cancel()


def _make_home(settings: Settings) -> None:
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CannotStart(f"THETA_HOME={home} cannot be made: {problem.strerror}; mount a volume there") from None
    if not os.access(home, os.W_OK | os.X_OK):
        raise CannotStart(f"THETA_HOME={home} cannot be written by user {os.getuid()}: make it theirs")
    try:
        (home / TMP).mkdir(exist_ok=True)
    except OSError as problem:
        raise CannotStart(f"{home / TMP} cannot be made: {problem.strerror}; it is for temporary files") from None


def _check_free(name: str, port: int) -> None:
    """A terminal that was left over would be taken for the new one, which does not say clearly why it cannot bind."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((LOOPBACK, port))
        except OSError as problem:
            raise _cannot_bind(name, LOOPBACK, port, problem) from None


def _cannot_bind(name: str, host: str, port: int, problem: OSError) -> CannotStart:
    if problem.errno == errno.EADDRINUSE:
        return CannotStart(f"{name}={port} is in use on {host}: end what listens there, or set another port")
    why = os.strerror(problem.errno) if problem.errno and problem.errno > 0 else problem.strerror
    return CannotStart(f"{name}={port} cannot be bound on {host}: {why}; set another port or PROXY_HOST")
