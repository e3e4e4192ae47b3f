"""Steps of several requests: listings first, put together in order, split when too large, and every byte given back."""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.domain import sessions
from app.domain.contracts import Contracts
from app.domain.hours import AskedHours
from app.domain.kinds import Kind
from app.domain.limits import Limits
from app.domain.listing import Listing, Need
from app.domain.plan import Chunk, Plan, Step
from app.domain.planning import plan_series
from app.domain.rows import Rows
from app.domain.series import SeriesName
from app.domain.times import micros_of
from app.errors import (
    BadTable,
    PlatformError,
    ProviderBusy,
    ProviderGlitch,
    ProviderRefused,
    ProviderUnavailable,
    RequestTooLarge,
)
from app.history import fetch as fetch_module
from app.history.fetch import Fetcher
from app.history.work import Fetched, SeriesFetch
from app.theta.limits import THETA_LIMITS
from tests.unit.history.fetching import failure, record_of, take, wait_until

JAN_2, JAN_3, JAN_4 = (dt.date(2024, 1, day) for day in (2, 3, 4))
EPOCH = dt.date(1970, 1, 1)
#: Expirations of the chain that the market has, and strikes in dollars.
EXPIRATIONS = tuple(dt.date(2024, 1, day) for day in (3, 5, 12))
STRIKES = (4700.0, 4710.0)
Make = Callable[..., Fetcher]
#: Session, milliseconds since midnight, and of an option its expiration, right and strike.
Row = tuple[dt.date, int, dt.date | None, int, float]


class Market:
    """Gives every chunk what it asks for, on a grid of half an hour; ``refuse`` may raise instead."""

    name = "market"
    limits: Limits = THETA_LIMITS

    def __init__(self) -> None:
        self.refuse: Callable[[SeriesName, Chunk], None] = lambda *_: None
        self.refuse_listing: Callable[[Need], None] = lambda _: None
        self.asked: list[Chunk | Need] = []
        self.grid = 1_800_000

    def refuses(self, series: SeriesName, start: dt.date) -> str | None:
        return None

    def list(self, series: SeriesName, need: Need) -> Listing:
        self.asked.append(need)
        self.refuse_listing(need)
        if need.kind == "strikes":
            return {need.date: len(STRIKES)} if need.date else {}
        return {day: 0 if need.kind == "expirations" else 2 * len(STRIKES) for day in EXPIRATIONS}

    def fetch(self, series: SeriesName, chunk: Chunk, most: int) -> Rows:
        self.asked.append(chunk)
        self.refuse(series, chunk)
        return rows_of(series, self.rows(series, chunk))

    def state(self) -> str:
        return "CONNECTED"

    def close(self) -> None:
        pass

    def rows(self, series: SeriesName, chunk: Chunk) -> list[Row]:
        """The provider's rows: one contract after the other."""
        hours = AskedHours(series, chunk.start_time, chunk.end_time)
        times = [ms for ms in range(34_200_000, 57_600_001, self.grid) if hours.begin <= ms <= hours.stop]
        days = [session.date for session in sessions.sessions(chunk.start, chunk.end)]
        if chunk.contracts is None:
            return [(day, ms, None, 0, 0.0) for day in days for ms in times]
        asked = chunk.contracts
        rights = {"both": (0, 1), "call": (0,), "put": (1,)}[asked.right]
        return [
            (day, ms, expiration, right, strike)
            for expiration in reversed(asked.expirations or EXPIRATIONS)
            for strike in STRIKES
            for right in rights
            if not asked.strikes or strike * 1000 in asked.strikes
            for day in days
            if day <= expiration
            for ms in times
        ]


def rows_of(series: SeriesName, rows: list[Row]) -> Rows:
    values: dict[str, list[Any]] = {
        "timestamp": [micros_of(day) + ms * 1000 for day, ms, *_ in rows],
        "expiration": [(expiration - EPOCH).days if expiration else 0 for _, _, expiration, _, _ in rows],
        "right": [right for *_, right, _ in rows],
        "strike": [strike for *_, strike in rows],
    }
    columns = {}
    for column in series.record.columns:
        array = np.empty(len(rows), dtype=column.kind.dtype)
        array[:] = values.get(column.name, [series.symbol if column.kind is Kind.STRING else 1] * len(rows))
        columns[column.name] = array
    return Rows.of(series.record, columns)


