"""The life of a live topic of bars: which are made of the stream, which are history's, and none of them twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from app.avro.decode import decode
from app.avro.encode import frame
from app.domain.contracts import Contracts, occ_symbol
from app.domain.live import LATENESS, Gap, Subscription
from app.domain.rows import Rows
from app.live.bar_series import BarSeries
from app.live.draft import Draft
from app.live.series import Repair
from tests.unit.live.made import call, put, rows_of
from tests.unit.live.owner import DAY, OPEN, SECOND, Owner, at, subscription

TOPIC = "stock-aapl-ohlcv1m-live"
MINUTE = 60 * SECOND
#: Time, price, size.
Trade = tuple[str, float, int]


class BarOwner(Owner):
    """Feeds trades, and knows bars by their times."""

    def _series(self) -> BarSeries:
        return BarSeries(self.sub, frame(1))

    def trade(self, *trades: Trade, contract: int = 0) -> None:
        """A turn in which the stream brings trades."""
        times = [at(time) for time, _, _ in trades]
        self.advance(max(times), len(times))
        self.series.accept(
            (
                np.array(times, dtype=np.int64),
                np.full(len(times), contract, dtype=np.int64),
                np.array([price for _, price, _ in trades]),
                np.array([size for _, _, size in trades], dtype=np.int64),
                np.zeros(len(times), dtype=np.int64),
            )
        )
        self.make()

    def make(self, clock: str | None = None) -> None:
        if clock is not None:
            self.advance(at(clock))
        self.turn(lambda draft: self.series.make(self.clock, self.mono, draft))

    @property
    def bars(self) -> list[dict[str, Any]]:
        """What the topic holds, in its order."""
        return decode(self.series.record, self.messages).as_dicts() if self.messages else []

    @property
    def times(self) -> list[str]:
        return [clock_of(bar["timestamp"]) for bar in self.bars]

    def history(self, *times: str, close: float = 10.0, **more: Any) -> Rows:
        """Bars as history has them."""
        stamps = [at(time) for time in times]
        prices = {name: [close] * len(stamps) for name in ("open", "high", "low", "close")}
        return rows_of(
            self.series.record, stamps, volume=[100] * len(stamps), count=[1] * len(stamps), **prices, **more
        )

    def bring(self, repair: Repair, bars: Rows, present: Rows | None = None) -> None:
        nothing = Rows.none(self.series.record)
        end = repair.asked.end
        self.turn(lambda draft: self.series.add_repaired(repair, bars, present or nothing, end, draft))

    def compared(self, begin: str, end: str, bars: Rows) -> bool:
        found: list[bool] = []

        def act(draft: Draft) -> None:
            found.append(self.series.compared(at(begin), at(end), bars, draft))

        self.turn(act)
        return found[0]


def clock_of(micros: int) -> str:
    return (dt.datetime.combine(DAY, dt.time(9, 30)) + dt.timedelta(microseconds=micros - OPEN)).strftime("%H:%M:%S")


def asked(repair: Repair) -> tuple[str, str]:
    """The bars that history is asked for: from the one that begins here to the one that begins there, without it."""
    return clock_of(repair.asked.begin), clock_of(repair.asked.end)


def settled(owner: BarOwner) -> BarOwner:
    """What began before it is in."""
    for repair in owner.repairs:
        owner.close(repair)
    return owner


@pytest.fixture
def make() -> Callable[..., BarOwner]:
    def build(sub: Subscription | None = None, back: str = "09:29:00") -> BarOwner:
        owner = BarOwner(sub or subscription(TOPIC))
        owner.back(at(back))
        return settled(owner)

    return build


@pytest.fixture
def owner(make: Callable[..., BarOwner]) -> BarOwner:
    """A topic that is whole from the open on, at three and a half minutes past it."""
    owner = make()
    owner.trade(("09:30:01", 10, 100), ("09:31:30", 10, 100), ("09:32:59.999", 10, 100))
    owner.trade(("09:33:30", 10, 100))
    assert owner.times == ["09:30:00", "09:31:00", "09:32:00"]
    return owner


# --- from the stream -------------------------------------------------------------------------------------------


def test_a_bar_is_written_once_and_when_it_is_final(make: Callable[..., BarOwner]) -> None:
    owner = make()
    owner.trade(("09:30:01", 10, 100), ("09:30:59.999", 12, 50))
    owner.make("09:31:01.999")
    assert owner.bars == []
    owner.trade(("09:30:30", 11, 50))
    owner.make("09:31:02")
    (bar,) = owner.bars
    assert {name: bar[name] for name in ("open", "high", "low", "close", "volume", "count", "session_vwap")} == {
        "open": 10,
        "high": 12,
        "low": 10,
        "close": 12,
        "volume": 200,
        "count": 3,
        "session_vwap": 10.75,
    }
    owner.make("09:31:30")
    owner.trade(("09:30:40", 11, 50))
    owner.make("09:40:00")
    assert owner.times == ["09:30:00"]
    assert owner.series.late == 1
    assert owner.series.rows == 1


def test_the_last_bar_ends_with_the_hours(make: Callable[..., BarOwner]) -> None:
    owner = make()
    owner.trade(("15:59:30", 10, 100), ("16:00:00", 10, 100))
    owner.make("16:00:02")
    assert owner.times == ["15:59:00"]
    owner.make("16:00:02.001")
    assert owner.times == ["15:59:00", "16:00:00"]


def test_on_a_quiet_feed_bars_end_by_the_clock(make: Callable[..., BarOwner]) -> None:
    owner = make()
    owner.trade(("09:30:55", 10, 100))
    owner.mono += 6
    owner.make()
    assert owner.times == []
    owner.mono += 2
    owner.make()
    assert owner.times == ["09:30:00"]


def test_trades_before_the_feed_is_whole_are_historys(make: Callable[..., BarOwner]) -> None:
    owner = BarOwner(subscription(TOPIC))
    owner.trade(("09:29:30", 10, 100), ("09:30:01", 10, 100))
    owner.make("09:31:10")
    assert owner.bars == []
    assert owner.series.rows == 0


def test_bars_of_several_contracts_have_their_keys(make: Callable[..., BarOwner]) -> None:
    owner = make(subscription("option-aapl-ohlcv1m-live", filters=(Contracts(),)))
    owner.trade(("09:30:05", 2, 1), contract=put(190))
    owner.trade(("09:30:04", 3, 1), contract=call(190))
    owner.make("09:31:02")
    keys = [one[0].decode() for one in owner.writer.topics["option-aapl-ohlcv1m-live"] if one]
    assert keys == [occ_symbol("AAPL", call(190)), occ_symbol("AAPL", put(190))]
    assert [bar["close"] for bar in owner.bars] == [3, 2]


# --- what began before ---------------------------------------------------------------------------------------------


def test_from_the_open_on_no_seed_is_needed(owner: BarOwner) -> None:
    assert owner.series.seed_from is None
    assert not owner.series.busy


def test_the_bar_in_which_a_subscription_began_is_historys() -> None:
    owner = BarOwner(subscription(TOPIC))
    owner.back(at("10:00:10"))
    (repair,) = owner.repairs
    assert repair.gap.why == "start"
    assert asked(repair) == ("10:00:00", "10:01:00")
    assert owner.series.since is None
    owner.bring(repair, owner.history("10:00:00"))
    owner.close(repair)
    assert owner.times == ["10:00:00"]
    assert owner.series.since == repair.gap.begin
    # Of the first whole bar on, the rest is the stream's.
    assert owner.series.seed_from == (DAY, at("10:01:00"))


def test_bars_wait_for_what_the_session_had_traded_before(make: Callable[..., BarOwner]) -> None:
    owner = make(back="10:00:10")
    owner.trade(("10:01:05", 20, 100), ("10:02:05", 20, 100))
    owner.make("10:03:02")
    assert owner.bars == []
    assert owner.series.busy
    owner.series.seeded(DAY, at("10:01:00"), [(0, 300, 10.0)])
    owner.make()
    assert owner.times == ["10:01:00", "10:02:00"]
    assert [bar["session_vwap"] for bar in owner.bars] == [12.5, 14.0]
    assert not owner.series.busy


def test_a_seed_for_another_begin_changes_nothing(make: Callable[..., BarOwner]) -> None:
    owner = make(back="10:00:10")
    owner.trade(("10:01:05", 20, 100))
    owner.series.seeded(DAY, at("10:00:00"), [(0, 300, 10.0)])
    owner.make("10:03:02")
    assert owner.bars == []
    assert owner.series.seed_from == (DAY, at("10:01:00"))


def test_a_session_in_which_nothing_had_traded_before_needs_no_more(make: Callable[..., BarOwner]) -> None:
    owner = make(back="10:00:10")
    owner.trade(("10:01:05", 20, 100))
    owner.series.seeded(DAY, at("10:01:00"), [])
    owner.make("10:03:02")
    assert [(bar["timestamp"], bar["session_vwap"]) for bar in owner.bars] == [(at("10:01:00"), 20)]


def test_bars_do_not_wait_for_ever_and_what_is_wrong_with_them_is_told(make: Callable[..., BarOwner]) -> None:
    owner = make(back="10:00:10")
    owner.trade(("10:01:05", 20, 100))
    owner.make("10:02:05")
    owner.series.unseeded("no answer", owner.mono + 60)
    owner.make()
    assert owner.times == ["10:01:00"]
    assert "no answer" in str(owner.series.reason)
    assert owner.series.seed_from == (DAY, at("10:01:00"))
    owner.series.seeded(DAY, at("10:01:00"), [(0, 100, 10.0)])
    owner.trade(("10:02:06", 20, 100))
    owner.make("10:03:02")
    assert [bar["session_vwap"] for bar in owner.bars] == [20, 16.67]
    assert owner.series.reason is None


# --- gaps --------------------------------------------------------------------------------------------------------


def broken(owner: BarOwner, back: str = "09:35:10") -> Repair:
    owner.series.break_off("socket", owner.clock)
    owner.back(at(back))
    (repair,) = owner.repairs
    return repair


def test_a_gap_goes_from_the_first_bar_that_was_not_final_to_the_first_that_is_whole(owner: BarOwner) -> None:
    repair = broken(owner)
    assert asked(repair) == ("09:33:00", "09:36:00")
    assert repair.gap.why == "socket"


def test_a_bar_that_was_over_and_not_yet_final_is_in_the_gap(make: Callable[..., BarOwner]) -> None:
    owner = make()
    owner.trade(("09:30:05", 10, 100), ("09:31:01.999", 10, 100))
    assert owner.times == []
    assert asked(broken(owner)) == ("09:30:00", "09:36:00")


def test_nothing_is_made_while_the_link_is_broken(owner: BarOwner) -> None:
    owner.series.break_off("socket", owner.clock)
    owner.make("09:35:00")
    owner.mono += 60
    owner.make()
    assert owner.times == ["09:30:00", "09:31:00", "09:32:00"]
    assert not owner.compared("09:30", "09:33", owner.history("09:30:00", "09:31:00", "09:32:00"))


def test_what_was_begun_when_the_link_broke_is_historys(owner: BarOwner) -> None:
    repair = broken(owner)
    owner.trade(("09:35:11", 10, 100))
    owner.series.seeded(DAY, at("09:36:00"), [])
    owner.trade(("09:36:05", 10, 100))
    owner.make("09:37:02")
    assert owner.times == ["09:30:00", "09:31:00", "09:32:00", "09:36:00"]
    owner.bring(repair, owner.history("09:33:00", "09:34:00", "09:35:00"))
    owner.close(repair)
    assert sorted(owner.times) == [f"09:3{minute}:00" for minute in range(7)]
    (gap,) = [one for one in owner.gaps.values() if one.why == "socket"]
    assert (gap.state, gap.rows) == ("closed", 3)
    assert gap.offsets is not None
    inside = [one[1] for one in owner.writer.topics[TOPIC][slice(*gap.offsets)] if one]
    assert decode(owner.series.record, inside).timestamps.tolist() == [at(f"09:3{i}:00") for i in (3, 4, 5)]


def test_history_is_asked_when_the_last_bar_of_the_gap_is_final(owner: BarOwner) -> None:
    repair = broken(owner)
    owner.advance(at("09:36:00") + LATENESS - 1000)
    assert owner.series.due_repairs(owner.clock, owner.mono) == []
    owner.advance(at("09:36:00") + LATENESS)
    assert owner.series.due_repairs(owner.clock, owner.mono) == [repair]


def test_a_gap_over_the_close_is_asked_for_when_the_hours_are_over(make: Callable[..., BarOwner]) -> None:
    owner = make(subscription("stock-aapl-ohlcv1h-live"))
    owner.trade(("15:45:00", 10, 100))
    repair = broken(owner, "15:50:00")
    # The bar of 15:30 ends with the hours, half an hour before the grid's next moment.
    assert asked(repair) == ("15:30:00", "16:30:00")
    owner.advance(at("16:00:02"))
    assert owner.series.due_repairs(owner.clock, owner.mono) == []
    owner.advance(at("16:00:02.001"))
    assert owner.series.due_repairs(owner.clock, owner.mono) == [repair]


def test_repaired_bars_that_are_there_already_are_not_doubled(owner: BarOwner) -> None:
    repair = broken(owner)
    present = owner.history("09:34:00")
    owner.bring(repair, owner.history("09:32:00", "09:33:00", "09:34:00"), present)
    # One stands in the topic by what was read there, one by what is known to have been written.
    assert owner.times[3:] == ["09:33:00"]
    assert repair.gap.rows == 1
    assert repair.gap.bars == ()


def test_the_same_part_again_brings_nothing_new(owner: BarOwner) -> None:
    repair = broken(owner)
    bars = owner.history("09:33:00", "09:34:00")
    owner.bring(repair, bars)
    owner.bring(repair, bars)
    assert owner.times[3:] == ["09:33:00", "09:34:00"]
    assert repair.gap.rows == 2


def test_bars_that_stand_otherwise_are_named_with_historys_values_and_left_alone(owner: BarOwner) -> None:
    repair = broken(owner)
    bars = Rows.joined([owner.history("09:32:00", close=99.0), owner.history("09:33:00")])
    owner.bring(repair, bars)
    owner.close(repair)
    assert owner.times[3:] == ["09:33:00"]
    (gap,) = [one for one in owner.gaps.values() if one.why == "socket"]
    assert [(one["timestamp"][11:19], one["close"], one["volume"]) for one in gap.bars] == [("13:32:00", 99.0, 100)]
    assert (gap.state, gap.rows) == ("closed", 1)


def test_the_average_of_the_session_alone_is_no_difference(owner: BarOwner) -> None:
    assert not owner.compared("09:30", "09:31", owner.history("09:30:00", session_vwap=[77.0]))
    assert [gap for gap in owner.gaps.values() if gap.why == "silent"] == []


# --- compared with history -------------------------------------------------------------------------------------------


def silent(owner: BarOwner) -> Gap:
    (gap,) = [one for one in owner.gaps.values() if one.why == "silent"]
    return gap


def test_what_is_as_in_history_leaves_no_trace(owner: BarOwner) -> None:
    records = len(owner.writer.records)
    assert not owner.compared("09:30", "09:33", owner.history("09:30:00", "09:31:00", "09:32:00"))
    assert len(owner.writer.records) == records
    assert owner.series.verified == at("09:33")
    assert owner.series.written == {}


def test_a_bar_that_history_has_beside_is_added_and_told(owner: BarOwner) -> None:
    owner.series.written.pop((at("09:31:00"), 0))
    assert not owner.compared("09:30", "09:33", owner.history("09:30:00", "09:31:00", "09:32:00"))
    assert owner.times[3:] == ["09:31:00"]
    gap = silent(owner)
    assert (gap.state, gap.rows) == ("closed", 1)
    assert gap.begin <= at("09:31:00") <= gap.end
    assert gap.offsets is not None
    assert not owner.series.repairs


def test_a_bar_that_stands_otherwise_is_named_once(owner: BarOwner) -> None:
    bars = Rows.joined([owner.history("09:30:00"), owner.history("09:31:00", close=11.0), owner.history("09:32:00")])
    assert not owner.compared("09:30", "09:33", bars)
    gap = silent(owner)
    assert (gap.state, gap.rows, gap.offsets) == ("closed", 0, None)
    assert [(bar["timestamp"][11:19], bar["close"]) for bar in gap.bars] == [("13:31:00", 11.0)]
    assert len(owner.times) == 3


def test_bars_that_are_missing_to_the_end_tell_that_the_subscription_is_lost(owner: BarOwner) -> None:
    bars = owner.history("09:30:00", "09:31:00", "09:32:00", "09:33:00", "09:34:00")
    assert owner.compared("09:30", "09:35", bars)
    assert owner.times[3:] == ["09:33:00", "09:34:00"]


def test_bars_that_are_missing_before_others_came_tell_no_such_thing(owner: BarOwner) -> None:
    owner.series.written.pop((at("09:31:00"), 0))
    assert not owner.compared("09:30", "09:32", owner.history("09:30:00", "09:31:00"))


def test_of_an_option_the_contract_of_a_differing_bar_is_named(make: Callable[..., BarOwner]) -> None:
    owner = make(subscription("option-aapl-ohlcv1m-live", filters=(Contracts(),)))
    owner.trade(("09:30:05", 2, 1), contract=put(190))
    owner.make("09:31:02")
    stamps, contracts = [at("09:30:00")] * 2, [call(190), put(190)]
    values = {name: [3.0, 3.0] for name in ("open", "high", "low", "close")}
    bars = rows_of(owner.series.record, stamps, contracts, volume=[1, 1], count=[1, 1], **values)
    owner.compared("09:30", "09:31", bars)
    gap = silent(owner)
    assert [bar["contract"] for bar in gap.bars] == [occ_symbol("AAPL", put(190))]
    assert gap.rows == 1
    assert [bar["right"] for bar in owner.bars] == ["PUT", "CALL"]


def test_only_whole_bars_can_be_compared(owner: BarOwner) -> None:
    assert owner.series.comparable(at("09:34:59.999")) == at("09:34:00")
    hourly = BarOwner(subscription("stock-aapl-ohlcv1h-live"))
    assert hourly.series.comparable(at("11:15")) == at("10:30")


# --- what is promised ---------------------------------------------------------------------------------------------


def test_every_bar_that_coverage_promises_is_in_the_topic(make: Callable[..., BarOwner]) -> None:
    owner = make()
    for second in range(0, 300, 7):
        time = (dt.datetime.combine(DAY, dt.time(9, 30)) + dt.timedelta(seconds=second)).strftime("%H:%M:%S")
        owner.trade((time, 10, 100))
        owner.tell()
        coverage = owner.coverage
        assert coverage is not None
        assert coverage.since is not None
        assert coverage.until is not None
        promised = [OPEN + i * MINUTE for i in range(10) if coverage.since < OPEN + i * MINUTE <= coverage.until]
        assert promised == [bar["timestamp"] for bar in owner.bars]
