"""How many requests the broker is sent, by kind, and how long it works on them: from its own log of requests.

Kafka's ``kafka.request.logger`` writes a line for every request at the level DEBUG. That makes the broker slow, so what
is counted in this way is not timed by any other clock. Counted is what all clients send.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.local.service import Service

_LOG4J = """\
status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c{{1}})%n
appender.requests.type = File
appender.requests.name = requests
appender.requests.fileName = {log}
appender.requests.layout.type = PatternLayout
appender.requests.layout.pattern = %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.requests.name = kafka.request.logger
logger.requests.level = debug
logger.requests.additivity = false
logger.requests.appenderRef.requests.ref = requests
"""
_KIND = re.compile(r'"requestApiKeyName":"(\w+)"')
#: Milliseconds in which the broker worked on the request, without waiting for others or in queues.
_LOCAL = re.compile(r'"localTimeMs":([\d.]+)')


@dataclass
class Requests:
    """By kind (``METADATA``, ``PRODUCE`` …): how many, and the seconds in which they were worked on."""

    count: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)


def logging_requests(service: Service, log: Path) -> Service:
    """The broker's service with a log of its requests at ``log``."""
    prepare = service.command

    def command() -> list[str]:
        settings = log.with_suffix(".log4j2.properties")
        settings.write_text(_LOG4J.format(log=log), "ascii")
        given = list(prepare())
        # Of two definitions the last one counts.
        at = given.index("-cp")
        return [*given[:at], f"-Dlog4j2.configurationFile={settings}", *given[at:]]

    return replace(service, command=command)


def requests_of(log: Path, begin: int = 0) -> Requests:
    """What the log tells from a byte on."""
    found = Requests()
    for line in _lines(log, begin):
        if (kind := _KIND.search(line)) is None:
            continue
        found.count[kind[1]] += 1
        if (local := _LOCAL.search(line)) is not None:
            found.seconds[kind[1]] = found.seconds.get(kind[1], 0.0) + float(local[1]) / 1e3
    return found


def _lines(log: Path, begin: int) -> Iterator[str]:
    with log.open("rb") as file:
        file.seek(begin)
        for line in file:
            yield line.decode("utf-8", "replace")
