"""The requests agent: the owner of ``requests`` decides.

Faust acknowledges a message whatever becomes of its handler, and delivers it before it can be read committed. So
nothing hangs on a delivery: who is assigned the partition owns it, and the decider reads the log itself.
"""

from __future__ import annotations

from typing import Any

import faust

from app.coordinator.decider import Decider
from app.kafka.topics import REQUESTS


def requests_agent(app: faust.App, decider: Decider) -> None:
    """Let the decider work while this process is assigned ``requests``."""
    topic = app.topic(REQUESTS, key_serializer="raw", value_serializer="raw", allow_empty=True)

    @app.agent(topic, name="requests", concurrency=1)
    async def requests(stream: Any) -> None:
        async for _ in stream:
            pass

    @app.on_partitions_assigned.connect
    async def own(sender: Any, assigned: set[Any], **_: Any) -> None:
        decider.assign(any(tp.topic == REQUESTS for tp in assigned))