def in_order(rows: list[Row]) -> list[tuple[int, int, int, float]]:
    """As they are to be written: by time, expiration, right, strike."""
    return sorted(
        (micros_of(day) + ms * 1000, (expiration - EPOCH).days if expiration else 0, right, strike)
        for day, ms, expiration, right, strike in rows
    )


def content(rows: Rows) -> list[tuple[int, int, int, float]]:
    if rows.contracts is None:
        return [(time, 0, 0, 0.0) for time in rows.timestamps.tolist()]
    names = ("timestamp", "expiration", "right", "strike")
    return list(zip(*(rows.columns[name].tolist() for name in names), strict=True))


@pytest.fixture
def market() -> Market:
    return Market()


def option(
    schema: str = "quote30m",
    start: dt.date = JAN_2,
    end: dt.date = JAN_4,
    contracts: Contracts | None = None,
    plan: Plan | None = None,
    on_ready: Callable[[], None] = lambda: None,
    **changes: Any,
) -> SeriesFetch:
    record = record_of(
        "A",
        0,
        topic=f"option-spxw-{schema}-historical-1",
        start=start,
        end=end,
        contracts=contracts or Contracts(),
        **changes,
    )
    return SeriesFetch(record, plan, 0, THETA_LIMITS, on_ready)


def everything(fetcher: Fetcher, series: SeriesFetch, *, release: bool = True) -> list[Fetched]:
    """All steps of a series; its plan may grow on the way."""
    found: list[Fetched] = []
    wait_until(lambda: series.plan is not None, "the plan")
    while series.plan is not None and series.head < len(series.plan.steps):
        found.append(take(fetcher, series))
        if release:
            fetcher.release(found[-1])
    return found


def at_rest(fetcher: Fetcher) -> None:
    wait_until(lambda: fetcher.in_flight == 0, "the requests end")


def step_of(day: dt.date, *contracts: Contracts, **more: Any) -> Step:
    return Step(tuple(Chunk(day, day, 100, contracts=one, **more) for one in contracts or (Contracts(),)))


# --- listings ---------------------------------------------------------------------------------------------


def test_listings_come_before_the_plan_and_the_plan_before_its_chunks(make: Make, market: Market) -> None:
    fetcher, series = make(of=market), option()
    assert series.plan is None
    assert fetcher.take(series) is None
    fetcher.add(series)
    fetcher.start()
    steps = everything(fetcher, series)

    kinds = [type(one) for one in market.asked]
    assert kinds == [Need] * 3 + [Chunk] * len(steps[0].plan.chunks)
    assert {one for one in market.asked if isinstance(one, Need)} == {
        Need("contracts", day) for day in (JAN_2, JAN_3, JAN_4)
    }
    assert steps[0].plan == plan_series(
        series.name,
        JAN_2,
        JAN_4,
        None,
        None,
        THETA_LIMITS,
        Contracts(),
        {Need("contracts", day): dict.fromkeys(EXPIRATIONS, 4) for day in (JAN_2, JAN_3, JAN_4)},
    )
    assert fetcher.reserved == 0


def test_a_listing_is_tried_again_and_holds_nobody_up(make: Make, market: Market) -> None:
    faults = [ProviderGlitch("x"), ProviderUnavailable("y"), BadTable("z")]

    def refuse(need: Need) -> None:
        if need.date == JAN_3 and faults:
            raise faults.pop()

    market.refuse_listing = refuse
    fetcher, series = make(of=market), option()
    fetcher.add(series)
    fetcher.start()

    assert len(everything(fetcher, series)) == 3
    assert [one for one in market.asked if isinstance(one, Need)].count(Need("contracts", JAN_3)) == 4


@pytest.mark.parametrize("error", [ProviderRefused("no"), RequestTooLarge("570"), KeyError("defect")])
def test_a_listing_that_fails_fails_the_series(make: Make, market: Market, error: Exception) -> None:
    def refuse(need: Need) -> None:
        if need.date == JAN_3:
            raise error

    market.refuse_listing = refuse
    told = threading.Event()
    fetcher, series = make(of=market), option(on_ready=told.set)
    fetcher.add(series)
    fetcher.start()
    found = failure(fetcher, series)

    assert told.is_set()
    assert found is error or type(error).__name__ in str(found)
    at_rest(fetcher)
    assert not [one for one in market.asked if isinstance(one, Chunk)]
    fetcher.remove(series)
    assert fetcher.reserved == 0


