"""Where the history path's time goes: the platform's own classes at work on one-second bars, stage by stage.

The clock runs as in ``bench.platform_path``: from the series' records to the last receipt read committed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import orjson

from app.domain.receipt import BodyDigest
from app.domain.records import SeriesRecord
from app.history import fetch
from app.history.starting import Starter
from app.history.write import SeriesWriter
from app.history.writing import Writing
from app.kafka import batches, writer
from app.kafka.batch_writer import BatchWriter
from app.kafka.batches import Batch
from app.kafka.index import Index
from app.kafka.writer import TransactionalWriter
from app.theta import client
from app.theta.client import ThetaClient
from bench.platform_path import measure, platform
from bench.services import bench_services
from bench.stages import Stages, show
from bench.workload import Workload

ROWS, ROUNDS = 1_000_000, 3


def instrument(stages: Stages) -> None:
    """Wrap the path from the request to the commit."""
    stages.wrap(ThetaClient, "get", "HTTP, rest")
    stages.wrap(client._Body, "read", "HTTP, body")
    stages.wrap(client, "to_rows", "parse CSV")
    stages.wrap(fetch, "kept", "choose rows (empty bars, contracts)")
    stages.wrap(fetch, "assemble", "put a step together")
    stages.wrap(writer, "encode", "encode Avro")
    stages.wrap(writer, "occ_keys", "keys")
    stages.wrap(batches, "_compressed", "compress")
    stages.wrap(batches, "_batch", "lay batches out")
    stages.wrap(Batch, "wire", "checksum")
    stages.wrap(BodyDigest, "update", "digest")
    stages.wrap(BodyDigest, "update_flat", "digest")
    stages.wrap(SeriesWriter, "write", "step, rest")
    stages.wrap(TransactionalWriter, "rows", "produce")
    stages.wrap(BatchWriter, "series_rows", "produce")
    for one in (TransactionalWriter, BatchWriter):
        stages.wrap(one, "flush", "flush")
        stages.wrap(one, "commit", "commit")
        stages.wrap(one, "begin", "begin")
        stages.wrap(one, "open", "take over")
    stages.wrap(SeriesWriter, "record_progress", "checkpoint")
    stages.wrap(Writing, "_check_topics", "check topics")
    stages.wrap(Starter, "_begin", "begin series (topics, plans)")
    stages.wrap(Index, "_apply", "index")


def rounds_of(records: Callable[[int], list[SeriesRecord]], rounds: int) -> list[dict[str, Any]]:
    """Run the path ``rounds`` times in this process, each with the series of its number; what each took."""
    found = []
    stages = Stages()
    instrument(stages)
    with platform() as running:
        for number in range(rounds):
            stages.clear()
            one = measure(running, records(number))
            found.append({**one, **stages.told()})
    return found


def profile(say: Callable[[str], None]) -> None:
    """Bring the services up, run the path in a process of its own, and print a table a round."""
    workload = Workload.of_rows(ROWS)
    with bench_services(say) as services:
        workload.warm(services.settings.theta_url)
        answer = services.run("bench.profile_history", workload.as_json())
    for number, one in enumerate(answer["rounds"]):
        show(f"history, one-second bars, round {number + 1}" + (" (loads libraries)" if number == 0 else ""), one)


def main() -> None:
    """Argument: the workload as JSON."""
    workload = Workload.from_json(sys.argv[1])
    found = rounds_of(lambda number: workload.series(f"profile-{number}", number), ROUNDS)
    print(orjson.dumps({"rounds": found}).decode())


if __name__ == "__main__":
    main()
