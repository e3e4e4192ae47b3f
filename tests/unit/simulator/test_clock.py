"""Clocks that can be set, and the replay: where it is follows from the wall clock alone."""

from __future__ import annotations

import datetime as dt

import httpx
import pytest

from app.domain import sessions
from simulator.clock import MarketClock, Moment, Replay, read_instant
from simulator.server import Simulator

EPOCH = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PRESENT = EPOCH + dt.timedelta(days=200)
LENGTH = 6.5 * 3600 + 5


class Wall:
    """A wall clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_clock_runs_at_its_speed_from_where_it_was_set() -> None:
    wall = Wall()
    clock = MarketClock(read_instant("2024-07-02T09:29:50"), 10, wall)
    assert clock() == dt.datetime(2024, 7, 2, 13, 29, 50, tzinfo=dt.UTC)
    wall.seconds += 3
    assert clock() == dt.datetime(2024, 7, 2, 13, 30, 20, tzinfo=dt.UTC)
    clock.set(speed=0)
    wall.seconds += 1000
    assert clock() == dt.datetime(2024, 7, 2, 13, 30, 20, tzinfo=dt.UTC)
    clock.set(dt.datetime(2024, 1, 2, tzinfo=dt.UTC))
    assert (clock(), clock.speed) == (dt.datetime(2024, 1, 2, tzinfo=dt.UTC), 0)
    clock.set(speed=2)
    wall.seconds += 1
    assert clock() == dt.datetime(2024, 1, 2, 0, 0, 2, tzinfo=dt.UTC)


def test_without_a_start_a_clock_is_the_present() -> None:
    wall = Wall()
    clock = MarketClock(wall=wall)
    wall.seconds += 77
    assert clock() == dt.datetime.fromtimestamp(wall.seconds, dt.UTC)


def test_a_clock_wants_a_time_zone_and_a_speed_that_does_not_go_back() -> None:
    clock = MarketClock()
    with pytest.raises(ValueError, match="needs a time zone"):
        clock.set(dt.datetime(2024, 1, 2))  # noqa: DTZ001
    with pytest.raises(ValueError, match="speed -1"):
        clock.set(speed=-1)
    with pytest.raises(ValueError, match="'yesterday' is no time"):
        read_instant("yesterday")


def test_a_replay_plays_sessions_back_to_back() -> None:
    replay = Replay(dt.date(2024, 7, 3), EPOCH, 100)

    def at(market_seconds: float) -> Moment:
        return replay.moment(EPOCH + dt.timedelta(seconds=market_seconds / 100), PRESENT)

    assert at(0) == Moment(dt.date(2024, 7, 3), 34_200_000, 34_200_000, 57_605_000)
    assert at(LENGTH - 1) == Moment(dt.date(2024, 7, 3), 57_604_000, 34_200_000, 57_605_000)
    assert (at(LENGTH + 1).date, at(LENGTH + 1).ms) == (dt.date(2024, 7, 5), 34_201_000)  # over the holiday
    assert at(2 * LENGTH + 60).date == dt.date(2024, 7, 8)  # and over the weekend
    assert at(-5) == at(0)
    assert Replay(dt.date(2024, 7, 4), EPOCH).moment(EPOCH, PRESENT).date == dt.date(2024, 7, 5)


def test_a_replay_that_has_caught_up_with_the_present_follows_it() -> None:
    present = dt.datetime(2024, 7, 3, 11, tzinfo=sessions.NEW_YORK)
    replay = Replay(dt.date(2024, 7, 2), EPOCH)

    def at(market_seconds: float, now: dt.datetime = present) -> Moment:
        return replay.moment(EPOCH + dt.timedelta(seconds=market_seconds), now)

    assert at(LENGTH + 5399).ms == 39_600_000 - 1000
    assert at(LENGTH + 5401) == Moment(dt.date(2024, 7, 3), 39_600_000)
    assert at(9 * LENGTH, present + dt.timedelta(hours=12)) == Moment(dt.date(2024, 7, 3), 23 * 3_600_000)
    saturday = dt.datetime(2024, 7, 6, 11, tzinfo=sessions.NEW_YORK)
    assert at(9 * LENGTH, saturday) == Moment(dt.date(2024, 7, 6), 39_600_000)


def test_the_clock_is_read_and_set_over_http() -> None:
    with Simulator.in_thread(clock=MarketClock(read_instant("2024-07-02T09:29:50"), 0)) as simulator:
        path = simulator.url + "/sim/clock"
        assert httpx.get(path).json() == {"now": "2024-07-02T13:29:50+00:00", "speed": 0}
        assert httpx.post(path, json={"now": "2024-07-02T12:00:00"}).json()["now"] == "2024-07-02T16:00:00+00:00"
        assert httpx.post(path, json={"speed": 3}).json()["speed"] == 3
        assert httpx.post(path, json={"speed": -3}).status_code == 400
        assert httpx.post(path, json={"time": "now"}).status_code == 400
        last = httpx.get(
            simulator.url + "/v3/stock/history/ohlc",
            params={"symbol": "KO", "date": "20240702", "interval": "1m", "start_time": "11:58:00"},
        ).text.splitlines()[-1]
        assert last.startswith("2024-07-02T12:00:00")


def test_a_clock_that_is_a_mere_function_cannot_be_set() -> None:
    with Simulator.in_thread(clock=lambda: PRESENT) as simulator:
        assert httpx.post(simulator.url + "/sim/clock", json={"speed": 3}).status_code == 400