def test_a_root_of_which_nothing_is_listed_has_an_empty_plan(make: Make, market: Market) -> None:
    told = threading.Event()
    fetcher, series = make(of=market), option(start=dt.date(2024, 2, 1), end=dt.date(2024, 2, 2), on_ready=told.set)
    fetcher.add(series)
    fetcher.start()

    assert told.wait(10)
    wait_until(lambda: series.plan is not None, "the plan")
    assert series.plan is not None
    assert series.plan.steps == ()
    assert fetcher.take(series) is None


# --- several chunks ---------------------------------------------------------------------------------------


def test_chunks_are_put_together_in_event_order_and_then_by_contract(make: Make, market: Market) -> None:
    one, two, three = (Contracts((day,)) for day in EXPIRATIONS)
    plan = Plan((step_of(JAN_2, three, one, two), step_of(JAN_3, two, one)))
    fetcher, series = make(of=market), option(plan=plan)
    fetcher.add(series)
    fetcher.start()

    for step, fetched in zip(plan.steps, everything(fetcher, series), strict=True):
        expected = [row for chunk in step.chunks for row in market.rows(series.name, chunk)]
        assert content(fetched.rows) == in_order(expected)
        assert len(expected) > 100
        day = (step.start - EPOCH).days
        assert fetched.counts.rows == {day: len(expected)}
    assert fetcher.reserved == 0


def test_a_step_is_there_when_all_of_its_chunks_are(make: Make, market: Market) -> None:
    last, two = threading.Event(), Contracts((EXPIRATIONS[1],))

    def refuse(_: SeriesName, chunk: Chunk) -> None:
        if chunk.contracts == two:
            assert last.wait(20)

    market.refuse = refuse
    plan = Plan((step_of(JAN_2, Contracts((EXPIRATIONS[0],)), two, Contracts((EXPIRATIONS[2],))),))
    fetcher, series = make(of=market), option(plan=plan)
    fetcher.add(series)
    fetcher.start()
    wait_until(lambda: len(market.asked) == 3 and fetcher.in_flight == 1, "two of three")

    assert fetcher.take(series) is None
    last.set()
    assert take(fetcher, series).index == 0


def test_chunks_of_a_step_are_tried_again_one_by_one(make: Make, market: Market) -> None:
    tries: dict[Contracts | None, int] = defaultdict(int)

    def refuse(_: SeriesName, chunk: Chunk) -> None:
        tries[chunk.contracts] += 1
        if tries[chunk.contracts] <= 3:
            raise ProviderGlitch("x")

    market.refuse = refuse
    chunks = [Contracts((day,)) for day in EXPIRATIONS]
    fetcher, series = make(of=market), option(plan=Plan((step_of(JAN_2, *chunks),)))
    fetcher.add(series)
    fetcher.start()

    assert len(everything(fetcher, series)) == 1
    assert tries == dict.fromkeys(chunks, 4)
    assert fetcher.reserved == 0


def test_contracts_that_were_not_meant_are_left_out(make: Make, market: Market) -> None:
    meant = Contracts(strikes=(4_700_000,), right="put", max_dte=3)
    # As if the provider knew no filter at all.
    fetcher, series = make(of=market), option(contracts=meant, plan=Plan((step_of(JAN_2), step_of(JAN_3))))
    fetcher.add(series)
    fetcher.start()

    for fetched, day in zip(everything(fetcher, series), (JAN_2, JAN_3), strict=True):
        expected = [
            row
            for row in market.rows(series.name, Chunk(day, day, 0, contracts=Contracts()))
            if row[3:] == (1, 4700.0) and row[2] is not None and 0 <= (row[2] - day).days <= 3
        ]
        assert len(expected) == 28
        assert content(fetched.rows) == in_order(expected)


def test_bars_of_options_are_filled_contract_by_contract_and_holes_are_not_counted(make: Make, market: Market) -> None:
    fetcher, series = make(of=market), option("ohlcv30m", plan=Plan((step_of(JAN_2),)), empty_bars="fill")
    fetcher.add(series)
    fetcher.start()
    (fetched,) = everything(fetcher, series)

    # Only what was traded at all has bars, so that nobody knows how many there should be.
    assert fetched.counts.missing == {}
    assert fetched.empty_bars == 0


# --- splitting --------------------------------------------------------------------------------------------


