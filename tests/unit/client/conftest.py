"""Every test of a conversation is run with both clients."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from speaking import Speaking, speaking_server

from app.client import AsyncPlatform, Platform, asking, reading

Use = Callable[..., Any]


@pytest.fixture
def server() -> Iterator[Speaking]:
    with speaking_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts are as short as can be."""
    for module in (asking, reading):
        monkeypatch.setattr(module, "backoff", lambda attempt: 0.001)


@pytest.fixture(params=["blocking", "async"])
def use(request: pytest.FixtureRequest, server: Speaking) -> Use:
    """Takes functions, each of which is given what the one before came to, the first a client; an iterator is read to
    its end. What the last comes to, whichever client it is."""
    if request.param == "blocking":

        def blocking(*steps: Callable[[Any], Any], **options: Any) -> Any:
            with Platform(server.url, **options) as found:
                value: Any = found
                for step in steps:
                    value = step(value)
                    value = list(value) if isinstance(value, Iterator) else value
                return value

        return blocking

    async def alone(*steps: Callable[[Any], Any], **options: Any) -> Any:
        async with AsyncPlatform(server.url, **options) as found:
            value: Any = found
            for step in steps:
                value = step(value)
                if inspect.isawaitable(value):
                    value = await value
                elif isinstance(value, AsyncIterator):
                    value = [item async for item in value]
            return value

    return lambda *steps, **options: asyncio.run(alone(*steps, **options))
