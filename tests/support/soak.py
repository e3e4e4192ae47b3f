"""A platform that works for days of the market's time: live series all the while, and backtests that come and go.

What it holds on to is read while the market stands still between two sessions, when nothing is under way: equal points
of a cycle, at which a platform that leaks nothing holds the same as before.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from figures import Figures, Gauge, Process, count
from harness import Platform, until
from live import NEW_YORK, LiveMarket, moment, new_york

from app.domain import sessions
from app.settings import ROLES
from simulator.instruments import instrument

#: Trades of a session with which a stock's trades, or its quotes, come 0.2 times a second on average, with the bars of
#: what the simulator draws for a name.
TRADES, QUOTES = (4_300.0, 4_700.0), (1_800.0, 2_200.0)
_CLOSED = dt.timedelta(seconds=60)
_HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Plan:
    """How long and how much: ``sessions`` from ``first`` on, ``hours`` of each from the open (the last one is half an
    hour), ``speed`` in seconds of the market a second; how many live series of each kind, and how many backtests are
    run and deleted in each hour."""

    first: dt.date
    sessions: int
    hours: int
    speed: float
    trades: int
    quotes: int
    bars: int
    chains: int
    backtests: int = 1

    def days(self) -> list[sessions.Session]:
        found = sessions.sessions(self.first, self.first + dt.timedelta(days=10 + 2 * self.sessions))
        return found[: self.sessions]


@dataclass
class Work:
    """What was done."""

    backtests: int = 0
    cancelled: int = 0
    rows: int = 0
    resubscribed: int = 0


@dataclass
class Soak:
    """One run; ``say`` is told what happens."""

    market: LiveMarket
    plan: Plan
    gauge: Gauge
    say: Callable[[str], None] = print
    work: Work = field(default_factory=Work)
    marks: list[Figures] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    #: Up to when the last session that is over was followed.
    ended: dt.datetime | None = None

    @property
    def platform(self) -> Platform:
        return self.market.platform

    def run(self) -> None:
        """All sessions; what is held after each lies in ``marks`` then."""
        self.say(HEADER)
        for day in self.plan.days():
            opened = new_york(f"{day.date} {day.open}")
            self.market.clock.set(opened - dt.timedelta(seconds=30), 5)
            if not self.topics:
                self._warm_up()
            self.market.clock.set(speed=self.plan.speed)
            with self._sampled():
                for hour in range(self.plan.hours):
                    end = min(opened + (hour + 1) * _HOUR, new_york(f"{day.date} {day.close}"))
                    self._hour(hour, end)
                self._stand_still(end)
            self.ended = end
            self.marks.append(self._quiet())
            self.say(f"{day.date}: {self.marks[-1].counts()}")

    def _warm_up(self) -> None:
        """Let everything that is made on demand and then kept be made: threads of pools, connections to the terminal.

        As many series at once as there are threads that fetch them, and a broken connection, of which all live topics
        have to be mended at once.
        """
        tickers = [f"W{number:02d}" for number in range(20)]
        name = self._post("2024-04-02", {"asset": "stock", "tickers": tickers, "schema": "ohlcv", "interval": "1s"})
        assert self.platform.finished(name, 240)["state"] == "complete"
        self._delete(name)
        self.subscribe()
        with ThreadPoolExecutor(8) as asking:
            list(asking.map(lambda _: self.live(), range(32)))
        for _ in range(2):
            now = self.market.clock()
            self.platform.simulator.stream_fault("socket_drop")
            self.whole(now + dt.timedelta(seconds=5))

    # --- live -------------------------------------------------------------------------------------------------

    def subscribe(self) -> None:
        plan, names = self.plan, self._names
        for schema, symbols in (
            ("trade", names(TRADES, plan.trades)),
            ("quote", names(QUOTES, plan.quotes)),
        ):
            self.topics += self.market.subscribe(tickers=symbols, schema=schema) if symbols else []
        # Others than those of which the trades are subscribed to: each has a stream of its own.
        bars = names(TRADES, plan.trades + plan.bars)[plan.trades :]
        for interval, some in (("1s", bars[::3]), ("1m", [name for i, name in enumerate(bars) if i % 3])):
            if some:
                self.topics += self.market.subscribe(tickers=some, schema="ohlcv", interval=interval)
        for number, root in enumerate(names((0.0, 60_000.0), plan.chains)):
            # The universe of every other one is another one on each day.
            contracts = {"right": "call", "max_dte": 10, "strike_range": 1} if number % 2 else self._contract(root)
            self.topics += self.market.subscribe("option", root=root, schema="quote", contracts=contracts)
        until("all live topics", lambda: all(one["state"] == "live" for one in self.live()), 120)

    def _names(self, busy: tuple[float, float], number: int) -> list[str]:
        """Stocks with that many trades a session."""
        found: list[str] = []
        for i in range(100_000):
            if len(found) == number:
                return found
            stock = instrument(self.platform.simulator.options.seed, f"S{i:05d}")
            if stock is not None and busy[0] <= stock.trades < busy[1]:
                found.append(stock.symbol)
        raise AssertionError(f"there are no {number} stocks with {busy} trades")

    def _contract(self, root: str) -> dict[str, Any]:
        """One call of those that expire after the last session, near the money."""
        last = self.plan.days()[-1].date
        rows = self.platform.table(
            "/v3/option/list/contracts/quote", symbol=root, date=f"{self.plan.days()[0].date:%Y%m%d}"
        )
        day = min(row["expiration"] for row in rows if row["expiration"] >= last)
        strikes = sorted({row["strike"] for row in rows if row["expiration"] == day})
        return {"right": "call", "expirations": [day.isoformat()], "strikes": [strikes[len(strikes) // 2]]}

    def live(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.platform.http.get("/live").json()
        return found

    def _resubscribe(self) -> None:
        """End one live series and begin it again; its topic stays."""
        topic = self.topics[self.work.resubscribed % (self.plan.trades + self.plan.quotes)]
        _, ticker, schema, _ = topic.split("-")
        answer = self.platform.http.delete(f"/live/{topic}")
        assert answer.status_code == 202, answer.text
        assert self.market.subscribe(tickers=[ticker.upper()], schema=schema) == [topic]
        self.work.resubscribed += 1

    # --- backtests ----------------------------------------------------------------------------------------------

    def _hour(self, hour: int, end: dt.datetime) -> None:
        for number in range(self.plan.backtests):
            self._backtest(2 * hour + number)
        self._cancelled()
        if hour % 2:
            self._resubscribe()
        until(f"{end}", lambda: self.market.clock() >= end, 600 + 3600 / self.plan.speed)
        self.say(self._line())

    def _backtest(self, number: int) -> None:
        """Run one, hold its receipts against its topics, and delete it."""
        day = f"2024-04-{2 + number % 3:02d}"
        name = self._post(
            day,
            {"asset": "stock", "tickers": ["AAPL", "KO"], "schema": "ohlcv", "interval": "1m"},
            {"asset": "stock", "tickers": ["GE"], "schema": "trade"},
            {
                "asset": "option",
                "root": "AAPL",
                "schema": "quote",
                "interval": "5m",
                "contracts": {"max_dte": 7, "strike_range": 2},
            },
        )
        done = self.platform.finished(name, 120)
        assert done["state"] == "complete", done
        for receipt in done["receipts"]:
            assert count(self.platform.kafka, receipt["topic"]) == receipt["rows"] > 0
            self.work.rows += receipt["rows"]
        self.work.backtests += 1
        self._delete(name)

    def _cancelled(self) -> None:
        """Begin one, cancel it while it runs, and delete it."""
        name = self._post("2024-04-26", {"asset": "stock", "tickers": ["GM"], "schema": "ohlcv", "interval": "1s"})
        url = f"/backtests/{name}"
        until(f"{name} to run", lambda: self.platform.http.get(url).json()["state"] != "accepted")
        assert self.platform.http.delete(url).status_code == 202
        self.work.cancelled += self.platform.finished(name)["state"] == "cancelled"
        self.work.backtests += 1
        self._delete(name)

    def _post(self, end: str, *series: dict[str, Any]) -> str:
        name = self.platform.new_id("soak")
        body = {"backtest_id": name, "start": "2024-04-02", "end": end, "series": series}
        answer = self.platform.http.post("/backtests", json=body)
        assert answer.status_code == 202, answer.text
        return name

    def _delete(self, name: str) -> None:
        url = f"/backtests/{name}"
        answer = self.platform.http.delete(url, params={"topics": "true"})
        assert answer.status_code == 202, answer.text
        until(f"{name} to be gone", lambda: self.platform.http.get(url).status_code == 404)

    # --- equal points of the cycle --------------------------------------------------------------------------

    def _stand_still(self, end: dt.datetime) -> None:
        """Let the market go on until everything up to ``end`` is in the topics and compared, then stop it."""
        until("the market to go on", lambda: self.market.clock() >= end + _CLOSED, 600)
        self.market.clock.set(speed=1)
        until("the stream to be up to its time", lambda: not self.platform.simulator.stream_report()["behind"], 600)
        self.whole(end)
        # What was not compared yet is kept, which would be taken for a leak.
        self.compared(end - dt.timedelta(seconds=1))
        self.market.clock.set(speed=0)

    def compared(self, end: dt.datetime) -> None:
        """Wait until all live topics have been compared with history up to a moment."""

        def late() -> list[str]:
            return [
                f"{one['topic']} {one['verified']} {one['reason']}"
                for one in self.live()
                if one["verified"] is None or moment(one["verified"]) < end
            ]

        try:
            until(f"the comparison up to {end}", lambda: not late(), 120)
        except BaseException:
            print("not compared:", late())
            raise

    def whole(self, end: dt.datetime) -> None:
        """Wait until all live topics are whole up to a moment."""

        def probe() -> bool:
            return all(
                one["until"] is not None
                and moment(one["until"]) >= end
                and not any(gap["state"] == "open" for gap in one["gaps"])
                for one in self.live()
            )

        until(f"everything up to {end}", probe, 300)

    def _quiet(self) -> Figures:
        """What is held when nothing is under way; compared with the first time, of which less is waited for."""
        first = self.marks[0].counts() if self.marks else None
        last: list[Figures] = []

        def settled() -> bool:
            last[:] = [*last[-2:], self.gauge.read()]
            if first is not None:
                counts = last[-1].counts()
                return all(counts[name] <= first[name] for name in counts)
            # The first time it is quiet when three looks in a row show the same.
            return len(last) == 3 and last[0].counts() == last[1].counts() == last[2].counts()

        deadline = time.monotonic() + 45
        while not settled() and time.monotonic() < deadline:
            time.sleep(1.5)
        return last[-1]

    def growth(self) -> list[str]:
        """What has grown over the second half of the sessions: in the first ones a library may still open what it
        keeps, a connection more or less."""
        first, last = self.marks[len(self.marks) // 2].counts(), self.marks[-1].counts()
        return [f"{name}: {first[name]}, in the end {last[name]}" for name in first if last[name] > first[name]]

    def memory(self) -> dict[str, tuple[float, float]]:
        """By how much each role's memory has grown a session, over the second half of the sessions: megabytes
        resident, and blocks of the interpreter, as the slopes of straight lines."""
        half = self.marks[len(self.marks) // 2 :]
        return {
            role: (
                _slope([mark.processes[role].rss for mark in half]),
                _slope([mark.processes[role].blocks for mark in half]),
            )
            for role in ROLES
        }

    def compare(self, begin: dt.datetime, end: dt.datetime) -> int:
        """The topics of stocks hold history's rows of a span, each once; how many there are."""
        stocks = [topic for topic in self.topics if topic.startswith("stock-")]
        return sum(self.market.compare(topic, begin, end) for topic in stocks)

    # --- what there is to see ----------------------------------------------------------------------------------

    @cached_property
    def samples(self) -> list[tuple[dt.datetime, dict[str, Process], int]]:
        return []

    @contextmanager
    def _sampled(self) -> Iterator[None]:
        over = threading.Event()

        def sample() -> None:
            while not over.wait(5.0):
                self.samples.append((self.market.clock(), self.gauge.processes(), len(self.gauge.topics())))

        thread = threading.Thread(target=sample, name="samples", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _line(self) -> str:
        processes, now, live = self.gauge.processes(), self.market.clock(), self.live()
        untils = [moment(one["until"]) for one in live if one["until"]]
        checked = [moment(one["verified"]) for one in live if one["verified"]]
        rows = self.gauge.metrics("live").get("fdp_live_rows_total", 0)
        return "  ".join(
            [
                f"{now.astimezone(NEW_YORK):%m-%d %H:%M}",
                f"{rows:>10,.0f}",
                f"{sum(one['gaps_total'] for one in live):>5}",
                f"{(now - max(untils)).total_seconds() if untils else 0:>6.0f}",
                f"{(now - min(checked)).total_seconds() / 60 if checked else 0:>6.0f}",
                f"{self.work.backtests:>4}",
                f"{len(self.gauge.topics()):>6}",
                *(
                    f"{one.rss:>6.1f} {one.threads:>3} {one.files:>4} {one.blocks // 1000:>5}"
                    for one in processes.values()
                ),
            ]
        )


HEADER = "  ".join(
    [
        "market     ",
        " live rows",
        " gaps",
        "lag, s",
        "vrf, m",
        "back",
        "topics",
        *(f"{name[:6]:>6} thr  fds kblks" for name in ("coordinator", "history", "live", "broker")),
    ]
)


def _slope(values: Sequence[float]) -> float:
    """Of a straight line through equally distant values."""
    return float(np.polyfit(range(len(values)), values, 1)[0]) if len(values) > 1 else 0.0
