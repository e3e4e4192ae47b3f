"""One event loop in a thread of its own, for clients that need one in a process whose work is done in threads."""

from __future__ import annotations

import asyncio
import threading
from functools import cache


@cache
def client_loop() -> asyncio.AbstractEventLoop:
    """The loop; it runs from the first call until the process ends."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="kafka-clients", daemon=True).start()
    return loop