def too_large_until(small: Callable[[Chunk], bool]) -> Callable[[SeriesName, Chunk], None]:
    def refuse(_: SeriesName, chunk: Chunk) -> None:
        if not small(chunk):
            raise RequestTooLarge("570")

    return refuse


def joined(steps: list[Fetched]) -> list[tuple[int, int, int, float]]:
    return [row for step in steps for row in content(step.rows)]


def test_what_is_too_large_is_split_until_it_fits_and_stays_in_order(make: Make, market: Market) -> None:
    market.refuse = too_large_until(lambda chunk: chunk.start == chunk.end and chunk.start_time is not None)
    expirations = [Contracts((day,)) for day in EXPIRATIONS[1:]]
    whole = Step(tuple(Chunk(JAN_2, JAN_4, 100, contracts=one) for one in expirations))
    fetcher, series = make(of=market), option(plan=Plan((whole,)))
    fetcher.add(series)
    fetcher.start()
    steps = everything(fetcher, series)

    assert [step.index for step in steps] == list(range(6))
    expected = [row for chunk in whole.chunks for row in market.rows(series.name, chunk)]
    assert joined(steps) == in_order(expected)
    # What is written stays as it was, whatever is split later.
    assert all(step.plan.steps[: step.index + 1] == steps[-1].plan.steps[: step.index + 1] for step in steps)
    assert fetcher.reserved == 0


def test_a_later_step_that_is_split_leaves_the_earlier_ones_alone(make: Make, market: Market) -> None:
    market.refuse = too_large_until(lambda chunk: chunk.start != JAN_4 or chunk.start_time is not None)
    plan = Plan((step_of(JAN_2), step_of(JAN_3), step_of(JAN_4)))
    fetcher, series = make(of=market), option(plan=plan)
    fetcher.add(series)
    fetcher.start()
    steps = everything(fetcher, series)

    assert [step.index for step in steps] == [0, 1, 2, 3]
    assert steps[-1].plan.steps[:2] == plan.steps[:2]
    assert len([one for one in market.asked if isinstance(one, Chunk) and one.start == JAN_2]) == 1


def test_the_parts_of_a_step_that_is_split_are_fetched_ahead_like_any_other(make: Make, market: Market) -> None:
    def refuse(_: SeriesName, chunk: Chunk) -> None:
        if chunk.start == JAN_3 and chunk.start_time is None:
            wait_until(lambda: len(market.asked) == 3 and fetcher.in_flight == 1, "the others are there")
            time.sleep(0.05)
            raise RequestTooLarge("570")

    market.refuse = refuse
    fetcher, series = make(of=market), option(plan=Plan((step_of(JAN_2), step_of(JAN_3), step_of(JAN_4))))
    fetcher.add(series)
    fetcher.start()

    # Nothing is taken, and still all of it is asked for: three, and two in the place of one.
    wait_until(lambda: len(market.asked) == 5, "the parts")
    assert len(everything(fetcher, series)) == 4


def test_a_day_of_reports_is_split_by_right(make: Make, market: Market) -> None:
    market.refuse = too_large_until(lambda chunk: chunk.contracts is not None and chunk.contracts.right != "both")
    fetcher, series = make(of=market), option("eod", plan=Plan((step_of(JAN_2),)))
    fetcher.add(series)
    fetcher.start()
    (step,) = everything(fetcher, series)

    assert content(step.rows) == in_order(market.rows(series.name, Chunk(JAN_2, JAN_2, 0, contracts=Contracts())))
    assert [chunk.contracts.right for chunk in step.plan.chunks if chunk.contracts] == ["call", "put"]


def test_what_cannot_be_split_further_fails_and_says_what_to_do(make: Make, market: Market) -> None:
    market.refuse = too_large_until(lambda _: False)
    fetcher, series = make(of=market), option("eod", plan=Plan((step_of(JAN_2),)))
    fetcher.add(series)
    fetcher.start()

    found = failure(fetcher, series)
    assert isinstance(found, RequestTooLarge)
    assert "570" in str(found)
    assert "fewer contracts" in str(found)
    fetcher.remove(series)
    at_rest(fetcher)
    assert fetcher.reserved == 0


def test_a_step_whose_answers_are_too_much_together_is_split(
    make: Make, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "MOST_ROWS", 100)
    plan = Plan((step_of(JAN_2, *(Contracts((day,)) for day in EXPIRATIONS)),))
    fetcher, series = make(of=market), option(plan=plan)
    fetcher.add(series)
    fetcher.start()
    steps = everything(fetcher, series)

    # 14 times, 3 expirations, 2 strikes, 2 rights.
    assert len(joined(steps)) == 168
    assert len(steps) == 2
    assert all(len(step.rows) <= 100 for step in steps)
    assert fetcher.reserved == 0


