"""How much memory an Index takes: a process of its own that reads the control logs to their end.

Prints ``{"series": …, "rss": …}``: how many series it knows, and by how many bytes the process has grown from before
it read until what was freed has been given back.
"""

from __future__ import annotations

import gc

import orjson
import psutil  # type: ignore[import-untyped]

from app.kafka.index import Index
from app.kafka.topics import PROGRESS, SERIES
from app.main import preflight
from app.memory import give_back
from app.settings import load


def main() -> None:
    settings = load()
    partitions, _ = preflight(settings)
    process = psutil.Process()
    gc.collect()
    give_back()
    before = process.memory_info().rss
    index = Index(settings, {name: partitions[name] for name in (SERIES, PROGRESS)})
    index.start()
    index.catch_up()
    gc.collect()
    give_back()
    grown = process.memory_info().rss - before
    print(orjson.dumps({"series": index.sizes["series"], "rss": grown}).decode())
    index.stop()


if __name__ == "__main__":
    main()
