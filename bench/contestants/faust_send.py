"""A contestant, in a process of its own: ``topic.send`` of Faust, from an app that consumes nothing.

The rows and bodies of the careful loop, values as bytes. An app in producer-only mode, lz4, ``acks=all``; rows are
sent without waiting for each, a window of them at a time. No transaction, no checkpoint.
Argument: the job's file.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import faust

from bench.contestants import bars
from bench.contestants.job import Job, Lot, run

#: Rows that may be under way; a row alone would wait for its own acknowledgement.
_WINDOW = 5_000


class Sender:
    """Fetches, converts and sends, on an event loop that runs while a lot is moved."""

    def __init__(self, job: Job, loop: asyncio.AbstractEventLoop, folder: Path) -> None:
        """``folder``: for the directories that an app makes when it starts."""
        self._path = job.path
        self._http = bars.client(job)
        self._encode = bars.encoder(job)
        self._loop = loop
        self.app = faust.App(
            "bench-faust",
            broker=f"kafka://{job.kafka}",
            store="memory://",
            datadir=folder / "faust",
            web_enabled=False,
            topic_disable_leader=True,
            producer_acks=-1,
            producer_compression_type="lz4",
            producer_linger=0.005,
            producer_max_batch_size=131_072,
            loop=loop,
        )
        self.app.producer_only = True
        self._topics = {
            lot.topic: self.app.topic(lot.topic, key_type=bytes, value_type=bytes, value_serializer="raw")
            for lot in (job.first, *job.lots)
        }

    def move(self, lot: Lot) -> int:
        return self._loop.run_until_complete(self._move(lot))

    async def _move(self, lot: Lot) -> int:
        topic, key, encode = self._topics[lot.topic], lot.ticker.encode(), self._encode
        under_way: list[Awaitable[Any]] = []
        count = 0
        for row in bars.rows(self._http, self._path, lot):
            sent = await topic.send(key=key, value=encode(row), partition=0, timestamp=row["timestamp"] / 1e6)
            under_way.append(sent)
            if len(under_way) == _WINDOW:
                count += len(await asyncio.gather(*under_way))
                under_way.clear()
        return count + len(await asyncio.gather(*under_way))

    def finish(self) -> None:
        """Every row is acknowledged when ``move`` returns."""


def main() -> None:
    job = Job.read(sys.argv[1])
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    sender = Sender(job, loop, Path(sys.argv[1]).parent)
    loop.run_until_complete(sender.app.start())
    try:
        run(job, sender.move, sender.finish)
    finally:
        loop.run_until_complete(sender.app.stop())


if __name__ == "__main__":
    main()
