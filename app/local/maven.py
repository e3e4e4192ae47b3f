"""Fetching from a Maven repository with jgo: one file by its path, and the list of what Kafka consists of."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Protocol

from app.errors import LocalServiceError
from app.security.addresses import shown

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
#: Kafka logs through slf4j and brings no backend of its own. The "!" keeps jgo from taking log4j's list of
#: versions for everybody's: it would swap kafka-clients for 3.9.1.
KAFKA_LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3!"
REGISTRY = ("io.apicurio", "apicurio-registry-app", "3.3.3", "all", "tar.gz")

#: Seconds that the repository may be silent during a download.
_TIMEOUT = 30


class Fetch(Protocol):
    """Brings one file, named by its path in a Maven repository, to the same path under ``cache``."""

    def __call__(self, path: str, cache: Path) -> None:
        """Raises ``LocalServiceError`` if the file cannot be had."""


class MavenFetch:
    """Fetches by jgo from Maven Central or another repository (``MAVEN_URL``).

    A file is fetched by the path that the list of sums names: what is run is exactly what is listed, and no
    file that describes dependencies has to be trusted or kept.
    """

    def __init__(self, url: str | None) -> None:
        self._url = url

    def __call__(self, path: str, cache: Path) -> None:
        from jgo.maven import MavenContext

        repositories = {"central": self._url} if self._url else None
        context = MavenContext(repo_cache=cache, remote_repos=repositories, timeout=_TIMEOUT)
        group, artifact, version, classifier, packaging = coordinates_of(path)
        try:
            context.project(group, artifact).at_version(version).artifact(classifier, packaging).resolve()
        except (OSError, RuntimeError) as error:  # what requests and jgo raise
            file, source = PurePosixPath(path).name, shown(self._url) if self._url else "Maven Central"
            raise LocalServiceError(
                f"{file} could not be fetched from {source}: {_short(error)}; "
                "local mode needs the network once (MAVEN_URL names another repository, JARS_DIR a filled cache)"
            ) from error


def coordinates_of(path: str) -> tuple[str, str, str, str, str]:
    """Group, artifact, version, classifier and packaging of a path in a Maven repository.

    >>> coordinates_of("io/apicurio/app/3.3.3/app-3.3.3-all.tar.gz")
    ('io.apicurio', 'app', '3.3.3', 'all', 'tar.gz')
    """
    *group, artifact, version, file = path.split("/")
    rest = file.removeprefix(f"{artifact}-{version}")
    classifier, _, packaging = rest.partition(".")
    return ".".join(group), artifact, version, classifier.removeprefix("-"), packaging


def resolve_all(url: str | None, cache: Path) -> tuple[list[str], str]:
    """Ask the repository what Kafka consists of, and fetch that and the registry: for a new list of sums.

    Gives the paths, relative to ``cache``, of Kafka's jars and of the registry's archive.
    """
    from jgo.maven import MavenContext
    from jgo.parse import Endpoint

    repositories = {"central": url} if url else None
    context = MavenContext(repo_cache=cache, remote_repos=repositories, timeout=_TIMEOUT)
    inputs = [context.create_dependency(c) for c in Endpoint.parse(f"{KAFKA}+{KAFKA_LOGGING}").coordinates]
    tops, transitive = context.resolver.resolve(inputs)
    needed = [*tops, *(d for d in transitive if d.scope in ("compile", "runtime"))]
    jars = [d.artifact.resolve().relative_to(cache).as_posix() for d in needed]
    group, artifact, version, classifier, packaging = REGISTRY
    archive = context.project(group, artifact).at_version(version).artifact(classifier, packaging).resolve()
    return jars, archive.relative_to(cache).as_posix()


def _short(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0].partition(" (Caused by")[0] if lines else type(error).__name__
