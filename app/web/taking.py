"""What is sent to a client that may not take it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from aiohttp import web


async def taken(request: web.Request, writing: Awaitable[None], patience: float) -> None:
    """Wait until a client has taken what is being written. Raises ``ConnectionError`` when it takes nothing more for
    ``patience`` seconds: then its connection is gone, for it would not take an end either."""
    try:
        await asyncio.wait_for(writing, patience)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError from None
