"""What the terminal does wrong: the result is exact, or the series says why not."""

from __future__ import annotations

from typing import Any

import pytest
from harness import THETA_WAIT, Platform

pytestmark = pytest.mark.integration

DAY = {"start": "2024-07-01", "end": "2024-07-03", "interval": "5s"}


def faulty(platform: Platform, symbol: str, fault: dict[str, Any], **when: Any) -> None:
    platform.simulator.set_faults([{"match": {"symbol": symbol}, "fault": fault, **when}])


def run(platform: Platform, symbol: str) -> dict[str, Any]:
    return platform.finished(platform.ask(tickers=[symbol], **DAY))


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429},
        {"status": 470},
        {"status": 474},
        {"status": 475},
        {"status": 571},
        {"status": 572},
        {"kind": "cut", "after_bytes": 5_000},
        {"kind": "drop"},
        {"kind": "text200", "body": "No data, sorry"},
        {"kind": "missing_column", "column": "low"},
        {"kind": "out_of_range"},
        {"kind": "backwards"},
    ],
    ids=lambda fault: str(fault.get("kind", fault.get("status"))),
)
def test_a_passing_fault_changes_nothing_in_the_rows(platform: Platform, fault: dict[str, Any]) -> None:
    faulty(platform, "XOM", fault, nth=[1, 3])
    done = run(platform, "XOM")
    assert done["state"] == "complete", done
    platform.simulator.set_faults([])
    clean = platform.run(tickers=["XOM"], **DAY)
    assert done["receipts"][0]["sha256"] == clean["receipts"][0]["sha256"]
    assert len(platform.messages(done["series"][0]["topic"])) == done["series"][0]["rows"] > 10_000


@pytest.mark.parametrize(
    "fault", [{"kind": "extra_column", "column": "mood"}, {"kind": "shuffled_columns"}], ids=lambda fault: fault["kind"]
)
def test_other_columns_and_another_order_are_fine(platform: Platform, fault: dict[str, Any]) -> None:
    faulty(platform, "JPM", fault)
    done = run(platform, "JPM")
    platform.simulator.set_faults([])
    assert done["receipts"][0]["sha256"] == platform.run(tickers=["JPM"], **DAY)["receipts"][0]["sha256"]


@pytest.mark.parametrize("status", [400, 403, 404, 410, 471, 473, 476, 478])
def test_a_refusal_fails_the_series_with_the_vendors_words(platform: Platform, status: int) -> None:
    faulty(platform, "DIS", {"status": status, "body": "the vendor's own words"}, nth=2)
    done = run(platform, "DIS")
    assert done["state"] == "failed"
    (series,) = done["series"]
    assert str(status) in series["reason"]
    assert "the vendor's own words" in series["reason"]
    assert "/v3/stock/history/ohlc?symbol=DIS" in series["reason"]
    assert done["receipts"] == []


@pytest.mark.parametrize("fault", [{"status": 470}, {"kind": "text200", "body": "oops"}], ids=["470", "text200"])
def test_a_fault_that_stays_fails_the_series_after_four_tries(platform: Platform, fault: dict[str, Any]) -> None:
    faulty(platform, "WMT", fault)
    platform.simulator.reset()
    done = platform.finished(platform.ask(tickers=["WMT"], start="2024-07-01", end="2024-07-01"))
    assert done["state"] == "failed"
    asked = [one for one in platform.simulator.stats()["recent"] if "symbol=WMT" in one["query"]]
    assert len(asked) == 4


def test_a_terminal_that_is_away_for_a_moment_is_waited_for(platform: Platform) -> None:
    faulty(platform, "PFE", {"status": 474, "body": "disconnected"}, times=3)
    assert run(platform, "PFE")["state"] == "complete"


def test_a_terminal_that_stays_away_fails_the_series_with_the_reason(platform: Platform) -> None:
    faulty(platform, "CVX", {"status": 571, "body": "server starting"})
    done = run(platform, "CVX")
    assert done["state"] == "failed"
    assert "571: server starting" in done["series"][0]["reason"]
    assert THETA_WAIT < 600


def test_the_failure_of_one_series_leaves_the_others_alone(platform: Platform) -> None:
    faulty(platform, "BAD", {"status": 403, "body": "no"})
    done = platform.finished(platform.ask(tickers=["GE", "BAD", "KO"], **DAY))
    assert done["state"] == "partial"
    assert [one["state"] for one in done["series"]] == ["complete", "failed", "complete"]
    assert len(done["receipts"]) == 2


