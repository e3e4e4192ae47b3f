"""The full option trade stream: every trade of the roots, in its bundle."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict

import numpy as np

from app.domain import sessions
from simulator.clock import DAY, read_instant
from simulator.options import expirations, nbbo, roots
from simulator.options import trades as option_trades
from simulator.options.board import board
from simulator.server import Simulator
from simulator.stream.full import full
from simulator.stream.messages import Subscription
from simulator.stream.series import series
from tests.unit.simulator.stream_client import Frame, connected
from tests.unit.simulator.test_stream import at, run

DATE = dt.date(2024, 7, 2)
Contract = tuple[str, int, int, str]


def bundled(root: str) -> list[Frame]:
    made = full(1, [root], DATE)
    return [json.loads(frame) for _, frame in made.events(0, len(made.ms))]


def by_contract(frames: list[Frame]) -> dict[Contract, list[tuple[str, Frame]]]:
    found: dict[Contract, list[tuple[str, Frame]]] = defaultdict(list)
    for frame in frames:
        contract, kind = frame["contract"], frame["header"]["type"]
        key = (contract["root"], contract["expiration"], contract["strike"], contract["right"])
        found[key].append((kind, frame[kind.lower()]))
    return found


def test_each_trade_has_its_quote_and_its_bar_before_it_and_two_quotes_after() -> None:
    frames = bundled("KO")
    times = [frame["trade"]["ms_of_day"] for frame in frames if "trade" in frame]
    assert times == sorted(times)
    assert len(times) > 1000
    for place, frame in enumerate(frames):
        if "trade" in frame:
            quote, bar = frames[place - 2], frames[place - 1]
            assert [quote["header"]["type"], bar["header"]["type"]] == ["QUOTE", "OHLC"]
            assert quote["contract"] == bar["contract"] == frame["contract"]
            assert quote["quote"]["ms_of_day"] < frame["trade"]["ms_of_day"] == bar["ohlc"]["ms_of_day"]
            if bar["ohlc"]["count"] == 1 and quote["quote"]["bid"] > 0:
                assert quote["quote"]["bid"] <= frame["trade"]["price"] <= quote["quote"]["ask"]
    root = roots.root(1, "KO")
    session = sessions.session(DATE)
    assert root is not None
    assert session is not None
    checked = 0
    for (_, date, strike, right), events in by_contract(frames).items():
        expiration = expirations.expiration(root, dt.datetime.strptime(str(date), "%Y%m%d").date())  # noqa: DTZ007
        assert expiration is not None
        made = board(expiration, session)
        row = made.row(strike * 10, right == "P")
        assert row is not None
        changes = nbbo.changes(made.take(np.array([row])), 0, DAY).ms.tolist()
        wanted = set()
        for kind, body in events:
            if kind == "TRADE":
                wanted |= set([ms for ms in changes if ms >= body["ms_of_day"]][:2])
        before = {body["ms_of_day"] for kind, body in events if kind == "QUOTE"}
        assert wanted <= before
        checked += len(wanted)
    assert checked > 1000


def test_the_bars_are_of_the_session_so_far() -> None:
    for events in by_contract(bundled("KO")).values():
        trades: list[Frame] = []
        for place, (kind, body) in enumerate(events):
            if kind != "TRADE":
                continue
            trades.append(body)
            prices = [trade["price"] for trade in trades if trade["condition"] != 124]
            bar = events[place - 1][1]
            assert bar == {
                "ms_of_day": body["ms_of_day"],
                "open": prices[0] if prices else 0,
                "high": max(prices, default=0),
                "low": min(prices, default=0),
                "close": prices[-1] if prices else 0,
                "volume": sum(trade["size"] for trade in trades),
                "count": len(trades),
                "date": 20240702,
            }


def test_its_trades_are_those_of_the_contracts() -> None:
    found = by_contract(bundled("KO"))
    root = roots.root(1, "KO")
    session = sessions.session(DATE)
    assert root is not None
    assert session is not None
    every = sum(len(option_trades.trades(e, session)) for e in expirations.listed(root, DATE))
    assert sum(kind == "TRADE" for events in found.values() for kind, _ in events) == every
    name, date, strike, right = max(found, key=lambda key: len(found[key]))
    day = dt.datetime.strptime(str(date), "%Y%m%d").date()  # noqa: DTZ007
    single = series(1, Subscription("OPTION", "TRADE", name, day, strike * 10, right == "P"), DATE)
    alone = [json.loads(frame)["trade"] for _, frame in single.events(0, len(single.ms))]
    assert [body for kind, body in found[name, date, strike, right] if kind == "TRADE"] == alone


def test_it_is_streamed_to_who_may_have_it() -> None:
    async def test() -> None:
        async with connected(simulator.ws_url) as client:
            assert await client.ask("TRADE", {}, msg_type="STREAM_BULK", sec_type="OPTION") == "SUBSCRIBED"
            clock.set(read_instant("2024-07-02T16:00:01"))
            await client.until(lambda: len(client.events("TRADE")) > 1000)
            await client.until(lambda: not simulator.stream_report()["behind"])
            sent = simulator.stream_report()["frames_sent"]
            await client.until(lambda: len(client.frames) >= sent)
            assert [frame for frame in client.frames if "contract" in frame] == bundled("KO")
            assert simulator.stream_report()["subscriptions"] == ["OPTION TRADE *"]

    clock = at("09:29:00")
    with Simulator.in_thread(tier="pro", clock=clock, full_stream_roots=("KO",)) as simulator:
        run(test())
