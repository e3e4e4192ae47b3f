"""Faults: each kind on the wire, and the rules by which they strike."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from simulator.faults import Faults, rules_from, rules_from_json
from simulator.server import Simulator

OHLC = "/v3/stock/history/ohlc"
EOD = "/v3/stock/history/eod"
HOURS = {"symbol": "AAPL", "date": "20240102", "interval": "1h"}


@pytest.fixture(scope="module")
def terminal() -> Iterator[Simulator]:
    with Simulator.in_thread() as running:
        yield running


def asked(
    terminal: Simulator, fault: dict[str, Any], query: dict[str, str] | None = None, **when: Any
) -> httpx.Response:
    terminal.set_faults([{"fault": fault, **when}])
    return httpx.get(terminal.url + OHLC, params=query or HOURS, timeout=10)


def rows(response: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(response.text.splitlines()))


@pytest.mark.parametrize("status", [429, 470, 474, 478, 500, 570, 571, 572])
def test_any_status_with_a_short_text(terminal: Simulator, status: int) -> None:
    response = asked(terminal, {"status": status})
    assert response.status_code == status
    assert response.headers["content-type"] == "text/plain"
    assert 0 < len(response.text) < 100


def test_a_status_with_a_text_of_one_s_own(terminal: Simulator) -> None:
    assert asked(terminal, {"status": 474, "body": "gone fishing"}).text == "gone fishing"


def test_an_error_in_plain_text_with_status_200(terminal: Simulator) -> None:
    response = asked(terminal, {"kind": "text200", "body": "Oops"})
    assert (response.status_code, response.headers["content-type"], response.text) == (200, "text/plain", "Oops")


@pytest.mark.parametrize("interval", ["1h", "1s"], ids=["with a length", "chunked"])
def test_a_cut_body_is_seen_as_incomplete(terminal: Simulator, interval: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        asked(terminal, {"kind": "cut", "after_bytes": 100}, HOURS | {"interval": interval})


def test_a_dropped_connection_gives_no_answer(terminal: Simulator) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        asked(terminal, {"kind": "drop"})


@pytest.mark.parametrize("after", [None, 50])
def test_a_stall_outlasts_an_impatient_client(terminal: Simulator, after: int | None) -> None:
    terminal.set_faults([{"fault": {"kind": "stall", "seconds": 600, "after_bytes": after}}])
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(terminal.url + OHLC, params=HOURS, timeout=0.2)


def test_a_short_stall_in_the_body_ends_with_the_whole_answer(terminal: Simulator) -> None:
    stalled = asked(terminal, {"kind": "stall", "seconds": 0.01, "after_bytes": 50})
    terminal.set_faults([])
    assert stalled.text == httpx.get(terminal.url + OHLC, params=HOURS).text


def test_a_missing_column(terminal: Simulator) -> None:
    assert "vwap" not in rows(asked(terminal, {"kind": "missing_column"}))[0]
    assert "close" not in rows(asked(terminal, {"kind": "missing_column", "column": "close"}))[0]


def test_an_extra_column_and_shuffled_columns(terminal: Simulator) -> None:
    whole = rows(asked(terminal, {"status": 500}, times=0))
    extra = rows(asked(terminal, {"kind": "extra_column", "column": "mood"}))
    assert [{k: v for k, v in row.items() if k != "mood"} for row in extra] == whole
    shuffled = rows(asked(terminal, {"kind": "shuffled_columns"}))
    assert list(shuffled[0]) != list(whole[0])
    assert shuffled == whole


def test_a_row_out_of_range_and_rows_backwards(terminal: Simulator) -> None:
    assert rows(asked(terminal, {"kind": "out_of_range"}))[0]["timestamp"] == "2023-12-26T09:30:00"
    stamps = [row["timestamp"] for row in rows(asked(terminal, {"kind": "backwards"}))]
    assert stamps == sorted(stamps, reverse=True)


def test_a_spoilt_day_is_not_kept(terminal: Simulator) -> None:
    asked(terminal, {"kind": "missing_column"})
    terminal.set_faults([])
    assert "vwap" in httpx.get(terminal.url + OHLC, params=HOURS).text


def test_a_slow_boot_refuses_data_and_reports_disconnected(terminal: Simulator) -> None:
    assert asked(terminal, {"kind": "slow_boot", "seconds": 600}).status_code == 571
    assert httpx.get(terminal.url + "/v3/terminal/mdds/status").text == "DISCONNECTED"
    assert asked(terminal, {"kind": "slow_boot", "seconds": 0}).status_code == 200


def test_status_probes_do_not_use_up_a_rule_without_a_path(terminal: Simulator) -> None:
    terminal.set_faults([{"fault": {"status": 474}, "times": 1}])
    assert httpx.get(terminal.url + "/v3/terminal/mdds/status").status_code == 200
    assert httpx.get(terminal.url + OHLC, params=HOURS).status_code == 474


def test_a_status_probe_can_be_made_to_say_something_else(terminal: Simulator) -> None:
    terminal.set_faults([{"match": {"path": "mdds/status$"}, "fault": {"kind": "text200", "body": "UNVERIFIED"}}])
    assert httpx.get(terminal.url + "/v3/terminal/mdds/status").text == "UNVERIFIED"


def struck(rule: dict[str, Any], count: int = 10, seed: int = 1, **parameters: str) -> list[int]:
    faults = Faults(rules_from([{"fault": {"status": 500}, **rule}]), seed)
    return [n for n in range(1, count + 1) if faults.strike(OHLC, "symbol=AAPL", {"symbol": "AAPL", **parameters})]


def test_when_a_rule_strikes() -> None:
    assert struck({"nth": 3}) == [3]
    assert struck({"nth": [1, 4]}) == [1, 4]
    assert struck({"times": 2}) == [1, 2]
    assert struck({"after": 3, "times": 2}) == [4, 5]


def test_probability_is_a_matter_of_the_seed() -> None:
    some = struck({"probability": 0.3}, 1000)
    assert 200 < len(some) < 400
    assert some == struck({"probability": 0.3}, 1000)
    assert some != struck({"probability": 0.3}, 1000, seed=2)


def test_which_requests_a_rule_is_about() -> None:
    assert struck({"match": {"symbol": "AAPL", "path": "ohlc$", "query": "symbol="}}, 1) == [1]
    assert struck({"match": {"symbol": "KO"}}) == struck({"match": {"path": "eod"}}) == []
    covering = {"start_date": "20240101", "end_date": "2024-01-31"}
    for date in ("2024-01-31", "20240115"):
        assert struck({"match": {"date": date}}, 1, **covering) == [1]
    assert struck({"match": {"date": "2024-02-01"}}, **covering) == []
    assert struck({"match": {"date": "2024-01-02"}}, 1, date="20240102") == [1]
    assert struck({"match": {"date": "2024-01-02"}}, date="20240103", **covering) == []


@pytest.mark.parametrize(
    "rule", ["{}", '[{"fault": {}}]', '[{"fault": {"kind": "cut"}}]', '[{"fault": {"status": 474}, "nht": 1}]', "[{]"]
)
def test_a_wrong_rule_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        rules_from_json(rule)


def test_faults_and_statistics_over_http(terminal: Simulator) -> None:
    terminal.reset()
    rule = [{"match": {"symbol": "AAPL"}, "fault": {"status": 474}, "nth": 2}]
    assert httpx.post(terminal.url + "/sim/faults", json=rule).status_code == 200
    assert [httpx.get(terminal.url + OHLC, params=HOURS).status_code for _ in range(3)] == [200, 474, 200]
    stats = httpx.get(terminal.url + "/sim/stats").json()
    assert stats["by_status"] == {"200": 2, "474": 1}
    assert (stats["requests"], stats["in_flight"], stats["max_running"]) == (3, 0, 1)
    assert [entry["fault"] for entry in stats["recent"]] == [None, "status", None]
    assert stats["recent"][0]["query"] == "symbol=AAPL&date=20240102&interval=1h"
    assert stats["recent"][0]["began"] <= stats["recent"][0]["ended"] <= time.time()
    assert stats["faults"][0]["struck"] == 1
    assert httpx.post(terminal.url + "/sim/faults", content=b"nonsense").status_code == 400
    assert httpx.get(terminal.url + "/sim/faults").json()["faults"][0]["matched"] == 3
    assert httpx.post(terminal.url + "/sim/reset").status_code == 200
    assert terminal.stats()["requests"] == 0
    assert httpx.get(terminal.url + "/sim/nothing").status_code == 404
