"""The state folder of local mode: who may use it, and the small JSON files kept in it.

```
DIR/lock              held by the one `local` that uses the folder
DIR/endpoints.json    where the services are, while all of them run
DIR/ports.json        the ports, kept from start to start
DIR/children.json     the processes of the last start, see app/local/children.py
DIR/logs/             one file a service
DIR/kafka/            the broker's settings and its data
DIR/registry/         the registry's database
DIR/simulator/        the simulator's ready file
DIR/replay.json       where the simulator's stream began
DIR/tmp/              scratch, emptied at each start
```
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any

from app.errors import SettingError

#: A log larger than this when its service starts is set aside as ``<name>.log.1``.
_LOG_BYTES = 16 << 20


class StateDir:
    """A locked state folder. At most one process has it; ``close`` (or the process's end) gives it up."""

    def __init__(self, path: Path) -> None:
        """Raises ``SettingError`` naming ``STATE_DIR`` if the folder is in use or cannot be written to."""
        self.path = path.expanduser().absolute()
        self._lock = self._acquire()
        for folder in (self.logs, self.tmp):
            folder.mkdir(exist_ok=True)

    def _acquire(self) -> IO[str]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "lock").open("a")
        except OSError as error:
            raise SettingError("STATE_DIR", f"{self.path} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise SettingError(
                "STATE_DIR", f"{self.path} is in use by another `local`; stop that one or name another folder"
            ) from error
        return lock

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def tmp(self) -> Path:
        return self.path / "tmp"

    def log(self, service: str) -> Path:
        """The service's log, appended to from start to start; a large old one is set aside."""
        path = self.logs / f"{service}.log"
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path

    def folder(self, service: str) -> Path:
        """The folder a service works in and keeps its data in."""
        path = self.path / service
        path.mkdir(exist_ok=True)
        return path

    def clear_tmp(self) -> None:
        """Remove what killed processes left behind (native libraries that the JVMs unpack)."""
        shutil.rmtree(self.tmp, ignore_errors=True)
        self.tmp.mkdir(exist_ok=True)

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file's object; empty if there is none or it is damaged, for all of them can be made anew."""
        try:
            value = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def write(self, name: str, value: dict[str, Any]) -> None:
        """Write a JSON file so that a reader sees the old one or the new one, whole."""
        descriptor, temporary = tempfile.mkstemp(dir=self.path, prefix=f".{name}-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
            file.write("\n")
        Path(temporary).chmod(0o644)
        Path(temporary).replace(self.path / name)

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Give the folder up."""
        self._lock.close()
