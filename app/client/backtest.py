"""A backtest and its series, as a blocking client holds them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from app.client import asking, calls, reading, saving, tables, watching
from app.client.calls import Format
from app.client.errors import ended_badly
from app.client.held import Held, HeldSeries, Rows, selection
from app.client.models import BacktestStatus, Receipt
from app.client.wire import Wire

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


class Series(HeldSeries):
    """One series: the rows of one topic. Which of them is told by ``start``, ``end``, ``limit``, ``columns``,
    ``contract``.

    Everything that reads waits for rows still to come and raises ``BacktestFailed`` when they will not; with
    ``follow=False`` it reads what is there now.
    """

    def __init__(self, wire: Wire, place: reading.Place) -> None:
        super().__init__(place)
        self._wire = wire

    def batches(self, **which: Unpack[Rows]) -> Iterator[pyarrow.RecordBatch]:
        """Arrow batches as they arrive; no more than one is held."""
        return self._wire.iterate(reading.batches(self._place, selection(which)))

    def rows(self, **which: Unpack[Rows]) -> Iterator[dict[str, Any]]:
        """Rows as they arrive; times are aware datetimes in UTC. Needs no pyarrow."""
        for block in self._wire.iterate(reading.lines(self._place, "ndjson", selection(which))):
            yield from tables.rows_of(block)

    def content(self, form: Format, **which: Unpack[Rows]) -> Iterator[bytes]:
        """The bytes of the series in a format, to be written somewhere. What arrived before an error is not whole."""
        return self._wire.iterate(saving.document_of(self._place, form, selection(which), restartable=False))

    def to_arrow(self, **which: Unpack[Rows]) -> pyarrow.Table:
        return self._wire.run(tables.table([self._place], selection(which)))

    def to_pandas(self, **which: Unpack[Rows]) -> pandas.DataFrame:
        return tables.to_pandas(self.to_arrow(**which))

    def to_polars(self, **which: Unpack[Rows]) -> polars.DataFrame:
        return tables.to_polars(self.to_arrow(**which))

    def save(self, path: str | os.PathLike[str], form: saving.FileFormat | None = None, **which: Unpack[Rows]) -> Path:
        """Write the series into a file, which is there only when it is whole. Its name says the format: ``.parquet``,
        ``.csv``, ``.ndjson``, ``.arrow`` (a file), ``.arrows`` (a stream)."""
        self._wire.run(saving.saved(self._place, selection(which), Path(path), form))
        return Path(path)


class Backtest(Held):
    """A backtest under its id. ``series`` are known from the moment it was asked for; all else asks the coordinator."""

    def __init__(self, wire: Wire, status: BacktestStatus, retries: int) -> None:
        super().__init__(status, retries)
        self._wire = wire

    @property
    def series(self) -> tuple[Series, ...]:
        """The series in the request's order."""
        return tuple(Series(self._wire, place) for place in self._places())

    def __getitem__(self, topic: str) -> Series:
        """The series of a topic."""
        return Series(self._wire, self._place(topic))

    def status(self) -> BacktestStatus:
        """How it stands now, with the receipts of what is complete."""
        return self._wire.run(asking.told(calls.status(self.id), self._retries))

    def receipts(self) -> tuple[Receipt, ...]:
        """The receipts of the series that are complete."""
        return self.status().receipts

    def wait(self, timeout: float | None = None, *, check: bool = True) -> BacktestStatus:
        """Wait for its end. Raises ``WaitTimeout`` after so many seconds; ``BacktestFailed``, ``PartialBacktest`` or
        ``BacktestCancelled`` when it is not complete then, unless ``check`` is False."""
        status = self._wire.run(watching.wait(self.id, timeout, self._undecided, self._retries))
        error = ended_badly(status) if check else None
        if error is not None:
            raise error
        return status

    def events(self) -> Iterator[BacktestStatus]:
        """How it stands, now and whenever that changes, until its final state."""
        return self._wire.iterate(watching.events(self.id, self._undecided, self._retries))

    def cancel(self) -> BacktestStatus:
        """End what runs; what is complete stays complete. ``wait`` tells when it has ended."""
        return self._wire.run(asking.told(calls.cancel(self.id), self._retries))

    def retry(self) -> Backtest:
        """Run what failed or was cancelled; what is complete is left alone. Raises ``Conflict`` while it is deleted."""
        status = self._wire.run(asking.told(calls.retry(self.id), self._retries))
        return Backtest(self._wire, status, self._retries)

    def delete(self) -> None:
        """End what runs and delete the backtest with its topics. The id is free once it is unknown."""
        self._wire.run(asking.deleted(self.id, self._retries))

    def to_arrow(self, **which: Unpack[Rows]) -> pyarrow.Table:
        """All series under each other, when they are of one kind."""
        return self._wire.run(tables.table(self._places(), selection(which)))

    def to_pandas(self, **which: Unpack[Rows]) -> pandas.DataFrame:
        """All series under each other, when they are of one kind."""
        return tables.to_pandas(self.to_arrow(**which))

    def to_polars(self, **which: Unpack[Rows]) -> polars.DataFrame:
        """All series under each other, when they are of one kind."""
        return tables.to_polars(self.to_arrow(**which))