def days_alike(schema: str) -> SeriesFetch:
    return option(schema, plan=Plan(tuple(step_of(JAN_2 + dt.timedelta(days=i)) for i in range(4))))


def test_where_sizes_are_a_guess_later_days_are_split_too(make: Make, market: Market) -> None:
    market.refuse = too_large_until(lambda chunk: chunk.start_time is not None)
    fetcher, series = make(of=market, limit=1, budget=0), days_alike("trade")
    fetcher.add(series)
    fetcher.start()
    steps = everything(fetcher, series)

    assert [step.index for step in steps] == list(range(8))
    # One request came in vain, not one a day.
    assert len(market.asked) == 9


def test_where_sizes_are_known_another_day_is_left_as_it_is(make: Make, market: Market) -> None:
    market.refuse = too_large_until(lambda chunk: chunk.start_time is not None or chunk.start != JAN_2)
    fetcher, series = make(of=market, limit=1, budget=0), days_alike("quote30m")
    fetcher.add(series)
    fetcher.start()

    assert len(everything(fetcher, series)) == 5


def test_a_day_alike_that_cannot_be_split_does_not_keep_another_from_it(make: Make, market: Market) -> None:
    moment = {"start_time": dt.time(10), "end_time": dt.time(10)}
    market.refuse = too_large_until(lambda chunk: chunk.contracts is not None and chunk.contracts.right != "both")
    plan = Plan((step_of(JAN_2, **moment), step_of(JAN_3, Contracts(right="call"), **moment)))
    fetcher, series = make(of=market, limit=1, budget=0), option("trade", plan=plan)
    fetcher.add(series)
    fetcher.start()

    assert len(everything(fetcher, series)) == 2


def test_a_step_that_is_split_after_a_later_one_failed_still_ends_at_that_failure(make: Make, market: Market) -> None:
    failed = threading.Event()

    def refuse(_: SeriesName, chunk: Chunk) -> None:
        if chunk.start == JAN_4:
            raise ProviderRefused("no")
        if chunk.start == JAN_3 and chunk.start_time is None:
            assert failed.wait(20)
            raise RequestTooLarge("570")

    market.refuse = refuse
    fetcher = make(of=market)
    series = option(plan=Plan((step_of(JAN_2), step_of(JAN_3), step_of(JAN_4))))
    fetcher.add(series)
    fetcher.start()
    wait_until(lambda: series.failure is not None, "the failure")
    failed.set()

    assert [take(fetcher, series).index for _ in range(3)] == [0, 1, 2]
    assert "no" in str(failure(fetcher, series))


# --- the budget -------------------------------------------------------------------------------------------


def test_a_step_that_is_given_up_frees_its_bytes_though_others_of_its_requests_are_still_under_way(
    make: Make, market: Market
) -> None:
    asked, go_on, late = threading.Event(), threading.Event(), Contracts((EXPIRATIONS[2],))

    def refuse(_: SeriesName, chunk: Chunk) -> None:
        if chunk.contracts == late:
            asked.set()
            assert go_on.wait(20)
        else:
            assert asked.wait(20)
            raise ProviderRefused("no")

    market.refuse = refuse
    fetcher = make(of=market)
    series = option(plan=Plan((step_of(JAN_2, Contracts((EXPIRATIONS[1],)), late),)))
    fetcher.add(series)
    fetcher.start()
    failure(fetcher, series)
    assert fetcher.reserved == 0
    go_on.set()
    at_rest(fetcher)

    assert fetcher.reserved == 0
    fetcher.remove(series)
    assert fetcher.reserved == 0


def test_a_series_that_failed_gives_back_the_bytes_of_what_comes_after_it(make: Make, market: Market) -> None:
    def refuse(_: SeriesName, chunk: Chunk) -> None:
        if chunk.start == JAN_2:
            time.sleep(0.05)
            raise ProviderRefused("no")

    market.refuse = refuse
    plan = Plan(tuple(step_of(session.date) for session in sessions.sessions(JAN_2, dt.date(2024, 1, 12))))
    fetcher, series = make(of=market), option(plan=plan)
    fetcher.add(series)
    fetcher.start()
    failure(fetcher, series)
    at_rest(fetcher)
    # The rows are there, and so are their bytes, until the series is let go.
    assert fetcher.reserved > 0
    fetcher.remove(series)

    assert fetcher.reserved == 0


