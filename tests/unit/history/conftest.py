"""Fetchers that hurry, on a provider that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.domain import retry as retry_module
from app.history.fetch import Fetcher
from tests.unit.history.fetching import FakeProvider


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def make(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Fetcher]]:
    """Makes fetchers that hurry; ``limit=1`` asks for one thing at a time."""
    monkeypatch.setattr(retry_module, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(retry_module, "_LONGEST_DELAY", 0.02)
    made: list[Fetcher] = []

    def build(
        concurrency: int = 4, theta_wait: float = 60, *, limit: int | None = None, of: Any = None, **options: Any
    ) -> Fetcher:
        fetcher = Fetcher(of or provider, concurrency, theta_wait, **options)
        if limit is not None:
            fetcher.set_share(limit, concurrency + 14)
            assert fetcher.limit == limit
        made.append(fetcher)
        return fetcher

    yield build
    provider.gate.set()
    for fetcher in made:
        fetcher.stop()
