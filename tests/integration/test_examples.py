"""Every program in ``examples/`` is run as its reader would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Platform, free_port
from live import market

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[2] / "examples"
#: What each says when it has done what it is for.
SAID = {
    "arrow_batches.py": "trades of",
    "asynchronous.py": "'NVDA': ",
    "cancel_and_retry.py": "complete",
    "consume.py": "stock-msft-ohlcv1m-historical-example-bars {'symbol': 'MSFT'",
    "events.py": "complete",
    "live.py": "live, ",
    "options_chain.py": "CALL",
    "plan.py": "252 requests",
    "save_parquet.py": "stock-msft-ohlcv1m-historical-example-files.parquet",
    "submit_and_wait.py": "stock-aapl-ohlcv1m-historical-example-bars",
    "to_pandas.py": "2024-03-08",
    "to_polars.py": "2024-03-05",
}


def run(platform: Platform, name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(EXAMPLES.parent),
            "FDP_URL": str(platform.http.base_url),
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_example_is_left_out() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAID)


@pytest.mark.parametrize("name", sorted(SAID.keys() - {"consume.py", "live.py", "save_parquet.py"}))
def test_an_example_does_what_it_says(platform: Platform, name: str) -> None:
    assert SAID[name] in run(platform, name)


def test_files_are_saved_where_they_should(platform: Platform, tmp_path: Path) -> None:
    assert SAID["save_parquet.py"] in run(platform, "save_parquet.py", str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 2


def test_topics_are_consumed(platform: Platform) -> None:
    topic = "stock-msft-ohlcv1m-historical-example-bars"
    run(platform, "submit_and_wait.py")
    assert SAID["consume.py"] in run(platform, "consume.py", platform.kafka, platform.registry, "an-example", topic)


def test_live_trades_are_consumed(platform: Platform) -> None:
    with market(platform, "2024-05-07T10:00:00", 5):
        assert SAID["live.py"] in run(platform, "live.py", platform.kafka, platform.registry, "3")


def test_a_consumer_without_brokers_ends_with_one_line() -> None:
    nobody = f"127.0.0.1:{free_port()}"
    arguments = [sys.executable, str(EXAMPLES / "consume.py"), nobody, "http://127.0.0.1:1", "group", "topic"]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert nobody in ended.stderr
