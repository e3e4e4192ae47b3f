"""The jar cache: what it runs is what the repository's list of sums says, or the start ends with a clear line."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import subprocess
import tarfile
from pathlib import Path

import pytest

from app.errors import LocalServiceError, SettingError
from app.local import jars
from app.local.jars import REGISTRY_FOLDER, SUMS, JarStore
from app.local.maven import coordinates_of
from app.local.sums import folder_sum, read_sums, write_sums

JAR = "org/example/one/1.0/one-1.0.jar"
OTHER = "org/example/two/2.0/two-2.0.jar"
ARCHIVE = "io/example/registry/3.0/registry-3.0-all.tar.gz"


class Repository:
    """A Maven repository in memory; counts what is fetched from it."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.fetched: list[str] = []

    def __call__(self, path: str, cache: Path) -> None:
        self.fetched.append(path)
        target = cache / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.files[path])


def archive_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def repository() -> Repository:
    tree = {"quarkus-run.jar": b"run", "lib/main.jar": b"main"}
    return Repository({JAR: b"first", OTHER: b"second", ARCHIVE: archive_of(tree)})


@pytest.fixture
def sums(repository: Repository, tmp_path: Path) -> dict[str, str]:
    unpacked = tmp_path / "expected"
    (tmp_path / "a.tar.gz").write_bytes(repository.files[ARCHIVE])
    jars.unpack(tmp_path / "a.tar.gz", unpacked)
    tree = folder_sum(unpacked)
    assert tree is not None
    return {path: hashlib.sha256(content).hexdigest() for path, content in repository.files.items()} | {
        REGISTRY_FOLDER: tree
    }


@pytest.fixture
def store(repository: Repository, sums: dict[str, str], tmp_path: Path) -> JarStore:
    return JarStore(tmp_path / "cache", repository, sums)


def test_the_first_use_fetches_and_the_second_asks_nobody(store: JarStore, repository: Repository) -> None:
    assert [path.read_bytes() for path in store.kafka()] == [b"first", b"second"]
    assert (store.registry() / "lib/main.jar").read_bytes() == b"main"
    repository.fetched.clear()
    store.kafka()
    store.registry()
    assert repository.fetched == []


@pytest.mark.parametrize("damage", [b"fir", b"", b"altered"], ids=["truncated", "empty", "altered"])
def test_a_damaged_jar_alone_is_fetched_again(store: JarStore, repository: Repository, damage: bytes) -> None:
    first, _ = store.kafka()
    first.write_bytes(damage)
    repository.fetched.clear()
    assert store.kafka()[0].read_bytes() == b"first"
    assert repository.fetched == [JAR]


def test_a_repository_that_gives_another_file_ends_the_start(store: JarStore, repository: Repository) -> None:
    repository.files[JAR] = b"something else"
    with pytest.raises(LocalServiceError, match=r"one-1.0.jar .* not what jars.sha256 lists .*MAVEN_URL"):
        store.kafka()
    assert repository.fetched.count(JAR) == 2
    repository.files[JAR] = b"first"  # and nothing of the wrong file stays
    assert store.kafka()[0].read_bytes() == b"first"


def test_a_download_that_is_cut_short_is_tried_once_more(
    store: JarStore, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_at_first(path: str, cache: Path) -> None:
        Repository.__call__(repository, path, cache)
        if repository.fetched.count(path) == 1 and path == OTHER:
            (cache / path).write_bytes(b"sec")
            raise LocalServiceError("connection reset")

    monkeypatch.setattr(store, "_fetch", cut_at_first)
    assert store.kafka()[1].read_bytes() == b"second"
    assert repository.fetched.count(OTHER) == 2
    assert repository.fetched.count(JAR) == 1


def test_what_cannot_be_fetched_is_said_once(store: JarStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, cache: Path) -> None:
        raise LocalServiceError("no route to the repository")

    monkeypatch.setattr(store, "_fetch", refuse)
    with pytest.raises(LocalServiceError, match=r"^no route to the repository$"):
        store.kafka()


def test_an_altered_unpacked_file_is_mended_without_the_network(store: JarStore, repository: Repository) -> None:
    home = store.registry()
    (home / "lib/main.jar").write_bytes(b"MAIN")
    repository.fetched.clear()
    assert (store.registry() / "lib/main.jar").read_bytes() == b"main"
    assert repository.fetched == []


def test_a_file_too_many_in_the_unpacked_folder_is_noticed(store: JarStore) -> None:
    home = store.registry()
    (home / "lib/another.jar").write_bytes(b"x")
    assert not (store.registry() / "lib/another.jar").exists()


def test_a_damaged_archive_is_fetched_again_before_it_is_unpacked(store: JarStore, repository: Repository) -> None:
    home = store.registry()
    (home / "quarkus-run.jar").unlink()
    next(home.parent.rglob("*.tar.gz")).write_bytes(b"cut")
    repository.fetched.clear()
    assert (store.registry() / "quarkus-run.jar").exists()
    assert repository.fetched == [ARCHIVE]


def test_an_unpack_that_was_cut_short_leaves_no_half_folder(store: JarStore, tmp_path: Path) -> None:
    home = tmp_path / "cache" / REGISTRY_FOLDER
    home.mkdir(parents=True)
    (home / "quarkus-run.jar").write_bytes(b"ru")
    assert (store.registry() / "quarkus-run.jar").read_bytes() == b"run"
    assert not list((tmp_path / "cache").glob("unpack-*"))


def test_two_processes_that_start_at_once_fetch_once(
    store: JarStore, repository: Repository, tmp_path: Path, sums: dict[str, str]
) -> None:
    context = multiprocessing.get_context("fork")
    counts = context.Queue()

    def use() -> None:
        own = Repository(repository.files)
        mine = JarStore(tmp_path / "cache", own, sums)
        mine.kafka()
        mine.registry()
        counts.put(len(own.fetched))

    users = [context.Process(target=use) for _ in range(2)]
    for user in users:
        user.start()
    for user in users:
        user.join(30)
    assert [user.exitcode for user in users] == [0, 0]
    assert sorted([counts.get(timeout=5), counts.get(timeout=5)]) == [0, 3]


def test_a_folder_that_cannot_be_made_is_a_wrong_setting(repository: Repository, sums: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=r"^JARS_DIR: "):
        JarStore(Path("/proc/nowhere"), repository, sums).kafka()


def test_the_committed_list_is_sorted_and_names_everything_once() -> None:
    text = SUMS.read_text()
    sums = read_sums(text)
    assert write_sums(sums) == text
    assert sum(path.endswith(".jar") for path in sums) == 46
    assert "org/apache/kafka/kafka-clients/4.3.1/kafka-clients-4.3.1.jar" in sums
    assert REGISTRY_FOLDER in sums


def test_every_listed_path_reads_as_maven_coordinates() -> None:
    for path in read_sums(SUMS.read_text()):
        if path != REGISTRY_FOLDER:
            group, artifact, version, classifier, packaging = coordinates_of(path)
            file = f"{artifact}-{version}{'-' + classifier if classifier else ''}.{packaging}"
            assert path == "/".join([*group.split("."), artifact, version, file])


def test_a_folders_sum_is_what_the_shell_says(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.txt", "a.txt", "a-b/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    shell = "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    said = subprocess.run(shell, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert folder_sum(tmp_path) == said.split()[0]
