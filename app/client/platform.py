"""The blocking client of a coordinator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from app.client import asking, calls
from app.client.backtest import Backtest
from app.client.calls import Call
from app.client.models import BacktestStatus, LiveSeries, Plan
from app.client.options import LiveOptions, Options
from app.client.wire import Address, Wire


class Platform:
    """A coordinator, over HTTP. Closed at the end of a ``with`` block, or by ``close``; threads may share it.

    ``url``: default ``FDP_URL``, else ``http://127.0.0.1:6066``. ``token``: default ``FDP_TOKEN``, else none.
    ``retries``: how often a call is made again when nobody answers, or the coordinator cannot at the moment.
    ``timeout``: seconds that it may be silent, but for what is waited for. ``verify``: with ``https``, a file of
    authorities in the place of the usual ones, or False. ``compress``: ask for packed answers, for slow lines.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        retries: int = 3,
        timeout: float = 60.0,
        verify: bool | str | Path = True,
        compress: bool = False,
    ) -> None:
        self._wire = Wire(Address(url, token, timeout, verify, compress))
        self._retries = retries
        self.live = Live(self._wire, retries)

    @property
    def url(self) -> str:
        return self._wire.address.shown

    def backtest(self, backtest_id: str | int, **options: Unpack[Options]) -> Backtest:
        """Ask for a backtest and hold on to it. The same one again is the same backtest and runs once; another one
        under the same id raises ``Conflict``. What is wrong with it raises ``InvalidRequest``."""
        return self.submit(calls.request(backtest_id, **options))

    def submit(self, request: Mapping[str, Any]) -> Backtest:
        """The same with a request as JSON has it, in its full or short form."""
        return Backtest(self._wire, self._wire.run(asking.submitted(request, self._retries)), self._retries)

    def open(self, backtest_id: str | int) -> Backtest:
        """A backtest that was asked for before. Raises ``NotFound``."""
        status = self._wire.run(asking.told(calls.status(str(backtest_id)), self._retries))
        return Backtest(self._wire, status, self._retries)

    def backtests(self) -> list[BacktestStatus]:
        """How all backtests stand, the latest first, without receipts."""
        return self._wire.run(asking.listed(self._retries))

    def plan(self, backtest_id: str | int = "plan", **options: Unpack[Options]) -> Plan:
        """What a backtest would do, without doing it."""
        return self.plan_of(calls.request(backtest_id, **options))

    def plan_of(self, request: Mapping[str, Any]) -> Plan:
        """The same of a request as JSON has it."""
        return self._wire.run(asking.planned(request, self._retries))

    def schemas(self) -> dict[str, dict[str, Any]]:
        """The Avro schema of each record type, by name."""
        found: dict[str, dict[str, Any]] = self.ask(calls.schemas())
        return found

    def orphaned_topics(self) -> dict[str, Any]:
        """Data topics that nobody answers for."""
        found: dict[str, Any] = self.ask(calls.orphaned())
        return found

    def ask(self, call: Call) -> Any:
        """The JSON that answers a call."""
        return self._wire.run(asking.ask(call, self._retries))

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Live:
    """Live topics."""

    def __init__(self, wire: Wire, retries: int) -> None:
        self._wire = wire
        self._retries = retries

    def subscribe(self, **options: Unpack[LiveOptions]) -> list[LiveSeries]:
        """Subscribe to ``tickers``, or to ``contracts`` of a ``root``; one topic each, which all users share."""
        return self._wire.run(asking.subscribed(calls.subscription(**options), self._retries))

    def list(self) -> list[LiveSeries]:
        """All that is subscribed to."""
        return self._wire.run(asking.all_live(self._retries))

    def get(self, topic: str) -> LiveSeries:
        """One of them. Raises ``NotFound``."""
        return self._wire.run(asking.live_series(topic, self._retries))

    def unsubscribe(self, topic: str) -> str:
        """End a subscription, for everybody; its rows are kept. ``ended``, or ``ending`` when it is not decided yet."""
        return self._wire.run(asking.unsubscribed(topic, self._retries))
