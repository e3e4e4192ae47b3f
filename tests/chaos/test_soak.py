"""Days of the market in minutes: what the platform holds does not grow."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from chance import FULL
from figures import Gauge
from harness import Platform, web_ports
from live import market
from soak import Plan, Soak

from app.local.platform import LocalPlatform
from app.settings import Settings
from simulator.clock import MarketClock
from simulator.server import Simulator

pytestmark = pytest.mark.integration

SMALL = Plan(dt.date(2024, 5, 8), sessions=3, hours=1, speed=600, trades=4, quotes=3, bars=3, chains=2)
#: Thursday to Wednesday: a weekend is in it.
WEEK = Plan(dt.date(2024, 5, 9), sessions=5, hours=7, speed=200, trades=80, quotes=70, bars=30, chains=20)


def plan() -> Plan:
    """The week, or as much of it as ``SOAK`` says: ``speed=50 sessions=2``."""
    named = (word.partition("=") for word in os.environ["SOAK"].split() if "=" in word)
    return replace(WEEK, **{name: type(getattr(WEEK, name))(value) for name, _, value in named})


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A platform with a broker and a registry of its own, as ``local`` brings it up."""
    # Arrow makes its threads when it needs them, up to eight, and keeps them. With two of them all are there soon, and
    # one thread more is one that leaked.
    monkeypatch.setenv("ARROW_IO_THREADS", "2")
    with Simulator.in_thread(seed=7, tier="pro", clock=MarketClock()) as simulator:
        settings = Settings(
            theta_url=simulator.url,
            theta_ws_url=simulator.ws_url,
            theta_tier="pro",
            state_dir=tmp_path_factory.mktemp("soak"),
            **web_ports(),
        )
        with (
            LocalPlatform(settings) as local,
            httpx.Client(base_url=local.endpoints.web, timeout=30, trust_env=False) as http,
        ):
            yield Platform(local, simulator, http, local.endpoints.kafka, local.endpoints.registry)


#: Megabytes a session and role, resident, that are taken for noise: allocators give back what they like. More are ten
#: bytes leaked an event, or half a megabyte a backtest. Less than that this bound does not see: the blocks of the
#: interpreter's memory, which are printed beside it, tell it only over many sessions, for they rise and fall by tens
#: of thousands with what the collector has not looked at yet.
MEGABYTES = 5.0


def run(platform: Platform, plan: Plan) -> Soak:
    """The sessions; in the end the end of the last one is held against history, so that it was no idle run."""
    first = plan.days()[0]
    with market(platform, f"{first.date}T09:00:00", 1) as found:
        soak = Soak(found, plan, Gauge(platform))
        soak.run()
        end = soak.ended
        assert end is not None
        rows = soak.compare(end - dt.timedelta(minutes=15), end)
        gaps = sum(one["gaps_total"] for one in soak.live())
    events = soak.gauge.metrics("live")["fdp_live_events_total"]
    print(f"{events:,.0f} events, {rows:,} live rows compared with history, {gaps} gaps; {soak.work}")
    print("a session's growth, MB and blocks:", soak.memory())
    assert rows > 0
    assert not soak.growth()
    return soak


@pytest.mark.skipif(not FULL, reason="three sessions of the market take minutes: make chaos")
@pytest.mark.timeout(600)
def test_nothing_grows_from_session_to_session(alone: Platform) -> None:
    run(alone, SMALL)


@pytest.mark.timeout(3600)
@pytest.mark.skipif("SOAK" not in os.environ, reason="a week of the market takes a quarter of an hour: make soak")
def test_a_week_of_two_hundred_live_series_leaves_nothing_behind(alone: Platform) -> None:
    soak = run(alone, plan())
    if len(soak.marks) >= WEEK.sessions:
        assert soak.work.cancelled, "no backtest was cancelled while it ran"
        assert all(rss <= MEGABYTES for rss, _ in soak.memory().values()), soak.memory()
