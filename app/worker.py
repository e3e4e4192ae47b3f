"""One process of one role: a Faust worker around its app."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import resource
import sys
from typing import Any, NoReturn

import faust

from app.logs import configure
from app.memory import collect_seldom
from app.settings import Role, Settings

#: <malloc.h>
_M_ARENA_MAX, _M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -8, -3, -1


def run_role(settings: Settings, role: Role) -> NoReturn:
    """Run a role until SIGTERM or SIGINT. Raises ``SettingError`` before anything has been started."""
    configure(settings.log_level, settings.log_format, role=role, instance=settings.fdp_instance)
    _raise_file_limit()
    _keep_memory_flat()
    _take_short_turns()
    from app.main import create_app

    app = create_app(settings, role)
    if role in ("live", "coordinator"):
        collect_seldom()
    app.finalize()
    app.worker_init()
    app.worker_init_post_autodiscover()
    try:
        _Worker(app, quiet=True, override_logging=False, redirect_stdouts=False).execute_from_commandline()
    except SystemExit as end:
        _leave(end.code)
    _leave(0)


def _leave(code: int | str | None) -> NoReturn:
    """End the process now that everything is stopped.

    Python's own end would wait for Arrow's threads, which may be in the middle of an answer that does not come, and
    those that come back to an interpreter that is gone abort the process.
    """
    if isinstance(code, str):
        print(code, file=sys.stderr)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


class _Worker(faust.Worker):
    """Faust's worker without its banner and spinner."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spinner = None

    def _setproctitle(self, info: str, *, ident: str = "fdp") -> None:
        super()._setproctitle(info, ident=ident)


def _raise_file_limit() -> None:
    """A librdkafka producer takes eight file handles, and a worker may hold one for each of its partitions."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _take_short_turns() -> None:
    """Let threads take turns five times sooner: history written as record batches gains a seventh and live rows come
    sooner (``make bench ONLY=history,live``), for threads that come back from numpy or a socket wait less for those
    that make objects."""
    sys.setswitchinterval(0.001)


def _keep_memory_flat() -> None:
    """Tell the allocators that a dozen threads take turns at short-lived buffers of megabytes.

    glibc gives each thread an arena of its own and Arrow's default pool keeps what it was given; together they hold
    a multiple of what is in use. Without a threshold glibc would give the end of its heap back and ask for it again
    with every array, which costs a sixth of the history role's processor time in page faults. Elsewhere than on glibc
    this does nothing.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 1 << 20)
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, 16 << 20)
