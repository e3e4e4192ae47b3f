"""A simulator on a free port, and the tables of the vendor's examples."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from simulator.server import Simulator
from simulator.tables import Column, Integers, Prices, Stamps, Table, Texts

GOLDEN = Path(__file__).parent / "golden"
NOW = dt.datetime(2024, 8, 1, 16, 0, tzinfo=dt.UTC)
"""Thursday, noon in New York, as the simulators of these tests see it."""

Get = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator.in_thread(tier="pro", clock=lambda: NOW) as running:
        yield running


@pytest.fixture(scope="session")
def get(simulator: Simulator) -> Iterator[Get]:
    with httpx.Client(base_url=simulator.url, timeout=60) as client:  # years of chains on a busy machine

        def call(path: str, **parameters: str | int) -> httpx.Response:
            return client.get(path, params=parameters)

        yield call


@pytest.fixture(scope="session")
def ohlc(get: Get) -> Callable[..., list[dict[str, str]]]:
    """The rows of ``history/ohlc`` for given parameters."""

    def call(symbol: str, **parameters: str | int) -> list[dict[str, str]]:
        response = get("/v3/stock/history/ohlc", symbol=symbol, **parameters)
        assert response.status_code == 200, response.text
        return list(csv.DictReader(response.text.splitlines()))

    return call


def golden(name: str) -> str:
    return (GOLDEN / name).read_bytes().decode()


def example_table(name: str) -> Table:
    """The values of a published CSV example, as the simulator's columns hold them."""
    rows = list(csv.DictReader(golden(f"{name}.example.csv").splitlines()))
    columns = {key: _column(key, [row[key] for row in rows]) for key in rows[0]}
    return Table(columns, len(rows))


def _column(name: str, cells: list[str]) -> Column:
    if name.endswith("timestamp") or name in ("created", "last_trade"):
        stamps = [dt.datetime.fromisoformat(cell) for cell in cells]
        midnight = [dt.datetime.combine(stamp, dt.time()) for stamp in stamps]
        since = [round((a - b).total_seconds() * 1000) for a, b in zip(stamps, midnight, strict=True)]
        return Stamps(np.array([stamp.date() for stamp in stamps], dtype="datetime64[D]"), np.array(since))
    if all("." in cell for cell in cells):
        decimals = [len(cell.partition(".")[2]) for cell in cells]
        units = [round(float(cell) * 10_000) for cell in cells]
        return Prices(np.array(units), np.array(decimals))
    if all(cell.isdigit() for cell in cells):
        return Integers(np.array([int(cell) for cell in cells]))
    return Texts([cell or None for cell in cells])
