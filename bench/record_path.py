"""A contestant, in a process of its own: the platform's history path over given series records.

Argument: a file with ``[first, measured]`` as JSON, each a list of ``[topic, record]``. ``first`` is moved before the
clock runs, so that libraries are loaded and connections are open.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from app.domain.records import SeriesRecord
from bench.platform_path import measure, platform


def write_records(file: Path, first: Sequence[SeriesRecord], measured: Sequence[SeriesRecord]) -> None:
    """The file that this program reads."""
    lists = [[[record.topic, record.encode().decode()] for record in records] for records in (first, measured)]
    file.write_bytes(orjson.dumps(lists))


def main() -> None:
    lists = orjson.loads(Path(sys.argv[1]).read_bytes())
    first, measured = ([SeriesRecord.decode(topic, value.encode()) for topic, value in records] for records in lists)
    with platform() as running:
        running.run(first)
        found = measure(running, measured)
    print(orjson.dumps(found).decode())


if __name__ == "__main__":
    main()
