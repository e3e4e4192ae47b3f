"""A contestant: a loop in C over the same librdkafka, which produces the platform's own messages from memory.

No HTTP, no parsing, no encoding: what is left when all of that costs nothing. Its source, ``limit.c``, says when its
clock runs; it is compiled where there is a C compiler.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import confluent_kafka
import orjson

from app.avro.decode import decode
from app.domain.schema import RECORDS
from bench.figures import Result
from bench.same_bodies import first_values
from bench.services import Services

_SOURCE = Path(__file__).with_name("limit.c")


@dataclass(frozen=True, slots=True)
class Messages:
    """What is produced for a ticker, in a file, and what it was copied from."""

    ticker: str
    file: Path
    rows: int
    bytes: int


def copied(services: Services, ticker: str, topic: str, rows: int) -> Messages:
    """The first rows of a topic in a file, as ``limit.c`` reads them. Raises ``LogError``."""
    record = RECORDS["stock", "ohlcv"]
    file, size = services.folder / f"{topic}.messages", 0
    head = struct.Struct("=Iq").pack
    with file.open("wb") as out:
        for values in first_values(services.settings, topic, rows):
            milliseconds = (decode(record, values).columns["timestamp"] // 1000).tolist()
            for value, moment in zip(values, milliseconds, strict=True):
                out.write(head(len(value), moment))
                out.write(value)
            size += sum(map(len, values))
    return Messages(ticker, file, rows, size)


def compiled(folder: Path, say: Callable[[str], None]) -> Path | None:
    """The program; None, with the reason said, where it cannot be made."""
    compiler = shutil.which("cc")
    if compiler is None:
        say("there is no C compiler (cc): the loop in C is left out")
        return None
    libraries = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    found = sorted(libraries.glob("librdkafka*.so*"))
    if not found:
        say(f"there is no librdkafka in {libraries.name}: the loop in C is left out")
        return None
    program = folder / "limit"
    # What librdkafka itself needs lies beside it and is found when the program is loaded.
    link = (str(found[0]), f"-Wl,-rpath,{libraries}", "-Wl,--allow-shlib-undefined")
    made = subprocess.run(
        (compiler, "-std=gnu11", "-O2", "-o", str(program), str(_SOURCE), *link),
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        say(f"the loop in C is left out, as it does not compile: {made.stderr.strip()[-500:]}")
        return None
    return program


def measure(
    services: Services, program: Path, name: str, first: str, topics: Sequence[str], messages: Sequence[Messages]
) -> Result:
    """Produce each ticker's messages to its topic, after some of them to ``first``. All of them, in memory at once."""
    command = [str(program), services.settings.kafka_bootstrap_servers, f"bench-{name}", first]
    for topic, some in zip(topics, messages, strict=True):
        command += (topic, some.ticker, str(some.file))
    found: Result = orjson.loads(services.run_to_end(command, name, dict(os.environ)))
    return found
