"""Checksums of what local mode runs: the list in the repository, and the sums of files and folders.

The list has the format of ``sha256sum``: ``<hex>  <path>`` a line. A path is that of a Maven repository
(``org/apache/kafka/…/kafka_2.13-4.3.1.jar``); one that ends in ``/`` is an unpacked folder, whose sum is the
sha256 of the ``sha256sum`` lines of all files in it, sorted by path. So ``find * -type f | LC_ALL=C sort |
xargs sha256sum | sha256sum`` inside the folder gives the same value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

#: Hashing releases the interpreter's lock, so that a second thread makes use of a second core.
_THREADS = 2


def read_sums(text: str) -> dict[str, str]:
    """The list's entries: path → sha256 in hex."""
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#"))
    return {path: digest for digest, path in pairs}


def write_sums(sums: Mapping[str, str]) -> str:
    """The list's text, sorted by path."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items()))


def file_sum(path: Path) -> str | None:
    """The sha256 of a file in hex; None if there is none or it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def file_sums(paths: Iterable[Path]) -> list[str | None]:
    """The sums of many files, in their order."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(file_sum, paths))


def folder_sum(folder: Path) -> str | None:
    """One sum over every file in a folder, names included; None if there is no such folder.

    A link counts as what it is: nothing that we unpack has one, so one that turns up changes the sum.
    """
    if not folder.is_dir():
        return None
    files = sorted((p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()), key=lambda p: p.as_posix())
    digests = file_sums(files)
    lines = (
        f"{'link' if path.is_symlink() else digest}  {path.relative_to(folder).as_posix()}\n"
        for path, digest in zip(files, digests, strict=True)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
