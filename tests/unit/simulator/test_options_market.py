"""The option market itself: what is listed when, and how quotes, trades and bars hang together."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from app.domain import sessions
from simulator.bars import Window
from simulator.options import bars, daily, nbbo, pricing
from simulator.options import expirations as calendar
from simulator.options.board import Board, board
from simulator.options.expirations import Expiration
from simulator.options.roots import Root, root
from simulator.options.strikes import strikes
from simulator.options.trades import CONTINGENT, trades

OPEN, CLOSE = 34_200_000, 57_600_000
WHOLE = Window(OPEN, CLOSE, 60_000)


def known(symbol: str) -> Root:
    found = root(1, symbol)
    assert found is not None
    return found


def session(date: str) -> sessions.Session:
    found = sessions.session(dt.date.fromisoformat(date))
    assert found is not None
    return found


def expiring(symbol: str, date: str) -> Expiration:
    found = calendar.expiration(known(symbol), dt.date.fromisoformat(date))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def made() -> Board:
    return board(expiring("AAPL", "2024-01-12"), session("2024-01-09"))


def test_no_options_on_symbols_that_do_not_exist() -> None:
    assert root(1, "ZZTOP") is None
    assert root(1, "ZZX") is None


def test_chains_have_the_size_of_real_ones() -> None:
    day = session("2024-01-09")
    sizes = {
        symbol: sum(len(board(found, day)) for found in calendar.listed(known(symbol), day.date))
        for symbol in ("SPXW", "AAPL", "QUIET")
    }
    assert 10_000 <= sizes["SPXW"] <= 15_000
    assert 30 <= len(calendar.listed(known("SPXW"), day.date)) <= 40
    assert 300 <= sizes["AAPL"] <= 2_000
    assert 60 <= sizes["QUIET"] <= 400


def test_the_index_follows_its_fund() -> None:
    cents, _ = nbbo.path(known("SPXW").underlying, session("2024-01-02"))
    assert cents[-1] == pytest.approx(474_283)


def test_two_roots_on_one_index_and_two_seeds_are_different_markets() -> None:
    day = session("2024-01-09")
    boards = []
    for symbol, seed in (("SPX", 1), ("SPXW", 1), ("SPXW", 2)):
        found = root(seed, symbol)
        assert found is not None
        expiration = calendar.expiration(found, dt.date(2024, 1, 19))
        assert expiration is not None
        boards.append(board(expiration, day))
    for one, other in ((boards[0], boards[1]), (boards[1], boards[2])):
        _, left, right = np.intersect1d(one.contract, other.contract, return_indices=True)
        assert len(left) > 10
        assert (one.key[left] != other.key[right]).all()


def test_expirations_on_holidays_move_to_the_day_before() -> None:
    dates = [
        found.date.isoformat()
        for found in calendar.expirations(known("AAPL"), dt.date(2024, 3, 25), dt.date(2024, 4, 6))
    ]
    assert dates == ["2024-03-28", "2024-04-05"]
    assert calendar.expiration(known("SPXW"), dt.date(2024, 3, 29)) is None
    assert calendar.expiration(known("AAPL"), dt.date(2020, 12, 31)) is not None  # a Friday, the first of January


def test_the_index_expires_every_session_and_its_monthlies_settle_in_the_morning() -> None:
    days = [found.date for found in calendar.expirations(known("SPXW"), dt.date(2024, 1, 1), dt.date(2024, 1, 31))]
    assert days == [day.date for day in sessions.sessions(dt.date(2024, 1, 1), dt.date(2024, 1, 31))]
    third_friday = dt.date(2024, 1, 19)
    assert third_friday not in [found.date for found in calendar.listed(known("SPX"), third_friday)]
    assert third_friday in [found.date for found in calendar.listed(known("SPX"), dt.date(2024, 1, 18))]
    assert third_friday in [found.date for found in calendar.listed(known("SPXW"), third_friday)]


def test_strikes_are_only_ever_added_and_enclose_the_known_price() -> None:
    found = expiring("NVDA", "2024-06-21")
    before = np.empty(0)
    lengths = set()
    for day in sessions.sessions(found.listed, found.last):
        now = strikes(found, day.date)
        assert np.isin(before, now).all()
        before = now
        lengths.add(len(now))
    assert len(lengths) > 1  # the price moved, strikes were added: an earlier chain does not know them
    assert not len(strikes(found, found.listed - dt.timedelta(days=1)))


def test_the_last_change_found_by_arithmetic_is_the_last_of_all_changes(made: Board) -> None:
    every = nbbo.changes(made, 0, 86_400_000)
    assert every.ms.min() > OPEN
    assert every.ms.max() <= CLOSE
    rng = np.random.default_rng(7)
    moments = np.unique(
        np.concatenate([rng.integers(OPEN - 5_000, CLOSE + 60_000, 300), every.ms[:50], every.ms[:50] - 1])
    )
    grid = nbbo.grid(made, moments)
    for contract in (0, 7, len(made) - 1):
        own = every.at(every.contract == contract)
        assert (np.diff(own.ms) > 0).all()
        last = np.searchsorted(own.ms, moments, side="right") - 1
        seen = grid.at(grid.contract == contract)
        for name in ("ms", "bid", "ask", "bid_size", "ask_size", "bid_exchange", "ask_exchange"):
            empty = nbbo.NOWHERE if name.endswith("exchange") else 0
            assert (getattr(seen, name) == np.where(last < 0, empty, getattr(own, name)[last])).all()


def test_changes_of_parts_of_a_day_join_to_those_of_the_day(made: Board) -> None:
    some = made.take(np.arange(10))
    parts = [
        nbbo.changes(some, start, end)
        for start, end in ((OPEN, 40_000_000), (40_000_001, 45_000_000), (45_000_001, CLOSE))
    ]
    whole = nbbo.changes(some, OPEN, CLOSE)
    for contract in range(10):
        joined = np.concatenate([part.ask[part.contract == contract] for part in parts])
        assert (joined == whole.ask[whole.contract == contract]).all()


def test_quotes_never_cross_and_follow_the_underlying(made: Board) -> None:
    quotes = nbbo.changes(made, OPEN, CLOSE)
    assert (quotes.bid < quotes.ask).all()
    assert ((quotes.bid_size > 0) == (quotes.bid > 0)).all()
    cents, _ = nbbo.path(made.expiration.root.underlying, made.session)
    spot = cents[np.minimum((quotes.ms - OPEN) // 1000, len(cents) - 1)]
    strike = made.strike[quotes.contract] / 100
    inside = np.where(made.put[quotes.contract], strike - spot, spot - strike)
    assert (quotes.ask >= inside).all()
    assert (quotes.bid <= np.where(made.put[quotes.contract], strike, spot)).all()


def test_the_normal_distribution_is_good_enough_for_an_index() -> None:
    x = np.array([-9.0, -1.96, 0.0, 1.0, 9.0])
    assert pricing.normal(x) == pytest.approx([0, 0.0249979, 0.5, 0.8413447, 1], abs=1e-6)


def test_calls_and_puts_of_a_strike_are_worth_the_same_but_for_the_underlying() -> None:
    spot, strike = np.full(3, 100.0), np.array([80.0, 100.0, 125.0])
    away, deviation = np.log(spot / strike), np.full(3, 0.2)
    call, put = (pricing.value(spot, strike, away, deviation, np.full(3, sign)) for sign in (1.0, -1.0))
    assert call - put == pytest.approx(spot - strike, abs=1e-3)


@pytest.mark.parametrize(
    ("symbol", "expiration", "date"), [("SPXW", "2024-01-09", "2024-01-09"), ("KO", "2024-02-16", "2024-01-09")]
)
def test_trades_lie_within_the_quote_before_them(symbol: str, expiration: str, date: str) -> None:
    made = board(expiring(symbol, expiration), session(date))
    found = trades(made.expiration, made.session)
    before = nbbo.in_force(made, found.contract, found.ms - 1)
    assert len(found)
    assert (before.ms > 0).all()
    assert (found.price >= np.maximum(before.bid, 1)).all()
    assert (found.price <= before.ask).all()
    assert (np.diff(found.ms)[np.diff(found.contract) == 0] >= 0).all()
    assert np.abs(found.sequence).max() < 2**31


def test_some_trades_come_with_a_change_of_their_quote() -> None:
    made = board(expiring("SPXW", "2024-01-09"), session("2024-01-09"))
    found = trades(made.expiration, made.session)
    assert (nbbo.in_force(made, found.contract, found.ms).ms == found.ms).any()


def by_hand(prices: list[int], sizes: list[int], making: list[bool]) -> tuple[int, ...]:
    made = [price for price, good in zip(prices, making, strict=True) if good]
    ends = (made[0], max(made), min(made), made[-1]) if made else (0, 0, 0, 0)
    return (*ends, sum(sizes), len(sizes))


def test_bars_are_their_trades(made: Board) -> None:
    found = trades(made.expiration, made.session)
    got = bars.bars(found, len(made), WHOLE, CLOSE)
    assert len(got["open"]) == len(made) * 391
    for contract in np.argsort(-made.activity)[[0, 1, 5, 30]].tolist():
        own = found.at(found.contract == contract)
        value = volume = 0
        for bar in range(391):
            inside = np.flatnonzero((own.ms - OPEN) // 60_000 == bar)
            expected = by_hand(
                own.price[inside].tolist(), own.size[inside].tolist(), (own.condition[inside] != CONTINGENT).tolist()
            )
            row = contract * 391 + bar
            names = ("open", "high", "low", "close", "volume", "count")
            assert tuple(int(got[name][row]) for name in names) == expected
            value += int((own.price[inside] * own.size[inside]).sum())
            volume += int(own.size[inside].sum())
            assert got["vwap"][row] == ((2 * value + volume) // (2 * volume) if volume else 0)


def test_a_window_carries_on_the_vwap_from_before_it(made: Board) -> None:
    found = trades(made.expiration, made.session)
    whole = bars.bars(found, len(made), WHOLE, CLOSE)["vwap"].reshape(len(made), 391)
    part = bars.bars(found, len(made), Window(OPEN + 60 * 60_000, CLOSE, 60_000), CLOSE)["vwap"].reshape(len(made), 331)
    assert (whole[:, 60:] == part).all()


def test_a_contingent_trade_counts_for_the_volume_only() -> None:
    found = trades(expiring("SPXW", "2024-01-09"), session("2024-01-09"))
    only = found.at(found.condition == CONTINGENT)
    assert len(only)
    one = only.at(np.array([0])).of(only.contract[:1])
    bar = bars.whole(one, 1)
    assert bar["volume"][0] == one.size[0]
    assert bar["count"][0] == 1
    assert bar["high"][0] == 0


def test_on_a_half_day_nothing_changes_after_a_quarter_past_one() -> None:
    made = board(expiring("SPXW", "2023-11-24"), session("2023-11-24"))
    end = (13 * 60 + 15) * 60_000
    found, quotes = trades(made.expiration, made.session), nbbo.changes(made, 0, 86_400_000)
    assert end - 3_600_000 < quotes.ms.max() <= end
    assert found.ms.max() <= end
    assert found.ms.max() > end - 1_800_000


def test_open_interest_begins_with_nothing_and_grows() -> None:
    found = expiring("AAPL", "2024-02-09")
    days = sessions.sessions(found.listed, found.last)
    first, later = (daily.interest(board(found, day)).sum() for day in (days[0], days[10]))
    assert later > first >= 0
    if found.listed == days[0].date:
        assert first == 0
