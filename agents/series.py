"""The history agent: the owner of a partition of ``series`` runs the series in it.

A delivery only wakes the Runner, which reads the logs itself; long work never runs inside an agent, because a
rebalance and a stop wait for the event in hand.
"""

from __future__ import annotations

from typing import Any

import faust

from app.history.runner import Runner
from app.kafka.topics import SERIES


def series_agent(app: faust.App, runner: Runner) -> None:
    """Let the Runner work on the partitions of ``series`` that this process is assigned."""
    topic = app.topic(SERIES, key_serializer="raw", value_serializer="raw", allow_empty=True)

    @app.agent(topic, name="series", concurrency=1)
    async def series(stream: Any) -> None:
        async for _ in stream:
            runner.wake()

    @app.on_partitions_assigned.connect
    async def own(sender: Any, assigned: set[Any], **_: Any) -> None:
        runner.assign(tp.partition for tp in assigned if tp.topic == SERIES)
