"""The jars of the embedded Kafka and registry: fetched once, checked against the repository's sums at each start.

``python -m app.local.jars --write-sums`` writes the list of sums anew, after a version was changed.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
import tarfile
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from app import settings
from app.errors import LocalServiceError, SettingError
from app.local.installed import check_installed
from app.local.maven import Fetch, MavenFetch, resolve_all
from app.local.sums import file_sum, file_sums, folder_sum, read_sums, write_sums

SUMS = Path(__file__).with_name("jars.sha256")
REGISTRY_FOLDER = "apicurio-registry-3.3.3/"

#: Downloads at a time: the many small jars wait for answers more than for bytes.
_FETCHES = 4


class JarStore:
    """The cache folder. Any number of processes may use it at once.

    A file that is missing, cut short or altered is fetched again, once; if its sum is still another one, the
    start ends with ``LocalServiceError``. What is sound is used without touching the network.
    """

    def __init__(
        self, folder: Path, fetch: Fetch, sums: Mapping[str, str], say: Callable[[str], None] = lambda _: None
    ) -> None:
        if os.pathsep in str(folder):
            raise SettingError("JARS_DIR", f"must not contain {os.pathsep!r}, got {str(folder)!r}")
        self._folder = folder
        self._maven = folder / "maven"
        self._fetch = fetch
        self._sums = sums
        self._say = say

    @classmethod
    def of(cls, chosen: settings.Settings, say: Callable[[str], None] = lambda _: None) -> JarStore:
        """The store that the settings name, with the repository's own list of sums."""
        return cls(jars_folder(chosen), MavenFetch(chosen.maven_url), read_sums(SUMS.read_text("utf-8")), say)

    def kafka(self) -> list[Path]:
        """Kafka's jars, checked, in the order of the class path. Raises ``LocalServiceError``."""
        check_installed()
        paths = sorted(path for path in self._sums if path.endswith(".jar"))
        if self._wrong(paths):
            with self._locked("kafka"):
                self._repair(paths, "Kafka, 47 MB, fetched once")
        return [self._maven / path for path in paths]

    def registry(self) -> Path:
        """The folder that the registry was unpacked to, checked. Raises ``LocalServiceError``."""
        check_installed()
        home = self._folder / REGISTRY_FOLDER
        if not self._sound(home):
            with self._locked("registry"):
                if not self._sound(home):  # another process may have unpacked it meanwhile
                    self._unpack_into(home)
        return home

    def _sound(self, home: Path) -> bool:
        return folder_sum(home) == self._sums[REGISTRY_FOLDER]

    def _wrong(self, paths: list[str]) -> list[str]:
        """Those of ``paths`` that are missing or have another sum than the list says."""
        found = file_sums(self._maven / path for path in paths)
        return [path for path, digest in zip(paths, found, strict=True) if digest != self._sums[path]]

    def _repair(self, paths: list[str], what: str) -> None:
        wrong = self._wrong(paths)
        if not wrong:
            return
        if len(wrong) == len(paths):
            self._say(f"fetching {what}")
        else:
            self._say(f"fetching {', '.join(Path(path).name for path in wrong)} again: missing or altered")
        with suppress(LocalServiceError):  # a connection that broke: the second try is for what is missing then
            self._fetch_all(wrong)
        if wrong := self._wrong(wrong):
            self._fetch_all(wrong)
        for path in self._wrong(wrong):
            found = file_sum(self._maven / path)
            (self._maven / path).unlink(missing_ok=True)
            raise LocalServiceError(
                f"{Path(path).name} was fetched twice and is not what {SUMS.name} lists "
                f"(sha256 {found or 'none'}, expected {self._sums[path]}); "
                "the repository that MAVEN_URL names, or a proxy before it, gives another file"
            )

    def _fetch_all(self, paths: list[str]) -> None:
        """Fetch anew, some at a time. In daemon threads: who is interrupted does not wait for the download."""
        left, errors = deque(paths), list[LocalServiceError]()

        def fetch() -> None:
            while left and not errors:
                with suppress(IndexError):  # another thread took the last one
                    path = left.popleft()
                    (self._maven / path).unlink(missing_ok=True)
                    try:
                        self._fetch(path, self._maven)
                    except LocalServiceError as error:
                        errors.append(error)

        threads = [threading.Thread(target=fetch, daemon=True) for _ in range(min(_FETCHES, len(paths)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def _unpack_into(self, home: Path) -> None:
        """Unpack the archive beside ``home`` and rename: nobody ever sees half a folder.

        The archive stays, so that a damaged folder is mended without the network.
        """
        archive = next(path for path in self._sums if path.endswith(".tar.gz"))
        self._repair([archive], "Apicurio Registry, 159 MB, fetched once")
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="unpack-") as temporary:
            unpacked = Path(temporary) / "home"
            unpack(self._maven / archive, unpacked)
            if not self._sound(unpacked):
                raise LocalServiceError(
                    f"{Path(archive).name} has the listed sum, but what it unpacks to has not: {SUMS.name} is at odds "
                    "with itself; write it anew by `python -m app.local.jars --write-sums`"
                )
            if home.exists():  # altered, or left half deleted
                home.rename(Path(temporary) / "old")
            unpacked.rename(home)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Only one process at a time repairs; the lock ends with its process, however that ends."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / f".{name}.lock").open("w")
        except OSError as error:
            raise SettingError("JARS_DIR", f"{self._folder} cannot be written to: {error.strerror}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def jars_folder(chosen: settings.Settings) -> Path:
    """Where the jars are kept: ``JARS_DIR``, or ``fdp/jars`` in the user's cache folder (XDG)."""
    if chosen.jars_dir is not None:
        return chosen.jars_dir.expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache.startswith("/") else Path.home() / ".cache") / "fdp" / "jars"


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a ``.tar.gz``; the filter refuses paths that lead out of the folder."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")


def new_sums(url: str | None) -> dict[str, str]:
    """Fetch everything into an empty folder and take its sums."""
    with tempfile.TemporaryDirectory(prefix="fdp-sums-") as temporary:
        cache, home = Path(temporary) / "maven", Path(temporary) / "registry"
        jars, archive = resolve_all(url, cache)
        unpack(cache / archive, home)
        sums = {path: file_sum(cache / path) for path in (*jars, archive)} | {REGISTRY_FOLDER: folder_sum(home)}
    return {path: digest for path, digest in sums.items() if digest is not None}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.local.jars", description=__doc__)
    parser.add_argument("--write-sums", action="store_true", help=f"fetch everything anew and write {SUMS.name}")
    parser.add_argument("--clear", action="store_true", help="empty the cache first")
    options = parser.parse_args()
    chosen = settings.load()
    if options.write_sums:
        SUMS.write_text(write_sums(new_sums(chosen.maven_url)), "utf-8")
        return
    if options.clear:
        shutil.rmtree(jars_folder(chosen), ignore_errors=True)
    store = JarStore.of(chosen, say=lambda line: print(line, file=sys.stderr))
    print(f"{len(store.kafka())} jars and {store.registry()} are as listed")


if __name__ == "__main__":
    main()
