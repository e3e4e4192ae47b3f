"""A series that goes on after a pause: what was written last is asked for before anything new."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from app.domain.overlap import Overlap
from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.times import micros_of
from app.errors import ProviderChanged, ProviderGlitch, ProviderUnavailable
from app.history.fetch import Fetcher
from app.history.work import OverlapWork, SeriesFetch
from tests.unit.history.fetching import FIRST_DAY, FakeProvider, failure, series_of, settled, take, wait_until

Make = Callable[..., Fetcher]
SECOND_DAY = FIRST_DAY + dt.timedelta(days=1)


def paused(compare: Callable[[Rows], None]) -> SeriesFetch:
    """A series of four days, of which two are written."""
    series = series_of("A", 4, first=2)
    chunk = Chunk(SECOND_DAY, SECOND_DAY, 100)
    series.overlap = OverlapWork(
        Overlap(chunk, micros_of(SECOND_DAY), micros_of(FIRST_DAY, dt.time(23)), True), compare
    )
    return series


def test_nothing_new_is_asked_for_before_the_comparison(make: Make, provider: FakeProvider) -> None:
    compared: list[int] = []
    fetcher, series = make(), paused(lambda rows: compared.append(len(rows)))
    provider.gate.clear()
    fetcher.add(series)
    fetcher.start()
    wait_until(lambda: bool(provider.calls), "the first request")
    assert provider.calls == [("A", 1)]
    provider.gate.set()

    assert take(fetcher, series).index == 2
    assert settled(fetcher, provider)[:1] == [("A", 1)]
    assert sorted(provider.calls) == [("A", 1), ("A", 2), ("A", 3)]
    assert compared == [0], "only rows up to the last one that was written"


def test_what_is_not_the_same_ends_the_series_before_anything_new(make: Make, provider: FakeProvider) -> None:
    def other(_: Rows) -> None:
        raise ProviderChanged("the provider now tells other rows")

    fetcher, series = make(), paused(other)
    fetcher.add(series)
    fetcher.start()

    assert str(failure(fetcher, series)).startswith("provider_changed: ")
    assert settled(fetcher, provider) == [("A", 1)]
    assert fetcher.reserved == 0


@pytest.mark.parametrize("error", [ProviderUnavailable("away"), ProviderGlitch("odd")], ids=lambda e: type(e).__name__)
def test_a_passing_fault_is_no_change(make: Make, provider: FakeProvider, error: Exception) -> None:
    provider.script["A", 1] = [error]
    fetcher, series = make(), paused(lambda _: None)
    fetcher.add(series)
    fetcher.start()

    assert take(fetcher, series).index == 2
    assert provider.calls[:2] == [("A", 1), ("A", 1)]