# --- too much at once ---------------------------------------------------------------------------------------

MONTH = {"start": "2024-03-01", "end": "2024-03-28"}
CHAIN = {"root": "QUIET", "start": "2024-03-07", "end": "2024-03-12", "schema": "quote", "interval": "5m"}


def test_a_range_that_is_too_much_at_once_is_asked_for_in_parts(platform: Platform) -> None:
    faulty(platform, "VZ", {"status": 570, "body": "too large"}, times=3)
    done = platform.finished(platform.ask(tickers=["VZ"], **MONTH))
    assert done["state"] == "complete", done
    assert done["progress"]["chunks_total"] > 1
    platform.simulator.set_faults([])
    clean = platform.run(tickers=["VZ"], **MONTH)
    assert clean["progress"]["chunks_total"] == 1
    assert done["receipts"][0]["sha256"] == clean["receipts"][0]["sha256"]
    assert done["receipts"][0]["sessions"] == clean["receipts"][0]["sessions"]


def test_a_chain_that_is_too_much_at_once_is_asked_for_in_parts(platform: Platform) -> None:
    rule = {"match": {"path": "/history/"}, "fault": {"status": 570, "body": "too large"}, "nth": [1, 2, 4, 5]}
    platform.simulator.set_faults([rule])
    done = platform.finished(platform.ask("option", **CHAIN))
    assert done["state"] == "complete", done
    platform.simulator.set_faults([])
    clean = platform.run("option", **CHAIN)
    assert done["progress"]["chunks_total"] > clean["progress"]["chunks_total"]
    assert done["receipts"][0]["sha256"] == clean["receipts"][0]["sha256"]


def test_what_stays_too_much_fails_with_what_to_do(platform: Platform) -> None:
    faulty(platform, "T", {"status": 570, "body": "too large"})
    day = {"start": "2024-07-01", "end": "2024-07-01", "interval": "1h"}
    done = platform.finished(platform.ask(tickers=["T"], **day))
    assert done["state"] == "failed"
    assert "570: too large" in done["series"][0]["reason"]
    assert "cannot be split further" in done["series"][0]["reason"]


# --- anything, anywhere -------------------------------------------------------------------------------------

ANY = [
    {"status": 429},
    {"status": 470},
    {"status": 474},
    {"status": 475},
    {"status": 570},
    {"status": 571},
    {"status": 572},
    {"kind": "cut", "after_bytes": 3_000},
    {"kind": "drop"},
    {"kind": "text200", "body": "No data, sorry"},
    {"kind": "missing_column", "column": "bid"},
    {"kind": "extra_column", "column": "mood"},
    {"kind": "shuffled_columns"},
    {"kind": "out_of_range"},
    {"kind": "backwards"},
]


@pytest.mark.parametrize("fault", ANY, ids=lambda fault: str(fault.get("kind", fault.get("status"))))
def test_faults_at_random_requests_of_a_chain_leave_it_exact_or_say_why_not(
    platform: Platform, fault: dict[str, Any]
) -> None:
    platform.simulator.set_faults([{"match": {"symbol": "QUIET"}, "fault": fault, "probability": 0.4}])
    done = platform.finished(platform.ask("option", **CHAIN))
    platform.simulator.set_faults([])
    if done["state"] == "complete":
        clean = platform.run("option", **CHAIN)
        assert done["receipts"][0]["sha256"] == clean["receipts"][0]["sha256"]
        assert done["receipts"][0]["sessions"] == clean["receipts"][0]["sessions"]
    else:
        assert done["state"] == "failed"
        assert "symbol=QUIET" in done["series"][0]["reason"]


def test_a_days_bars_are_never_cut_so_that_filled_ones_stay_true(platform: Platform) -> None:
    faulty(platform, "QUIET", {"status": 570, "body": "too large"})
    day = {"tickers": ["QUIET"], "start": "2024-07-01", "end": "2024-07-01", "interval": "1s", "empty_bars": "fill"}
    done = platform.finished(platform.ask(**day))
    assert done["state"] == "failed"
    platform.simulator.set_faults([])
    clean = platform.run(**day)
    assert "missing" not in clean["receipts"][0]["sessions"][0]
