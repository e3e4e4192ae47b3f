"""Plans: what is too large is split, what is recorded reads back, and every part counts in the digest."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import sessions
from app.domain.contracts import Contracts
from app.domain.hours import AskedHours
from app.domain.listing import Need, recorded
from app.domain.plan import Chunk, Plan, Step, has_two_rights
from app.domain.schema import INTERVAL_SECONDS, RECORDS
from app.domain.series import SeriesName

JAN_2, JAN_31 = dt.date(2024, 1, 2), dt.date(2024, 1, 31)
BARS = SeriesName("stock", "AAPL", "ohlcv", "1m", "1")
TRADES = SeriesName("stock", "AAPL", "trade", None, "1")
QUOTES = SeriesName("option", "SPXW", "quote", "1m", "1")
EOD = SeriesName("option", "SPXW", "eod", None, "1")
DAY = dt.timedelta(days=1)


@st.composite
def series(draw: st.DrawFn) -> SeriesName:
    record = draw(st.sampled_from(list(RECORDS.values())))
    interval = draw(st.sampled_from([one for one in (*INTERVAL_SECONDS, None) if record.takes(one)]))
    return SeriesName(record.asset, "AAPL", record.schema, interval, "1")


@st.composite
def plans(draw: st.DrawFn) -> tuple[SeriesName, Plan]:
    """Plans of one to three steps of which each has one to three chunks, with hours only on single days."""
    name = draw(series())
    day, steps = draw(st.dates(dt.date(2012, 1, 3), dt.date(2025, 12, 1))), []
    for _ in range(draw(st.integers(1, 3))):
        found = sessions.sessions(day, day + 60 * DAY)
        length = draw(st.integers(1, 15))
        days = [session.date for session in found[:length]]
        hours: tuple[dt.time | None, dt.time | None] = (None, None)
        if length == 1 and name.record.has_hours and draw(st.booleans()):
            first, last = sorted([draw(st.integers(0, 86_399)), draw(st.integers(0, 86_399))])
            hours = tuple(dt.time(one // 3600, one // 60 % 60, one % 60) for one in (first, last))  # type: ignore[assignment]
        chunks = []
        for i in range(draw(st.integers(1, 3)) if name.asset == "option" else 1):
            # Not every expiration of a step is asked for on all of its days.
            last_day = draw(st.integers(0, length - 1)) if i else length - 1
            contracts = None
            if name.asset == "option":
                right = draw(st.sampled_from(["both", "call", "put"]))
                contracts = Contracts(expirations=(days[-1] + i * DAY,), right=right)
            rows = draw(st.integers(1, 10**6))
            chunks.append(Chunk(days[0], days[last_day], rows, *hours, contracts))
        steps.append(Step(tuple(chunks)))
        day = days[-1] + DAY
    return name, Plan(tuple(steps))


Piece = tuple[object, ...]


def pieces(name: SeriesName, plan: Plan) -> list[Piece]:
    """What a plan brings: for each session, expiration and right the windows that are asked for, in their order."""
    found: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    for chunk in plan.chunks:
        hours = AskedHours(name, chunk.start_time, chunk.end_time)
        rights = ["call", "put"] if has_two_rights(chunk) else [chunk.contracts and chunk.contracts.right]
        for session in sessions.sessions(chunk.start, chunk.end):
            for right in rights:
                key = (session.date, chunk.contracts and chunk.contracts.expirations, right)
                found.setdefault(key, []).append((hours.begin, hours.stop))
    return [(*key, *_whole(windows)) for key, windows in sorted(found.items(), key=repr)]


def _whole(windows: list[tuple[int, int]]) -> tuple[int, ...]:
    """Windows that meet as one."""
    joined = [*windows[0]]
    for begin, stop in windows[1:]:
        joined += [stop] if begin == joined.pop() + 1 else [begin, stop]
    return tuple(joined)


# --- splitting --------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(plans(), st.booleans(), st.integers(0, 2**32))
def test_what_is_split_again_and_again_still_brings_the_same_and_comes_to_an_end(
    given_plan: tuple[SeriesName, Plan], whole_days: bool, seed: int
) -> None:
    name, plan = given_plan
    chance, before = random.Random(seed), pieces(*given_plan)
    for _ in range(40):
        which = {chance.randrange(len(plan.steps))}
        split = plan.split(which, name, whole_days=whole_days)
        if split is None:
            continue
        (at,) = which
        assert len(split.steps) + len(split.chunks) > len(plan.steps) + len(plan.chunks)
        # Steps before it, which are written already, stay as they are, and those after it too.
        assert split.steps[:at] == plan.steps[:at]
        added = len(split.steps) - len(plan.steps)
        assert split.steps[at + 1 + added :] == plan.steps[at + 1 :]
        assert pieces(name, split) == before
        plan = split


@given(series())
def test_splitting_ends_at_single_moments_and_one_right(name: SeriesName) -> None:
    contracts = Contracts() if name.asset == "option" else None
    plan, rounds = Plan((Step((Chunk(JAN_2, JAN_31, 10**9, contracts=contracts),)),)), 0
    while (split := plan.split({0}, name)) is not None:
        plan, rounds = split, rounds + 1
        assert rounds < 40
    first = plan.steps[0].chunks[0]
    hours = AskedHours(name, first.start_time, first.end_time)

    assert first.start == first.end == JAN_2
    assert not has_two_rights(first)
    if name.record.has_hours:
        assert hours.stop - hours.begin < max(hours.grid, 1000)


@settings(max_examples=60)
@given(plans())
def test_a_split_with_whole_days_leaves_the_hours_alone(given_plan: tuple[SeriesName, Plan]) -> None:
    name, plan = given_plan
    edges = {(chunk.start_time, chunk.end_time) for chunk in plan.chunks}
    for _ in range(10):
        plan = plan.split({0}, name, whole_days=True) or plan

    assert {(chunk.start_time, chunk.end_time) for chunk in plan.chunks} == edges


def test_a_range_is_split_by_days() -> None:
    plan = Plan((Step((Chunk(JAN_2, JAN_31, 2_100),)),)).split({0}, BARS)

    assert plan is not None
    assert [(c.start, c.end, c.rows) for c in plan.chunks] == [
        (JAN_2, dt.date(2024, 1, 16), 1_000),
        (dt.date(2024, 1, 17), JAN_31, 1_100),
    ]
    assert len(plan.steps) == 2


def test_a_day_is_split_on_its_grid() -> None:
    plan = Plan((Step((Chunk(JAN_2, JAN_2, 391),)),)).split({0}, BARS)

    assert plan is not None
    assert [(c.start_time, c.end_time) for c in plan.chunks] == [
        (dt.time(9, 30), dt.time(12, 44, 59, 999_000)),
        (dt.time(12, 45), dt.time(16)),
    ]


def test_ticks_are_split_to_the_second() -> None:
    plan = Plan((Step((Chunk(JAN_2, JAN_2, 9, dt.time(10), dt.time(10, 0, 1)),)),)).split({0}, TRADES)

    assert plan is not None
    assert [(c.start_time, c.end_time) for c in plan.chunks] == [
        (dt.time(10), dt.time(10, 0, 0, 999_000)),
        (dt.time(10, 0, 1), dt.time(10, 0, 1)),
    ]
    assert plan.split({0}, TRADES) is None


def test_a_report_of_a_chain_is_split_by_right_within_its_step() -> None:
    contracts = Contracts(max_dte=5)
    plan = Plan((Step((Chunk(JAN_2, JAN_2, 9, contracts=contracts),)),)).split({0}, EOD)

    assert plan is not None
    (step,) = plan.steps
    assert [c.contracts for c in step.chunks] == [
        dataclasses.replace(contracts, right="call"),
        dataclasses.replace(contracts, right="put"),
    ]
    assert plan.split({0}, EOD) is None


def test_every_chunk_of_a_step_is_cut_at_the_same_day_and_those_beyond_it_go_to_one_side() -> None:
    early, late = (Contracts(expirations=(day,)) for day in (dt.date(2024, 1, 5), dt.date(2024, 3, 15)))
    step = Step((Chunk(JAN_2, dt.date(2024, 1, 5), 40, contracts=early), Chunk(JAN_2, JAN_31, 210, contracts=late)))

    plan = Plan((step,)).split({0}, QUOTES)

    assert plan is not None
    assert [[(c.start.day, c.end.day, c.contracts) for c in step.chunks] for step in plan.steps] == [
        [(2, 5, early), (2, 16, late)],
        [(17, 31, late)],
    ]


def test_several_steps_are_split_at_once_or_none() -> None:
    steps = tuple(Step((Chunk(day, day, 9),)) for day in (JAN_2, JAN_2 + DAY, JAN_31))
    moment = Step((Chunk(JAN_31, JAN_31, 9, dt.time(10), dt.time(10)),))

    found = Plan(steps).split({0, 2}, TRADES)
    assert found is not None
    assert [step.start for step in found.steps] == [JAN_2, JAN_2, JAN_2 + DAY, JAN_31, JAN_31]
    assert Plan((steps[0], moment)).split({0, 1}, TRADES) is None


# --- records ----------------------------------------------------------------------------------------------


@given(plans())
def test_a_plan_survives_json(given_plan: tuple[SeriesName, Plan]) -> None:
    plan = given_plan[1]

    again = Plan.from_json(orjson.loads(orjson.dumps(plan.as_json())))

    assert again == plan
    assert again.digest == plan.digest


@pytest.mark.parametrize(
    "chunk",
    [
        Chunk(JAN_2, JAN_31, 7),
        Chunk(JAN_2, JAN_2, 7, dt.time(10), None),
        Chunk(JAN_2, JAN_2, 7, None, dt.time(12, 44, 59, 999_000)),
        Chunk(JAN_2, JAN_2, 7, contracts=Contracts()),
        Chunk(JAN_2, JAN_2, 7, dt.time(0), dt.time(23), Contracts((JAN_31,), (1, 99_999_999), "put", 0, 0)),
    ],
)
def test_a_chunk_survives_json(chunk: Chunk) -> None:
    plan = Plan((Step((chunk,)),))

    assert Plan.from_json(orjson.loads(orjson.dumps(plan.as_json()))) == plan


def test_a_plan_keeps_the_listings_it_was_made_from() -> None:
    listings = {
        Need("contracts", JAN_31): {JAN_31: 7, JAN_2: 8},
        Need("contracts", JAN_2): {},
        Need("expirations"): {JAN_31: 0},
    }
    plan = Plan((Step((Chunk(JAN_2, JAN_31, 7),)),), recorded(listings))

    assert Plan.from_json(orjson.loads(orjson.dumps(plan.as_json()))) == plan
    assert plan.digest != Plan(plan.steps).digest
    assert [(kind, date) for kind, date, _ in plan.listings] == [
        ("contracts", "2024-01-02"),
        ("contracts", "2024-01-31"),
        ("expirations", None),
    ]
    split = plan.split({0}, BARS)
    assert split is not None
    assert split.listings == plan.listings


def test_a_stocks_plan_is_recorded_without_what_it_has_not() -> None:
    assert Plan((Step((Chunk(JAN_2, JAN_31, 7),)),)).as_json() == {"steps": [[["2024-01-02", "2024-01-31", 7]]]}


def test_the_digest_of_a_plan_stays_what_it_was() -> None:
    """Checkpoints name plans by it: a worker of a new version goes on from those of an old one."""
    plan = Plan(
        (
            Step((Chunk(JAN_2, JAN_31, 8_211),)),
            Step((Chunk(JAN_31, JAN_31, 5, dt.time(9, 30), dt.time(12), Contracts((JAN_31,), (4_700_000,), "put")),)),
        )
    )

    assert plan.digest == "6e3073f54075a99e"


@given(plans(), st.data())
def test_the_digest_changes_with_every_part_of_the_plan(
    given_plan: tuple[SeriesName, Plan], data: st.DataObject
) -> None:
    plan = given_plan[1]
    at = data.draw(st.integers(0, len(plan.steps) - 1))
    step = plan.steps[at]
    chunk, *rest = step.chunks
    others = [
        dataclasses.replace(chunk, rows=chunk.rows + 1),
        dataclasses.replace(chunk, start=chunk.start - DAY),
        dataclasses.replace(chunk, end=chunk.end + DAY),
        dataclasses.replace(chunk, start_time=dt.time(1, 2, 3)),
        dataclasses.replace(chunk, end_time=dt.time(1, 2, 3)),
        dataclasses.replace(chunk, contracts=Contracts(strike_range=77)),
    ]
    for other in others:
        assert Plan((*plan.steps[:at], Step((other, *rest)), *plan.steps[at + 1 :])).digest != plan.digest
    assert Plan(plan.steps[:-1]).digest != plan.digest
    # Where one step ends and the next begins counts too.
    assert Plan((Step(plan.chunks), Step((chunk,)))).digest != Plan((Step((*plan.chunks, chunk)),)).digest


def test_chunks_are_counted_up_to_a_step() -> None:
    one, two = Step((Chunk(JAN_2, JAN_2, 1),)), Step((Chunk(JAN_31, JAN_31, 1),) * 2)

    assert [Plan((two, one, two)).chunks_before(step) for step in range(4)] == [0, 2, 3, 5]
