"""Bars made from live trades: held against a slow oracle in plain Python, and against the simulator's history."""

from __future__ import annotations

import csv
import datetime as dt
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import conditions, sessions
from app.domain.contracts import from_occ_parts
from app.domain.kinds import RIGHTS
from app.domain.live import LATENESS
from app.domain.live_bars import BarBuilder
from app.domain.rows import Rows
from app.domain.schema import INTERVAL_SECONDS, RECORDS
from app.domain.series import SeriesName
from app.domain.times import SECOND, micros_of
from simulator import tape as tapes
from simulator import ticks
from simulator.instruments import instrument
from simulator.options import expirations as calendar
from simulator.options.board import board
from simulator.options.roots import root
from simulator.options.trades import trades as option_trades
from simulator.server import Simulator

NEW_YORK = ZoneInfo("America/New_York")
DAY, NEXT = dt.date(2024, 7, 2), dt.date(2024, 7, 3)
#: Before and after both changes of the clocks; a half-day, and the day after it.
PAIRS = [
    (dt.date(2024, 3, 8), dt.date(2024, 3, 11)),
    (dt.date(2024, 11, 1), dt.date(2024, 11, 4)),
    (NEXT, dt.date(2024, 7, 5)),
]
CALL, PUT = from_occ_parts(np.array([19_920, 19_920]), np.array([0, 1]), np.array([4700.0, 4705.5])).tolist()
OPENS, CLOSES = dt.time(9, 30), dt.time(16)
MS = 1_000
REGULAR, ODD_LOT, SOLD_LAST, HIGH_LOW, CANCEL = 0, 115, 13, 62, 40
Bar = dict[str, Any]


@dataclass(frozen=True)
class Trade:
    at: int
    price: float
    size: int = 100
    condition: int = REGULAR
    contract: int = 0


def at(time: str, day: dt.date = DAY) -> int:
    return micros_of(day, dt.time.fromisoformat(time))


def builder(interval: str = "1m", asset: str = "stock", **hours: dt.time) -> BarBuilder:
    return BarBuilder(SeriesName.parse(f"{asset}-spxw-ohlcv{interval}-live"), **hours)


def feed(bars: BarBuilder, trades: Sequence[Trade]) -> None:
    bars.add(
        np.array([one.at for one in trades], dtype=np.int64),
        np.array([one.contract for one in trades], dtype=np.int64),
        np.array([one.price for one in trades], dtype=np.float64),
        np.array([one.size for one in trades], dtype=np.int64),
        np.array([one.condition for one in trades], dtype=np.int64),
    )


def made(bars: BarBuilder, clock: int) -> list[Bar]:
    return bars.finish(clock).as_dicts()


