"""The fetcher, with a provider that does as it is told: order, budget, patience, limits."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable

import pytest

from app.domain import retry as retry_module
from app.domain.records import SessionCounts
from app.domain.retry import FEW
from app.errors import (
    BadTable,
    ProviderBusy,
    ProviderError,
    ProviderGlitch,
    ProviderRefused,
    ProviderUnavailable,
)
from app.history.fetch import Fetcher
from app.provider import Observer
from tests.unit.history.fetching import (
    CHUNK_BYTES,
    CHUNK_ROWS,
    FIRST_DAY,
    FakeProvider,
    failure,
    series_of,
    settled,
    take,
    wait_until,
)

# --- what is fetched, and in which order ------------------------------------------------------------------


def test_the_chunks_of_a_series_are_taken_in_order(make: Callable[..., Fetcher]) -> None:
    fetcher, series = make(), series_of("A", 12)
    fetcher.start()
    fetcher.add(series)

    assert [take(fetcher, series).index for _ in range(12)] == list(range(12))
    assert fetcher.take(series) is None


def test_a_series_goes_on_where_it_was_left(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    fetcher, series = make(), series_of("A", 5, first=3)
    fetcher.add(series)
    fetcher.start()

    assert [take(fetcher, series).index for _ in range(2)] == [3, 4]
    assert sorted(settled(fetcher, provider)) == [("A", 3), ("A", 4)]


def test_a_series_without_chunks_asks_for_nothing(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    fetcher, series = make(), series_of("A", 0)
    fetcher.add(series)
    fetcher.start()

    assert settled(fetcher, provider) == []
    assert fetcher.take(series) is None


def test_the_heads_of_all_series_come_before_any_later_chunk(
    make: Callable[..., Fetcher], provider: FakeProvider
) -> None:
    fetcher = make(limit=1)
    for ticker in "ABC":
        fetcher.add(series_of(ticker, 3))
    fetcher.start()

    calls = settled(fetcher, provider)
    assert sorted(calls[:3]) == [("A", 0), ("B", 0), ("C", 0)]
    assert sorted(calls) == [(ticker, i) for ticker in "ABC" for i in range(3)]
    for ticker in "ABC":
        assert [i for name, i in calls if name == ticker] == [0, 1, 2]


def test_series_take_turns(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    fetcher = make(limit=1)
    for ticker in "AB":
        fetcher.add(series_of(ticker, 4))
    fetcher.start()

    tickers = [ticker for ticker, _ in settled(fetcher, provider)]
    assert all({one, other} == {"A", "B"} for one, other in zip(tickers[::2], tickers[1::2], strict=True))


def test_the_chunks_of_the_plan_go_to_the_provider(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    fetcher, series = make(), series_of("A", 1)
    fetcher.add(series)
    fetcher.start()
    take(fetcher, series)

    assert series.plan is not None
    assert tuple(provider.chunks) == series.plan.chunks


def test_a_chunk_comes_processed_and_counted(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.empty_bars = 3
    fetcher = make()
    dropped, filled = series_of("A", 1), series_of("B", 1, empty_bars="fill")
    fetcher.add(dropped)
    fetcher.add(filled)
    fetcher.start()

    one, other = take(fetcher, dropped), take(fetcher, filled)
    day = (FIRST_DAY - dt.date(1970, 1, 1)).days
    # Bars of zeros are bars that the provider has; what is left of the day's grid is missing.
    missing = {day: 391 - 4}
    assert (len(one.rows), one.empty_bars, one.counts) == (1, 3, SessionCounts({day: 1}, missing))
    assert (len(other.rows), other.empty_bars, other.counts) == (4, 0, SessionCounts({day: 4}, missing))


def test_reports_of_zeros_are_data(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.empty_bars = 2
    fetcher = make()
    series = series_of("A", 1, topic="stock-a-eod-historical-1")
    fetcher.add(series)
    fetcher.start()

    found = take(fetcher, series)
    assert (len(found.rows), found.empty_bars) == (3, 0)


def test_whoever_waits_is_told_of_every_chunk_and_of_the_failure(
    make: Callable[..., Fetcher], provider: FakeProvider
) -> None:
    told = threading.Semaphore(0)
    provider.script["A", 1] = [ProviderRefused("no")]
    fetcher, series = make(limit=1), series_of("A", 2, on_ready=told.release)
    fetcher.add(series)
    fetcher.start()

    assert told.acquire(timeout=10)
    assert told.acquire(timeout=10)
    assert take(fetcher, series).index == 0
    assert isinstance(failure(fetcher, series), ProviderRefused)


def test_the_observer_is_told_of_each_request(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    seen: list[tuple[int, ProviderError | None]] = []

    retried: list[ProviderError] = []

    class Listener(Observer):
        def fetched(self, seconds: float, rows: int, error: ProviderError | None) -> None:
            assert seconds >= 0
            seen.append((rows, error))

        def retried(self, error: ProviderError) -> None:
            retried.append(error)

    error = ProviderGlitch("once")
    provider.script["A", 0] = [error]
    provider.empty_bars = 2
    fetcher, series = make(observer=Listener()), series_of("A", 1)
    fetcher.add(series)
    fetcher.start()
    take(fetcher, series)

    # The rows are those that came, before the empty ones are dropped.
    assert seen == [(0, error), (3, None)]
    assert retried == [error]


def test_what_waits_can_be_looked_at(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.gate.clear()
    fetcher, series = make(), series_of("A", 3)
    fetcher.add(series)
    assert (fetcher.depths().steps, fetcher.depths().retries) == (0, 0)
    fetcher.start()
    wait_until(lambda: fetcher.in_flight > 0, "a request under way")
    provider.gate.set()
    wait_until(lambda: fetcher.depths().steps > 0, "a step that is there")
    for _ in range(3):
        take(fetcher, series)
    assert (fetcher.depths().chunks, fetcher.depths().steps) == (0, 0)


# --- the budget -------------------------------------------------------------------------------------------


def test_the_budget_is_not_exceeded_by_later_chunks(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.traded = CHUNK_ROWS
    fetcher, series = make(budget=3 * CHUNK_BYTES), series_of("A", 10)
    fetcher.add(series)
    fetcher.start()
    assert len(settled(fetcher, provider)) == 3

    for taken in range(1, 8):
        found = take(fetcher, series)
        # What is taken still lies in memory until it is written.
        assert len(settled(fetcher, provider)) == min(10, 2 + taken)
        fetcher.release(found)
        assert len(settled(fetcher, provider)) == min(10, 3 + taken)


def test_what_came_counts_and_no_longer_what_was_expected(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.traded = CHUNK_ROWS // 2
    fetcher, series = make(limit=1, budget=4 * CHUNK_BYTES), series_of("A", 10)
    fetcher.add(series)
    fetcher.start()

    # Seven that came take half their size, the next one would need its whole.
    assert len(settled(fetcher, provider)) == 7
    assert fetcher.reserved == 7 * CHUNK_BYTES // 2


def test_a_head_is_always_admitted(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    fetcher = make(budget=0)
    series = [series_of(ticker, 3) for ticker in "ABC"]
    for one in series:
        fetcher.add(one)
    fetcher.start()

    assert sorted(settled(fetcher, provider)) == [("A", 0), ("B", 0), ("C", 0)]
    take(fetcher, series[1])
    assert settled(fetcher, provider)[3:] == [("B", 1)]


def test_a_retry_needs_no_room(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.script["A", 0] = [ProviderGlitch("x")] * 2
    provider.script["A", 1] = [ProviderGlitch("x")] * 2
    fetcher, series = make(budget=2 * CHUNK_BYTES), series_of("A", 2)
    fetcher.add(series)
    fetcher.start()

    assert [take(fetcher, series).index for _ in range(2)] == [0, 1]


@pytest.mark.parametrize("when", ["fetched", "in flight", "waiting for a retry", "failed", "taken"])
def test_a_series_that_is_removed_gives_its_budget_back(
    make: Callable[..., Fetcher], provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    provider.traded = CHUNK_ROWS
    fetcher, series = make(budget=4 * CHUNK_BYTES), series_of("A", 8)
    if when == "in flight":
        provider.gated = {("A", i) for i in range(8)}
        provider.gate.clear()
    if when == "waiting for a retry":
        monkeypatch.setattr(retry_module, "_FIRST_DELAY", 3_600)
        monkeypatch.setattr(retry_module, "_LONGEST_DELAY", 3_600)
        for i in range(8):
            provider.script["A", i] = [ProviderGlitch("x")]
    if when == "failed":
        provider.script["A", 1] = [ProviderRefused("x")]
    fetcher.add(series)
    fetcher.start()
    if when == "in flight":
        wait_until(lambda: len(provider.calls) == 4, "four requests")
    else:
        settled(fetcher, provider)
    if when == "taken":
        fetcher.release(take(fetcher, series))

    fetcher.remove(series)
    provider.gate.set()
    wait_until(lambda: fetcher.in_flight == 0, "the requests end")
    assert fetcher.reserved == 0
    provider.calls.clear()
    fetcher.add(series_of("B", 8))

    # As many as the whole budget has room for, no more and no fewer.
    assert sorted(settled(fetcher, provider)) == [("B", i) for i in range(4)]


def test_a_series_may_be_removed_twice(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.traded = CHUNK_ROWS
    fetcher, series = make(budget=2 * CHUNK_BYTES), series_of("A", 4)
    fetcher.add(series)
    fetcher.start()
    settled(fetcher, provider)
    fetcher.remove(series)
    fetcher.remove(series)
    provider.calls.clear()
    fetcher.add(series_of("B", 4))

    assert len(settled(fetcher, provider)) == 2


# --- failures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ProviderRefused, ProviderError])
def test_what_cannot_succeed_is_not_tried_again(
    make: Callable[..., Fetcher], provider: FakeProvider, kind: type[ProviderError]
) -> None:
    error = kind("no")
    provider.script["A", 0] = [error]
    fetcher, series = make(), series_of("A", 1)
    fetcher.add(series)
    fetcher.start()

    assert failure(fetcher, series) is error
    assert settled(fetcher, provider) == [("A", 0)]


def test_a_later_chunk_that_fails_leaves_the_earlier_ones_to_be_taken(
    make: Callable[..., Fetcher], provider: FakeProvider
) -> None:
    error = ProviderRefused("no")
    provider.script["A", 3] = [error]
    provider.gated = {("A", 0), ("A", 1), ("A", 2)}
    provider.gate.clear()
    fetcher, series = make(), series_of("A", 6)
    fetcher.add(series)
    fetcher.start()
    wait_until(lambda: series.failure is not None, "the failure")
    assert fetcher.take(series) is None
    provider.gate.set()

    assert [take(fetcher, series).index for _ in range(3)] == [0, 1, 2]
    assert failure(fetcher, series) is error
    assert failure(fetcher, series) is error


def test_the_earliest_failure_ends_the_series(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    early, late = ProviderRefused("early"), ProviderRefused("late")
    provider.script["A", 1], provider.script["A", 3] = [early], [late]
    provider.gated = {("A", 1)}
    provider.gate.clear()
    fetcher, series = make(), series_of("A", 5)
    fetcher.add(series)
    fetcher.start()
    wait_until(lambda: series.failure is late, "the late failure")
    provider.gate.set()

    assert take(fetcher, series).index == 0
    assert failure(fetcher, series) is early


def test_a_failure_further_on_does_not_take_its_place(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    early, late = ProviderRefused("early"), ProviderRefused("late")
    provider.script["A", 1], provider.script["A", 3] = [early], [late]
    provider.own_gates = {("A", 1): threading.Event(), ("A", 3): threading.Event()}
    fetcher, series = make(), series_of("A", 5)
    fetcher.add(series)
    fetcher.start()
    wait_until(lambda: {("A", 1), ("A", 3)} <= set(provider.calls), "both are under way")
    provider.own_gates["A", 1].set()
    wait_until(lambda: series.failure is early, "the early failure")
    provider.own_gates["A", 3].set()
    wait_until(lambda: fetcher.in_flight == 0, "the requests end")

    assert take(fetcher, series).index == 0
    assert failure(fetcher, series) is early


def test_after_a_failure_nothing_beyond_it_is_asked_for(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.script["A", 1] = [ProviderRefused("no")]
    fetcher, series = make(limit=1), series_of("A", 9)
    fetcher.add(series)
    fetcher.start()

    assert settled(fetcher, provider) == [("A", 0), ("A", 1)]


def test_one_series_that_fails_does_not_harm_another(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.script["A", 0] = [ProviderRefused("no")]
    fetcher, bad, good = make(), series_of("A", 3), series_of("B", 3)
    fetcher.add(bad)
    fetcher.add(good)
    fetcher.start()

    assert isinstance(failure(fetcher, bad), ProviderRefused)
    assert [take(fetcher, good).index for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("fault", [KeyError("x"), ZeroDivisionError(), ValueError("bad")])
def test_a_defect_ends_the_series_and_not_the_fetcher(
    make: Callable[..., Fetcher], provider: FakeProvider, fault: Exception
) -> None:
    provider.script["A", 0] = [fault]
    fetcher, bad, good = make(concurrency=1, limit=1), series_of("A", 1), series_of("B", 1)
    fetcher.add(bad)
    fetcher.start()
    error = failure(fetcher, bad)
    fetcher.add(good)

    assert isinstance(error, ProviderError)
    assert type(fault).__name__ in str(error)
    assert take(fetcher, good).index == 0


@pytest.mark.parametrize("kind", [ProviderGlitch, BadTable])
def test_a_glitch_is_tried_three_more_times(
    make: Callable[..., Fetcher], provider: FakeProvider, kind: type[ProviderError]
) -> None:
    errors = [kind(str(i)) for i in range(10)]
    provider.script["A", 0] = list(errors)
    fetcher, series = make(), series_of("A", 1)
    fetcher.add(series)
    fetcher.start()

    assert FEW == 3
    assert failure(fetcher, series) is errors[3]
    assert settled(fetcher, provider) == [("A", 0)] * 4


def test_the_third_try_again_may_still_succeed(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.script["A", 0] = [ProviderGlitch("x")] * 3
    fetcher, series = make(), series_of("A", 1)
    fetcher.add(series)
    fetcher.start()

    assert take(fetcher, series).index == 0
    assert provider.calls == [("A", 0)] * 4


def test_every_chunk_has_tries_of_its_own(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    for i in range(4):
        provider.script["A", i] = [BadTable("x")] * 3
    fetcher, series = make(), series_of("A", 4)
    fetcher.add(series)
    fetcher.start()

    assert [take(fetcher, series).index for _ in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", [ProviderUnavailable, ProviderBusy])
def test_a_terminal_that_comes_back_is_waited_for(
    make: Callable[..., Fetcher], provider: FakeProvider, kind: type[ProviderError]
) -> None:
    provider.script["A", 0] = [kind("not yet") for _ in range(10)]
    fetcher, series = make(theta_wait=60), series_of("A", 1)
    fetcher.add(series)
    fetcher.start()

    assert take(fetcher, series).index == 0
    assert provider.calls == [("A", 0)] * 11


def test_a_terminal_that_stays_away_fails_the_series_after_its_time(
    make: Callable[..., Fetcher], provider: FakeProvider
) -> None:
    provider.script["A", 0] = [ProviderUnavailable("nobody there") for _ in range(1_000)]
    fetcher, series = make(theta_wait=0.3), series_of("A", 1)
    begun = time.monotonic()
    fetcher.add(series)
    fetcher.start()

    assert "nobody there" in str(failure(fetcher, series))
    assert time.monotonic() - begun > 0.2
    assert len(provider.calls) > 4


def test_without_patience_a_terminal_that_is_away_is_an_error_at_once(
    make: Callable[..., Fetcher], provider: FakeProvider
) -> None:
    provider.script["A", 0] = [ProviderUnavailable("nobody there") for _ in range(10)]
    fetcher, series = make(theta_wait=0), series_of("A", 1)
    fetcher.add(series)
    fetcher.start()

    assert isinstance(failure(fetcher, series), ProviderUnavailable)
    assert settled(fetcher, provider) == [("A", 0)]


def test_a_glitch_after_a_long_wait_still_has_its_three_tries(
    make: Callable[..., Fetcher], provider: FakeProvider
) -> None:
    provider.script["A", 0] = [*(ProviderUnavailable("starting") for _ in range(5)), ProviderGlitch("572")]
    fetcher, series = make(), series_of("A", 1)
    fetcher.add(series)
    fetcher.start()

    assert take(fetcher, series).index == 0


def test_a_chunk_that_waits_holds_no_slot(
    make: Callable[..., Fetcher], provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_module, "_FIRST_DELAY", 3_600)
    monkeypatch.setattr(retry_module, "_LONGEST_DELAY", 3_600)
    for ticker in "ABC":
        provider.script[ticker, 0] = [ProviderGlitch("x")]
    fetcher, good = make(limit=1), series_of("D", 2)
    for ticker in "ABC":
        fetcher.add(series_of(ticker, 1))
    fetcher.start()
    wait_until(lambda: len(provider.calls) == 3, "all three have failed")
    fetcher.add(good)

    assert [take(fetcher, good).index for _ in range(2)] == [0, 1]


# --- the limit --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_no_more_requests_are_under_way_than_the_limit(
    make: Callable[..., Fetcher], provider: FakeProvider, limit: int
) -> None:
    fetcher = make(concurrency=4, limit=limit)
    provider.gate.clear()
    series = [series_of(ticker, 4) for ticker in "ABC"]
    for one in series:
        fetcher.add(one)
    fetcher.start()
    wait_until(lambda: provider.now == limit, "as many as allowed")
    assert fetcher.in_flight == limit
    provider.gate.set()
    settled(fetcher, provider)

    assert provider.most == limit
    assert len(provider.calls) == 12
    assert fetcher.in_flight == 0


def test_a_lower_share_holds_from_then_on(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    fetcher, series = make(concurrency=4), series_of("A", 30)
    provider.gate.clear()
    fetcher.add(series)
    fetcher.start()
    wait_until(lambda: provider.now == 6, "six under way")
    fetcher.set_share(1, 18)
    provider.gate.set()
    wait_until(lambda: provider.now == 0 or len(provider.calls) > 6, "the first six end")
    wait_until(lambda: provider.now <= 1, "one left")
    provider.most = 0
    settled(fetcher, provider)

    assert provider.most <= 1
    assert len(provider.calls) == 30


def test_a_higher_share_is_used_at_once(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    fetcher, series = make(concurrency=4, limit=1), series_of("A", 30)
    provider.gate.clear()
    fetcher.add(series)
    fetcher.start()
    wait_until(lambda: provider.now == 1, "one under way")
    fetcher.set_share(18, 18)

    wait_until(lambda: provider.now == 6, "six under way")


def test_a_429_halves_the_limit(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.script["A", 0] = [ProviderBusy("queue is full", status=429)]
    fetcher, series = make(concurrency=4), series_of("A", 1)
    fetcher.add(series)
    fetcher.start()

    assert take(fetcher, series).index == 0
    assert fetcher.limit == 3


def test_another_error_leaves_the_limit_alone(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    provider.script["A", 0] = [ProviderUnavailable("x"), ProviderGlitch("x")]
    fetcher, series = make(concurrency=4), series_of("A", 1)
    fetcher.add(series)
    fetcher.start()
    take(fetcher, series)

    assert fetcher.limit == 6


# --- the end ----------------------------------------------------------------------------------------------


def fetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("fetch-")]


def test_stop_ends_every_thread(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    before = set(fetch_threads())
    fetcher = make(concurrency=2)
    provider.gate.clear()
    fetcher.add(series_of("A", 9))
    fetcher.start()
    started = set(fetch_threads()) - before
    assert len(started) == 4
    wait_until(lambda: provider.now == 4, "four under way")

    fetcher.stop()
    provider.gate.set()

    wait_until(lambda: not any(thread.is_alive() for thread in started), "the threads end")
    assert len(provider.calls) == 4


def test_a_fetcher_that_is_stopped_asks_for_nothing_more(make: Callable[..., Fetcher], provider: FakeProvider) -> None:
    fetcher = make()
    fetcher.start()
    fetcher.stop()
    fetcher.stop()
    series = series_of("A", 1)
    fetcher.add(series)

    assert settled(fetcher, provider) == []
    assert fetcher.take(series) is None
