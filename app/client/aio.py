"""The same client without blocking: every call that asks the coordinator is awaited, every iterator asynchronous.

An iterator that is not read to its end holds its connection until it is closed, as ``contextlib.aclosing`` does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from app.client import asking, calls, reading, saving, tables, watching
from app.client.calls import Call, Format
from app.client.errors import ended_badly
from app.client.held import Held, HeldSeries, Rows, selection
from app.client.models import BacktestStatus, LiveSeries, Plan, Receipt
from app.client.options import LiveOptions, Options
from app.client.wire import Address, AsyncWire

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


class AsyncPlatform:
    """``Platform`` without blocking; made and used in one event loop."""

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
        self._wire = AsyncWire(Address(url, token, timeout, verify, compress))
        self._retries = retries
        self.live = AsyncLive(self._wire, retries)

    @property
    def url(self) -> str:
        return self._wire.address.shown

    async def backtest(self, backtest_id: str | int, **options: Unpack[Options]) -> AsyncBacktest:
        return await self.submit(calls.request(backtest_id, **options))

    async def submit(self, request: Mapping[str, Any]) -> AsyncBacktest:
        status = await self._wire.run(asking.submitted(request, self._retries))
        return AsyncBacktest(self._wire, status, self._retries)

    async def open(self, backtest_id: str | int) -> AsyncBacktest:
        status = await self._wire.run(asking.told(calls.status(str(backtest_id)), self._retries))
        return AsyncBacktest(self._wire, status, self._retries)

    async def backtests(self) -> list[BacktestStatus]:
        return await self._wire.run(asking.listed(self._retries))

    async def plan(self, backtest_id: str | int = "plan", **options: Unpack[Options]) -> Plan:
        return await self.plan_of(calls.request(backtest_id, **options))

    async def plan_of(self, request: Mapping[str, Any]) -> Plan:
        return await self._wire.run(asking.planned(request, self._retries))

    async def schemas(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = await self.ask(calls.schemas())
        return found

    async def orphaned_topics(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.ask(calls.orphaned())
        return found

    async def ask(self, call: Call) -> Any:
        return await self._wire.run(asking.ask(call, self._retries))

    async def close(self) -> None:
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncLive:
    """``Live`` without blocking."""

    def __init__(self, wire: AsyncWire, retries: int) -> None:
        self._wire = wire
        self._retries = retries

    async def subscribe(self, **options: Unpack[LiveOptions]) -> list[LiveSeries]:
        return await self._wire.run(asking.subscribed(calls.subscription(**options), self._retries))

    async def list(self) -> list[LiveSeries]:
        return await self._wire.run(asking.all_live(self._retries))

    async def get(self, topic: str) -> LiveSeries:
        return await self._wire.run(asking.live_series(topic, self._retries))

    async def unsubscribe(self, topic: str) -> str:
        return await self._wire.run(asking.unsubscribed(topic, self._retries))


class AsyncSeries(HeldSeries):
    """``Series`` without blocking."""

    def __init__(self, wire: AsyncWire, place: reading.Place) -> None:
        super().__init__(place)
        self._wire = wire

    def batches(self, **which: Unpack[Rows]) -> AsyncIterator[pyarrow.RecordBatch]:
        return self._wire.iterate(reading.batches(self._place, selection(which)))

    async def rows(self, **which: Unpack[Rows]) -> AsyncIterator[dict[str, Any]]:
        async with contextlib.aclosing(self.content("ndjson", **which)) as blocks:
            async for block in blocks:
                for row in tables.rows_of(block):
                    yield row

    def content(self, form: Format, **which: Unpack[Rows]) -> AsyncGenerator[bytes, None]:
        return self._wire.iterate(saving.document_of(self._place, form, selection(which), restartable=False))

    async def to_arrow(self, **which: Unpack[Rows]) -> pyarrow.Table:
        return await self._wire.run(tables.table([self._place], selection(which)))

    async def to_pandas(self, **which: Unpack[Rows]) -> pandas.DataFrame:
        return tables.to_pandas(await self.to_arrow(**which))

    async def to_polars(self, **which: Unpack[Rows]) -> polars.DataFrame:
        return tables.to_polars(await self.to_arrow(**which))

    async def save(
        self, path: str | os.PathLike[str], form: saving.FileFormat | None = None, **which: Unpack[Rows]
    ) -> Path:
        await self._wire.run(saving.saved(self._place, selection(which), Path(path), form))
        return Path(path)


class AsyncBacktest(Held):
    """``Backtest`` without blocking."""

    def __init__(self, wire: AsyncWire, status: BacktestStatus, retries: int) -> None:
        super().__init__(status, retries)
        self._wire = wire

    @property
    def series(self) -> tuple[AsyncSeries, ...]:
        return tuple(AsyncSeries(self._wire, place) for place in self._places())

    def __getitem__(self, topic: str) -> AsyncSeries:
        return AsyncSeries(self._wire, self._place(topic))

    async def status(self) -> BacktestStatus:
        return await self._wire.run(asking.told(calls.status(self.id), self._retries))

    async def receipts(self) -> tuple[Receipt, ...]:
        return (await self.status()).receipts

    async def wait(self, timeout: float | None = None, *, check: bool = True) -> BacktestStatus:
        status = await self._wire.run(watching.wait(self.id, timeout, self._undecided, self._retries))
        error = ended_badly(status) if check else None
        if error is not None:
            raise error
        return status

    def events(self) -> AsyncIterator[BacktestStatus]:
        return self._wire.iterate(watching.events(self.id, self._undecided, self._retries))

    async def cancel(self) -> BacktestStatus:
        return await self._wire.run(asking.told(calls.cancel(self.id), self._retries))

    async def retry(self) -> AsyncBacktest:
        status = await self._wire.run(asking.told(calls.retry(self.id), self._retries))
        return AsyncBacktest(self._wire, status, self._retries)

    async def delete(self) -> None:
        await self._wire.run(asking.deleted(self.id, self._retries))

    async def to_arrow(self, **which: Unpack[Rows]) -> pyarrow.Table:
        return await self._wire.run(tables.table(self._places(), selection(which)))

    async def to_pandas(self, **which: Unpack[Rows]) -> pandas.DataFrame:
        return tables.to_pandas(await self.to_arrow(**which))

    async def to_polars(self, **which: Unpack[Rows]) -> polars.DataFrame:
        return tables.to_polars(await self.to_arrow(**which))