def times_of(found: Sequence[Bar]) -> list[str]:
    return [dt.datetime.fromtimestamp(bar["timestamp"] / 1e6, NEW_YORK).strftime("%H:%M:%S") for bar in found]


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def slow_oracle(
    arrived: Sequence[Trade], interval: str, start: dt.time = OPENS, end: dt.time = CLOSES, contracts: bool = False
) -> list[Bar]:
    """The bars of all these trades, one after the other, by the clock on the wall."""
    step = dt.timedelta(seconds=INTERVAL_SECONDS[interval])  # type: ignore[index]
    cells: dict[tuple[int, int], list[Trade]] = {}
    for one in sorted(arrived, key=lambda one: one.at):
        local = dt.datetime.fromtimestamp(one.at // SECOND, NEW_YORK).replace(microsecond=one.at % SECOND, tzinfo=None)
        to_the_ms = local.replace(microsecond=local.microsecond // 1000 * 1000)
        opened = dt.datetime.combine(local.date(), start)
        if start <= to_the_ms.time() <= end and conditions.matters[one.condition]:
            stamp = opened + (local - opened) // step * step
            cells.setdefault((micros_of(stamp.date(), stamp.time()), one.contract), []).append(one)
    bars = []
    sums: dict[tuple[dt.date, int], tuple[int, Fraction]] = {}
    for (stamp, contract), inside in sorted(cells.items()):
        counted = [one for one in inside if conditions.volume_counts[one.condition]]
        first = next(
            (o for o in inside if conditions.makes_last[o.condition] or conditions.last_if_first[o.condition]), None
        )
        closing = [one for one in inside if conditions.makes_last[one.condition]] or [first] * (first is not None)
        key = (dt.datetime.fromtimestamp(stamp // SECOND, NEW_YORK).date(), contract)
        volume, value = sums.get(key, (0, Fraction(0)))
        volume += sum(one.size for one in counted)
        value += sum(Fraction(str(one.price)) * one.size for one in counted)
        sums[key] = volume, value
        if counted:
            bars.append(
                {
                    **({"contract": contract} if contracts else {}),
                    "timestamp": stamp,
                    "open": first.price if first else 0.0,
                    "high": max((o.price for o in inside if conditions.makes_high[o.condition]), default=0.0),
                    "low": min((o.price for o in inside if conditions.makes_low[o.condition]), default=0.0),
                    "close": closing[-1].price if closing else 0.0,
                    "volume": sum(one.size for one in counted),
                    "count": len(counted),
                    "session_vwap": int(value / volume * 100 + Fraction(1, 2)) / 100 if volume else 0.0,
                }
            )
    return bars


def plain(found: Sequence[Rows], contracts: bool) -> list[Bar]:
    """Bars as the oracle has them."""
    bars = []
    for rows in found:
        numbers = rows.contracts.tolist() if rows.contracts is not None else [0] * len(rows)
        for number, row in zip(numbers, rows.as_dicts(), strict=True):
            values = {
                name: row[name] for name in row if name not in ("symbol", "root", "expiration", "strike", "right")
            }
            bars.append(({"contract": number} if contracts else {}) | values)
    return bars


@st.composite
def arrivals(draw: st.DrawFn, contracts: Sequence[int], times: Sequence[tuple[int, int]]) -> list[Trade]:
    """Trades of one or two sessions as they arrive: each at most ``LATENESS`` after later ones."""
    prices = st.one_of(st.integers(1, 30_000).map(lambda c: c / 100), st.integers(1, 10**7).map(lambda u: u / 10_000))
    trade = st.builds(
        Trade,
        st.sampled_from(times).flatmap(lambda span: st.integers(*span)).map(lambda ms: ms * MS),
        prices,
        st.integers(0, 3_000),
        st.sampled_from([REGULAR, REGULAR, 18, ODD_LOT, SOLD_LAST, HIGH_LOW, CANCEL, 56, 84, 85, 107, 250]),
        st.sampled_from(contracts),
    )
    found = draw(st.lists(trade, max_size=60))
    delays = draw(st.lists(st.integers(0, LATENESS), min_size=len(found), max_size=len(found)))
    order = sorted(range(len(found)), key=lambda i: found[i].at + delays[i])
    return [found[i] for i in order]


def spans_of(days: Sequence[dt.date]) -> list[tuple[int, int]]:
    """Milliseconds in and around the hours: few, so that trades meet in bars, at the edges, and at one moment."""
    edges = [("09:29:58", 3), ("09:30:00", 90), ("11:59:55", 10), ("15:59:30", 32), ("16:00:00", 0), ("03:59:59", 1)]
    return [(at(t, day) // MS, at(t, day) // MS + s * 1000) for day in days for t, s in edges]


@settings(deadline=None)
@given(st.data())
def test_however_trades_arrive_the_bars_are_those_of_all_trades_in_order(data: st.DataObject) -> None:
    days = data.draw(st.sampled_from(PAIRS))
    interval = data.draw(st.sampled_from(["1s", "5s", "1m", "30m", "1h"]))
    many = data.draw(st.booleans())
    arrived = data.draw(arrivals([CALL, PUT] if many else [0], spans_of(days)))
    hours = data.draw(
        st.sampled_from([(OPENS, CLOSES), (dt.time(4), dt.time(20)), (OPENS, dt.time(15, 59, 59, 999_000))])
    )
    bars = builder(interval, "option" if many else "stock", start_time=hours[0], end_time=hours[1])

    found, clock = [], 0
    rest = arrived
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        batch, rest = rest[:size], rest[size:]
        feed(bars, batch)
        clock = max([clock, *(one.at for one in batch)])
        found.append(bars.finish(clock))
        assert len(bars.finish(clock)) == 0
    found.append(bars.finish(at("20:00:03", days[1])))

    assert plain(found, many) == slow_oracle(arrived, interval, *hours, contracts=many)
    assert bars.late == 0


def test_bars_are_rows_of_their_record() -> None:
    for asset, contract in (("stock", 0), ("option", PUT)):
        bars = builder(asset=asset)
        assert len(bars.finish(at("09:30:00"))) == 0
        feed(bars, [Trade(at("09:30:00"), 10.0, contract=contract)])

        rows = bars.finish(at("09:31:02"))

        record = RECORDS[asset, "ohlcv"]  # type: ignore[index]
        again = Rows.of(record, rows.columns)
        assert again.as_dicts() == rows.as_dicts()
        assert [rows.columns[c.name].dtype for c in record.columns] == [c.kind.dtype for c in record.columns]
        assert (again.contracts is None) == (rows.contracts is None)
        assert rows.contracts is None or rows.contracts.tolist() == [PUT]
        assert [rows.as_dicts()[0].get(name) for name in ("symbol", "root")] == (
            ["SPXW", None] if asset == "stock" else [None, "SPXW"]
        )


def test_only_series_of_bars_have_a_builder() -> None:
    for topic in ("stock-aapl-trade-live", "stock-aapl-quote1m-live"):
        with pytest.raises(ValueError, match="has no bars"):
            BarBuilder(SeriesName.parse(topic))


def test_a_bar_is_made_when_the_lateness_has_passed_and_only_once() -> None:
    bars = builder()
    feed(bars, [Trade(at("09:30:30"), 10.0)])

    assert made(bars, at("09:31:00") + LATENESS - 1) == []
    assert times_of(made(bars, at("09:31:00") + LATENESS)) == ["09:30:00"]
    assert made(bars, at("09:31:00") + LATENESS) == made(bars, at("09:20:00")) == made(bars, at("16:30:00")) == []


def test_the_hours_end_to_the_millisecond() -> None:
    bars = builder()
    feed(
        bars,
        [
            Trade(at("09:29:59.999"), 1.0),
            Trade(at("09:30:00"), 2.0),
            Trade(at("15:59:59.999"), 3.0),
            Trade(at("16:00:00"), 4.0),
            Trade(at("16:00:00.000999"), 5.0),
            Trade(at("16:00:00.001"), 6.0),
        ],
    )

    assert times_of(made(bars, at("16:00:00") + LATENESS)) == ["09:30:00", "15:59:00"]
    assert made(bars, at("16:00:00") + LATENESS + MS - 1) == []
    last = made(bars, at("16:00:00") + LATENESS + MS)
    assert times_of(last) == ["16:00:00"]
    assert (last[0]["open"], last[0]["close"], last[0]["count"]) == (4.0, 5.0, 2)
    assert bars.outside == 2


def test_the_last_bar_of_an_hour_ends_with_the_hours() -> None:
    bars = builder("1h")
    feed(bars, [Trade(at("15:45:00"), 1.0), Trade(at("16:00:00"), 2.0), Trade(at("16:10:00"), 3.0)])

    found = made(bars, at("16:00:00") + LATENESS + MS)

    assert (times_of(found), found[0]["close"]) == (["15:30:00"], 2.0)


def test_trades_of_one_moment_go_by_their_arrival() -> None:
    bars = builder()
    feed(bars, [Trade(at("09:30:10"), price) for price in (5.0, 7.0)])
    feed(bars, [Trade(at("09:30:10"), price) for price in (4.0, 6.0)])

    (bar,) = made(bars, at("09:40:00"))

    assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (5.0, 7.0, 4.0, 6.0)


def test_a_bar_of_trades_that_make_no_price_has_zeros() -> None:
    bars = builder()
    feed(bars, [Trade(at("09:30:10"), 10.0, 3, ODD_LOT), Trade(at("09:30:11"), 11.0, 5, 250)])

    (bar,) = made(bars, at("09:40:00"))

    assert [bar[name] for name in ("open", "high", "low", "close", "volume", "count")] == [0, 0, 0, 0, 8, 2]
    assert bar["session_vwap"] == 10.63  # 10.625


def test_a_trade_that_updates_last_only_if_it_is_the_first_opens_but_never_closes_over_another() -> None:
    sold = [Trade(at("09:30:01"), 5.0, condition=SOLD_LAST), Trade(at("09:30:02"), 6.0, condition=SOLD_LAST)]
    regular = Trade(at("09:30:03"), 7.0)
    after = Trade(at("09:30:04"), 8.0, condition=SOLD_LAST)
    for trades, ends in (
        (sold, (5.0, 5.0)),
        ([*sold, regular, after], (5.0, 7.0)),
        ([regular, after], (7.0, 7.0)),
    ):
        bars = builder()
        feed(bars, trades)
        (bar,) = made(bars, at("09:40:00"))
        assert (bar["open"], bar["close"]) == ends
        assert bar["high"] == max(one.price for one in trades)


def test_a_cancel_neither_counts_nor_takes_back() -> None:
    bars = builder()
    feed(bars, [Trade(at("09:30:01"), 5.0), Trade(at("09:30:02"), 5.0, condition=CANCEL)])
    feed(bars, [Trade(at("09:31:02"), 5.0, condition=CANCEL)])

    found = made(bars, at("09:40:00"))

    assert [(bar["volume"], bar["count"]) for bar in found] == [(100, 1)]


# --- the session's average price --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trades", "vwap"),
    [
        ([(10.0, 1), (10.01, 1)], 10.01),
        ([(10.0, 501), (10.01, 499)], 10.0),
        ([(10.0, 1), (10.03, 1)], 10.02),
        ([(0.0049, 7)], 0.0),
        ([(0.005, 7)], 0.01),
        ([(184.5099, 1)], 184.51),
        ([(700_000.0, 10**6), (700_000.01, 10**6)], 700_000.01),
    ],
)
def test_it_is_rounded_half_up_to_cents(trades: list[tuple[float, int]], vwap: float) -> None:
    bars = builder()
    feed(bars, [Trade(at("09:30:01"), price, size) for price, size in trades])

    assert made(bars, at("09:40:00"))[0]["session_vwap"] == vwap


def test_it_goes_on_from_bar_to_bar_and_anew_with_each_session() -> None:
    bars = builder()
    feed(bars, [Trade(at("09:30:01"), 10.0), Trade(at("09:31:01"), 11.0)])
    first = made(bars, at("09:32:30"))
    feed(bars, [Trade(at("09:45:00"), 15.0), Trade(at("09:31:00", NEXT), 20.0)])

    found = first + made(bars, at("09:40:00", NEXT))

    assert [bar["session_vwap"] for bar in found] == [10.0, 10.5, 12.0, 20.0]


def test_a_seed_stands_for_what_was_traded_before() -> None:
    bars = builder(asset="option")
    bars.seed(CALL, DAY, 100, 20.0)
    feed(bars, [Trade(at("10:30:01"), 10.0, 100, contract=c) for c in (CALL, PUT)])
    assert [bar["session_vwap"] for bar in made(bars, at("10:40:00"))] == [15.0, 10.0]

    # Again: in place of the former, and what was counted meanwhile stays.
    bars.seed(ints(CALL, PUT), DAY, ints(300, 100), np.array([30.0, 40.0]))
    feed(bars, [Trade(at("10:50:01"), 10.0, 100, contract=c) for c in (CALL, PUT)])
    assert [bar["session_vwap"] for bar in made(bars, at("11:00:00"))] == [22.0, 20.0]

    feed(bars, [Trade(at("10:50:01", NEXT), 10.0, contract=CALL)])
    assert [bar["session_vwap"] for bar in made(bars, at("11:00:00", NEXT))] == [10.0]


# --- late trades ------------------------------------------------------------------------------------------


def test_a_late_trade_is_counted_and_changes_only_the_average() -> None:
    bars = builder()
    feed(bars, [Trade(at("09:30:01"), 10.0)])
    assert len(made(bars, at("09:31:02"))) == 1

    feed(bars, [Trade(at("09:30:59.999"), 20.0), Trade(at("09:31:00"), 12.0), Trade(at("09:29:00"), 1.0)])
    feed(bars, [Trade(at("09:30:30"), 20.0, condition=CANCEL)])

    found = made(bars, at("09:40:00"))
    assert times_of(found) == ["09:31:00"]
    assert found[0]["session_vwap"] == 14.0
    assert (bars.late, bars.outside) == (1, 1)


def test_a_trade_is_late_although_its_bar_had_no_other() -> None:
    bars = builder()
    made(bars, at("09:35:00"))
    feed(bars, [Trade(at("09:32:30"), 10.0)])

    assert made(bars, at("09:40:00")) == []
    assert bars.late == 1


# --- gaps, and what history wrote -------------------------------------------------------------------------


def minutes(first: int, last: int, price: float = 10.0) -> list[Trade]:
    return [Trade(at(f"09:{minute}:30"), price) for minute in range(first, last + 1)]


def test_bars_that_overlap_a_gap_are_withheld_until_it_is_released() -> None:
    bars = builder()
    bars.withhold(at("09:32:00") - 1, at("09:34:00"))
    feed(bars, minutes(30, 36))

    assert times_of(made(bars, at("09:45:00"))) == ["09:30:00", "09:31:00", "09:35:00", "09:36:00"]
    bars.release(at("09:32:00") - 1, at("09:34:00"))
    assert times_of(made(bars, at("09:45:00"))) == ["09:32:00", "09:33:00", "09:34:00"]
    assert made(bars, at("09:45:00")) == []


@given(st.integers(-3, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_bar_overlaps_a_gap_if_they_have_a_moment_in_common(begin: int, length: int, side: int) -> None:
    bars = builder("1s")
    second = at("10:00:01") + side % 2 * SECOND
    gap = (second + begin, second + begin + length)
    bars.withhold(*gap)
    feed(bars, [Trade(at("10:00:01"), 10.0)])

    moments = range(gap[0] + 1, gap[1] + 1)
    meant = any(at("10:00:01") <= moment < at("10:00:02") for moment in moments)
    assert len(made(bars, at("10:01:00"))) == (0 if meant else 1)


def test_a_bar_in_two_gaps_waits_for_both() -> None:
    bars = builder()
    gaps = [(at("09:31:00"), at("09:32:30")), (at("09:32:10"), at("09:33:30"))]
    bars.withhold(*gaps[0])
    feed(bars, minutes(30, 34))
    assert times_of(made(bars, at("09:45:00"))) == ["09:30:00", "09:33:00", "09:34:00"]

    # The second gap is found later: what was made stays made.
    bars.withhold(*gaps[1])
    bars.release(*gaps[0])
    assert times_of(made(bars, at("09:45:00"))) == ["09:31:00"]
    bars.release(*gaps[1])
    bars.release(*gaps[1])
    assert times_of(made(bars, at("09:45:00"))) == ["09:32:00"]


def test_what_is_withheld_counts_in_the_average_of_later_bars_once() -> None:
    bars = builder()
    gap = (at("09:30:00"), at("09:30:59"))
    bars.withhold(*gap)
    feed(bars, [Trade(at("09:30:30"), 10.0), Trade(at("09:31:30"), 20.0)])
    assert [bar["session_vwap"] for bar in made(bars, at("09:35:00"))] == [15.0]
    bars.release(*gap)
    feed(bars, [Trade(at("09:36:30"), 30.0)])

    found = made(bars, at("09:45:00"))

    assert times_of(found) == ["09:30:00", "09:36:00"]
    assert found[1]["session_vwap"] == 20.0


def test_adopted_bars_are_not_made_again() -> None:
    bars = builder(asset="option")
    gap = (at("09:31:00"), at("09:32:59"))
    bars.withhold(*gap)
    feed(bars, [Trade(at(t), 10.0, contract=c) for t in ("09:31:30", "09:32:30", "09:33:30") for c in (CALL, PUT)])
    assert len(made(bars, at("09:33:10"))) == 0

    # One before its time, two that are withheld, and one that nobody has heard of.
    stamps = ints(at("09:33:00"), at("09:31:00"), at("09:32:00"), at("09:30:00"))
    bars.adopt(stamps, ints(PUT, CALL, PUT, CALL))
    feed(bars, [Trade(at("09:33:40"), 11.0, contract=PUT)])
    bars.release(*gap)

    rows = bars.finish(at("09:45:00"))
    assert rows.contracts is not None
    assert list(zip(times_of(rows.as_dicts()), rows.contracts.tolist(), strict=True)) == [
        ("09:31:00", PUT),
        ("09:32:00", CALL),
        ("09:33:00", CALL),
    ]
    assert len(bars.finish(at("16:01:00"))) == 0
    assert bars.late == 0


def test_bars_before_a_bound_are_historys() -> None:
    bars = builder()
    feed(bars, minutes(30, 33))
    bars.drop_before(at("09:32:00"))
    bars.drop_before(at("09:31:00"))
    feed(bars, minutes(30, 33, 20.0))

    found = made(bars, at("09:45:00"))

    assert times_of(found) == ["09:32:00", "09:33:00"]
    assert [(bar["volume"], bar["session_vwap"]) for bar in found] == [(200, 15.0), (200, 15.0)]
    assert bars.late == 0


# --- days -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2024-03-10", "2024-11-03"])
def test_the_grid_is_the_wall_clocks_even_when_the_clocks_change_within_the_hours(day: str) -> None:
    date = dt.date.fromisoformat(day)
    bars = builder("1h", start_time=dt.time(0, 30), end_time=dt.time(23))
    wall = ["00:45:00", "01:15:00", "03:35:00", "09:30:00", "22:59:59"]
    feed(bars, [Trade(at(time, date), 10.0) for time in wall])

    found = made(bars, at("01:00:00", date + dt.timedelta(days=1)))

    assert times_of(found) == ["00:30:00", "03:30:00", "09:30:00", "22:30:00"]


def test_a_clock_that_jumps_over_days_makes_what_was_open() -> None:
    bars = builder()
    feed(bars, [Trade(at("15:59:30", day), 10.0) for day in (dt.date(2024, 6, 24), DAY, NEXT)])

    assert len(made(bars, at("18:00:00", NEXT))) == 3


def test_weeks_leave_nothing_behind() -> None:
    bars = builder("1s", "option")
    sizes = []
    for number, session in enumerate(sessions.sessions(dt.date(2024, 1, 2), dt.date(2024, 3, 28))):
        day = session.date
        contracts = range(1000 * number, 1000 * number + 50)
        bars.seed(ints(*contracts), day, ints(*[1] * 50), np.full(50, 9.0))
        bars.withhold(at("10:00:00", day), at("10:00:05", day))  # never released
        feed(bars, [Trade(at(f"10:00:{s:02}", day), 5.0, contract=c) for s in range(10) for c in contracts])
        bars.adopt(ints(*[at("10:00:03", day)] * 50), ints(*contracts))
        assert len(made(bars, at("16:30:00", day))) == 4 * 50
        sizes.append(len(pickle.dumps(bars.__dict__)))

    assert max(sizes) == max(sizes[:4])
    # Of what was withheld and given up nothing comes any more.
    feed(bars, [Trade(at("10:00:02", dt.date(2024, 1, 2)), 5.0)])
    assert len(made(bars, at("16:40:00", day))) == 0
    assert bars.late == 1


# --- the simulator's market -------------------------------------------------------------------------------

MARKET_DAY = sessions.Session(dt.date(2024, 3, 11), OPENS, CLOSES)
EXPIRATION = dt.date(2024, 3, 15)
PRICES_AND_COUNTS = ("open", "high", "low", "close", "volume", "count")


@pytest.fixture(scope="module")
def terminal() -> Iterator[httpx.Client]:
    now = dt.datetime(2024, 8, 1, 16, tzinfo=dt.UTC)
    with Simulator.in_thread(tier="pro", clock=lambda: now) as running, httpx.Client(base_url=running.url) as client:
        yield client


def history(terminal: httpx.Client, asset: str, **query: str) -> dict[tuple[Any, ...], Bar]:
    """The provider's bars in which something traded, by contract and time."""
    bars = {}
    asked = {"symbol": "AAPL", "date": f"{MARKET_DAY.date:%Y%m%d}", **query}
    with terminal.stream("GET", f"/v3/{asset}/history/ohlc", params=asked, timeout=60) as response:
        assert response.status_code == 200
        for row in csv.DictReader(response.iter_lines()):
            if row["count"] != "0":
                time = dt.datetime.fromisoformat(row["timestamp"]).replace(tzinfo=NEW_YORK)
                key = (row["strike"] and float(row["strike"]), row["right"]) if asset == "option" else ()
                values = {name: float(row[name]) for name in (*PRICES_AND_COUNTS, "vwap")}
                bars[*key, round(time.timestamp()) * SECOND] = values
    return bars


def live(bars: BarBuilder, moments: np.ndarray, *columns: np.ndarray) -> dict[tuple[Any, ...], Bar]:
    """The bars made of trades that arrive in batches, up to two seconds late; those of one moment stay in order."""
    rng = np.random.default_rng(3)
    distinct, which = np.unique(moments, return_inverse=True)
    arrival = np.argsort(moments + rng.integers(0, LATENESS, len(distinct))[which], kind="stable")
    moments, columns = moments[arrival], tuple(column[arrival] for column in columns)
    found, clock, begin = {}, 0, 0
    while begin < len(moments) or clock < at("20:01:00", MARKET_DAY.date):
        stop = begin + int(rng.integers(1, 2_000))
        bars.add(moments[begin:stop], *(column[begin:stop] for column in columns))
        clock = max(clock, int(moments[begin:stop].max(initial=0 if begin < len(moments) else 2**62)))
        rows = bars.finish(min(clock, at("20:01:00", MARKET_DAY.date)))
        for row in rows.as_dicts():
            key = (row["strike"], row["right"]) if "strike" in row else ()
            assert (*key, row["timestamp"]) not in found
            found[*key, row["timestamp"]] = {n: row[n] for n in PRICES_AND_COUNTS} | {"vwap": row["session_vwap"]}
        begin = stop
    assert bars.late == 0
    return found


def without_vwap(bars: dict[tuple[Any, ...], Bar]) -> dict[tuple[Any, ...], Bar]:
    return {key: {name: bar[name] for name in PRICES_AND_COUNTS} for key, bar in bars.items()}


@pytest.mark.parametrize("interval", ["1s", "1m"])
def test_trades_of_a_stock_make_the_bars_of_its_history(terminal: httpx.Client, interval: str) -> None:
    stock = instrument(1, "AAPL")
    assert stock is not None
    trades = ticks.trades(stock, MARKET_DAY)
    moments = at("00:00:00", MARKET_DAY.date) + trades.ms.astype(np.int64) * MS
    contracts = np.zeros(len(trades), dtype=np.int64)
    columns = (tapes.units(trades.price) / 10_000, trades.size.astype(np.int64), trades.condition.astype(np.int64))

    found = live(builder(interval), moments, contracts, *columns)

    expected = history(terminal, "stock", interval=interval)
    assert without_vwap(found) == without_vwap(expected)
    assert len(found) > 390
    away = [abs(found[key]["vwap"] - expected[key]["vwap"]) for key in found]
    assert max(away) < 0.0101


@pytest.mark.parametrize(("interval", "start", "end"), [("1m", "09:30:00", "16:00:00"), ("1s", "09:30:00", "09:45:00")])
def test_trades_of_options_make_the_bars_of_their_history(
    terminal: httpx.Client, interval: str, start: str, end: str
) -> None:
    found_root = root(1, "AAPL")
    assert found_root is not None
    expiration = calendar.expiration(found_root, EXPIRATION)
    assert expiration is not None
    listed, trades = board(expiration, MARKET_DAY), option_trades(expiration, MARKET_DAY)
    days = np.full(len(listed), (EXPIRATION - dt.date(1970, 1, 1)).days)
    contracts = from_occ_parts(days, listed.put.astype(np.int8), listed.strike / 10_000)[trades.contract]
    order = np.argsort(trades.ms, kind="stable")
    moments = at("00:00:00", MARKET_DAY.date) + trades.ms * MS
    columns = [contracts, trades.price / 100, trades.size, trades.condition]
    hours = {"start_time": dt.time.fromisoformat(start), "end_time": dt.time.fromisoformat(end)}

    found = live(builder(interval, "option", **hours), moments[order], *(column[order] for column in columns))

    asked = {"expiration": f"{EXPIRATION:%Y%m%d}", "interval": interval, "start_time": start, "end_time": end}
    assert found == history(terminal, "option", **asked)
    assert len(found) > 100
    assert {key[1] for key in found} == set(RIGHTS)