class Storm:
    """Faults as a seed has them; it calms down, so that everything ends."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.lock = threading.Lock()
        self.left = 150

    def __call__(self, series: SeriesName, chunk: Chunk) -> None:
        with self.lock:
            roll = self.chance.random()
            self.left -= 1
            nap = self.chance.random() * 0.002
            calm = self.left <= 0
        time.sleep(nap)
        if calm:
            return
        if roll < 0.15:
            raise ProviderGlitch("572")
        if roll < 0.2:
            raise ProviderUnavailable("474")
        if roll < 0.22:
            raise ProviderBusy("429", status=429)
        if roll < 0.4 and chunk.start != chunk.end:
            raise RequestTooLarge("570")
        if roll < 0.45:
            raise RequestTooLarge("570")
        if roll < 0.46:
            raise ProviderRefused("471")
        if roll < 0.465:
            raise KeyError("a defect")


@pytest.mark.parametrize("seed", range(8))
def test_whatever_fails_or_is_removed_every_byte_is_given_back_and_what_is_complete_is_whole(
    make: Make, market: Market, seed: int
) -> None:
    storm, chance = Storm(seed), random.Random(seed)
    market.refuse = storm
    start, end = JAN_2, dt.date(2024, 1, 12)
    fetcher = make(of=market, concurrency=6, budget=60_000)
    range_of_days = Step(tuple(Chunk(start, day, 500, contracts=Contracts((day,))) for day in EXPIRATIONS))
    all_series = [
        option("quote30m", start, end),
        option("trade", start, end, Contracts(max_dte=4)),
        option("ohlcv30m", start, end, Contracts(strikes=(4_700_000,))),
        option("eod", start, end, Contracts(right="put")),
        option("quote1h", start, end, plan=Plan((range_of_days,))),
        *(
            SeriesFetch(
                record_of(ticker, 0, topic=f"stock-{ticker}-trade-historical-1", start=start, end=end),
                None,
                0,
                THETA_LIMITS,
                lambda: None,
            )
            for ticker in ("a", "b")
        ),
    ]
    expected = {id(series): meant(market, series, start, end) for series in all_series}
    for series in all_series:
        fetcher.add(series)
    fetcher.start()

    ended: dict[int, str] = {}
    got: dict[int, list[Fetched]] = defaultdict(list)
    unreleased: list[Fetched] = []
    deadline = time.monotonic() + 30
    while len(ended) < len(all_series):
        assert time.monotonic() < deadline, f"still open: {[s.record.topic for s in all_series if id(s) not in ended]}"
        for series in all_series:
            if id(series) in ended:
                continue
            if chance.random() < 0.0005:
                fetcher.remove(series)
                ended[id(series)] = "removed"
                continue
            try:
                step = fetcher.take(series)
            except PlatformError:
                ended[id(series)] = "failed"
                fetcher.remove(series)
                continue
            if step is not None:
                assert step.index == len(got[id(series)])
                got[id(series)].append(step)
                unreleased.append(step)
            elif series.plan is not None and series.head == len(series.plan.steps):
                ended[id(series)] = "complete"
                fetcher.remove(series)
        while unreleased and chance.random() < 0.5:
            fetcher.release(unreleased.pop(chance.randrange(len(unreleased))))
        time.sleep(0.0005)
    for step in unreleased:
        fetcher.release(step)
    at_rest(fetcher)

    assert fetcher.reserved == 0
    for series in all_series:
        rows = joined(got[id(series)])
        if ended[id(series)] == "complete":
            assert rows == expected[id(series)]
        else:
            # What is there of it is its beginning.
            assert rows == expected[id(series)][: len(rows)]


def meant(market: Market, series: SeriesFetch, start: dt.date, end: dt.date) -> list[tuple[int, int, int, float]]:
    """The rows that a request means, from what the market has."""
    asked = series.record.contracts
    rows = market.rows(series.name, Chunk(start, end, 0, contracts=asked and replace(asked, max_dte=None)))
    if asked is not None and asked.max_dte is not None:
        rows = [row for row in rows if row[2] is not None and (row[2] - row[0]).days <= asked.max_dte]
    return in_order(rows)
