"""The same platform on a user's own files: the seam of ``app.provider`` from the outside.

A platform of its own, broker included: two coordinators on one log would both decide on its requests.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness import NEW_YORK, Platform, web_ports

from app.local.platform import LocalPlatform
from app.settings import Settings
from simulator.server import Simulator

pytestmark = pytest.mark.integration

#: A half-day, a holiday and two whole days.
DAYS = {dt.date(2024, 7, 2): 391, dt.date(2024, 7, 3): 211, dt.date(2024, 7, 5): 391}
ASKED = {"start": "2024-07-01", "end": "2024-07-05", "interval": "1m"}
NOWHERE = "http://127.0.0.1:1"


def bars() -> list[dict[str, Any]]:
    """The rows of a ticker as they shall stand in its topic; the last of each day is one without a trade."""
    rows = []
    for day, count in DAYS.items():
        opened = dt.datetime.combine(day, dt.time(9, 30), NEW_YORK)
        for minute in range(count):
            price = 100 + minute / 100
            prices = {"open": price, "high": price + 0.05, "low": price - 0.05, "close": price + 0.01}
            row = {"symbol": "BRK.B", "timestamp": (opened + dt.timedelta(minutes=minute)).astimezone(dt.UTC), **prices}
            rows.append(row | {"volume": 10 * minute + 1, "count": minute + 1, "session_vwap": price})
        rows[-1] |= dict.fromkeys(("open", "high", "low", "close"), 0.0) | {"volume": 0, "count": 0}
    return rows


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("data")
    folder = root / "stock" / "ohlcv1m"
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(bars()[::-1]).drop_columns("symbol")
    stamps = table["timestamp"].cast(pa.timestamp("ns", "UTC"))
    pq.write_table(table.set_column(0, "timestamp", stamps), folder / "brk.b.parquet", row_group_size=100)
    (folder / "bad.csv").write_text("timestamp,open\n2024-07-02T09:30:00,1\n")
    settings = Settings(
        data_provider="files",
        files_dir=root,
        theta_url=NOWHERE,
        state_dir=tmp_path_factory.mktemp("files"),
        **web_ports(),
    )
    with LocalPlatform(settings) as local, httpx.Client(base_url=local.endpoints.web, trust_env=False) as http:
        found = local.endpoints
        yield Platform(local, cast(Simulator, None), http, found.kafka, found.registry)


def test_rows_of_a_parquet_file_are_published_as_they_are(files: Platform) -> None:
    done = files.run(tickers=["BRK.B"], **ASKED)

    topic = done["series"][0]["topic"]
    expected = [row for row in bars() if row["count"]]
    assert topic.startswith("stock-brk.b-ohlcv1m-historical-")
    assert files.rows(topic) == expected
    (receipt,) = done["receipts"]
    assert receipt["provider"] == "files"
    assert (receipt["rows"], receipt["empty_bars"]) == (len(expected), 3)
    assert (receipt["first"], receipt["last"]) == ("2024-07-02T13:30:00Z", "2024-07-05T19:59:00Z")
    assert [(one["date"], one["rows"], one["status"]) for one in receipt["sessions"]] == [
        ("2024-07-01", 0, "no_data"),
        ("2024-07-02", 390, "complete"),
        ("2024-07-03", 210, "early_close"),
        ("2024-07-04", 0, "holiday"),
        ("2024-07-05", 390, "complete"),
    ]


def test_the_same_file_gives_the_same_digest(files: Platform) -> None:
    first, second = (files.run(tickers=["BRK.B"], **ASKED)["receipts"][0]["sha256"] for _ in range(2))

    assert first == second


def test_what_is_not_there_or_wrong_fails_with_the_path_and_the_rest_goes_on(files: Platform) -> None:
    done = files.finished(files.ask(tickers=["AAPL", "BRK.B", "BAD"], **ASKED))

    assert done["state"] == "partial"
    assert [one["state"] for one in done["series"]] == ["failed", "complete", "failed"]
    missing, _, wrong = done["series"]
    assert "stock/ohlcv1m/aapl.parquet" in missing["reason"]
    assert "bad.csv: column high is missing: add it" in wrong["reason"]


def test_the_probes_tell_of_the_folder(files: Platform) -> None:
    ready = files.http.get("/health/ready")

    assert (ready.status_code, ready.json()["terminal"]) == (200, "CONNECTED")


@pytest.mark.parametrize("folder", ["", "/nowhere/at/all"])
def test_a_start_without_the_folder_ends_with_one_line(folder: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DATA_PROVIDER": "files", "FILES_DIR": folder, "STATE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "app", "worker", "--role", "history"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: FILES_DIR: ")
    assert folder in line
