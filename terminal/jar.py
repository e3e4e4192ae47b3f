"""The vendor's launcher: a jar that is there, or is fetched once."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from terminal import download
from terminal.errors import CannotStart
from terminal.settings import Settings

_BLOCK = 1 << 20


def provide(settings: Settings, tell: Callable[[str], None]) -> None:
    """See to it that the jar is there and right; raises :class:`CannotStart`. What is there is never
    replaced: whoever mounts a jar means it."""
    jar = settings.jar_file
    try:
        found = hashlib.sha256()
        with jar.open("rb") as opened:
            while block := opened.read(_BLOCK):
                found.update(block)
        whole = zipfile.is_zipfile(jar)
    except FileNotFoundError:
        tell(f"fetching {download.shown(settings.jar_url)}")
        _fetch(settings.jar_url, jar, settings.jar_sha256)
        return
    except IsADirectoryError:
        # Docker makes one where the file that was to be mounted does not exist.
        raise CannotStart(f"the jar {jar} is a folder: put the file there and make the container anew") from None
    except OSError as problem:
        raise CannotStart(f"the jar {jar} cannot be read: {problem.strerror}; let its user read it") from None
    _check(f"the jar {jar}", found.hexdigest(), settings.jar_sha256, whole, "put the right one there, or remove it")


def _fetch(url: str, jar: Path, sha256: str | None) -> None:
    """Through a file beside it, so that half of one never has the jar's name."""
    what = f"the jar from {download.shown(url)}"
    try:
        _remove_leftovers(jar)
        with tempfile.NamedTemporaryFile(dir=jar.parent, prefix=_prefix(jar), delete=False) as beside:
            part = Path(beside.name)
            try:
                found = download.stream(url, beside)
                _to_disk(beside)
                _check(what, found, sha256, zipfile.is_zipfile(part), "try again, or mount the file (THETA_JAR)")
                part.replace(jar)
            finally:
                part.unlink(missing_ok=True)
    except download.Interrupted as problem:
        raise CannotStart(
            f"{what} could not be fetched: {problem}; try again, or mount the file and name it by THETA_JAR"
        ) from None
    except OSError as problem:
        raise CannotStart(
            f"the jar {jar} cannot be written: {problem.strerror}; let the container's user write there"
        ) from None


def _check(what: str, found: str, wanted: str | None, whole: bool, next_step: str) -> None:
    if wanted is not None and found != wanted:
        raise CannotStart(f"{what} has the SHA-256 {found}, not THETA_JAR_SHA256={wanted}: {next_step}")
    # A page of a proxy that wants a login, or a copy that was cut off. (A zip's directory is at its end.)
    if not whole:
        raise CannotStart(f"{what} is not a whole jar: {next_step}")


def _to_disk(file: IO[bytes]) -> None:
    # Else a crash after the renaming may leave the name with nothing behind it.
    file.flush()
    os.fsync(file.fileno())


def _prefix(jar: Path) -> str:
    return f".{jar.name}.part-"


def _remove_leftovers(jar: Path) -> None:
    """What a kill left; another's download that runs now is younger."""
    for part in jar.parent.glob(f"{_prefix(jar)}*"):
        if time.time() - part.stat().st_mtime > download.DEADLINE:
            part.unlink(missing_ok=True)
