"""The live agent: the owner of ``live`` holds the feed.

A delivery tells nothing that the logs do not; who is assigned the partition owns the stream, and the feed follows the
logs itself.
"""

from __future__ import annotations

from typing import Any

import faust

from app.kafka.topics import LIVE
from app.live.feed import LiveFeed


def live_agent(app: faust.App, feed: LiveFeed) -> None:
    """Let the feed run while this process is assigned ``live``."""
    topic = app.topic(LIVE, key_serializer="raw", value_serializer="raw", allow_empty=True)

    @app.agent(topic, name="live", concurrency=1)
    async def live(stream: Any) -> None:
        async for _ in stream:
            pass

    @app.on_partitions_assigned.connect
    async def own(sender: Any, assigned: set[Any], **_: Any) -> None:
        feed.assign(any(tp.topic == LIVE for tp in assigned))
