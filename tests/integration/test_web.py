"""The coordinator over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from harness import Platform

pytestmark = pytest.mark.integration

GOOD: dict[str, Any] = {"tickers": ["KO"], "start": "2024-07-02", "end": "2024-07-02", "interval": "1h"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tickers": ["AA PL"]}, "tickers[0]"),
        ({"tickers": ["AAPL", "MS_FT"]}, "tickers[1]"),
        ({"tickers": []}, "tickers"),
        ({"end": "2024-07-01"}, "end"),
        ({"end": "2999-01-04"}, "end"),
        ({"start": "2024-02-30"}, "start"),
        ({"start": None}, "start"),
        ({"schema": "bars"}, "schema"),
        ({"interval": "2m"}, "interval"),
        ({"interval": "tick"}, "interval"),
        ({"backtest_id": "my test"}, "backtest_id"),
        ({"backtest_id": "my_test"}, "backtest_id"),
        ({"backtest_id": "x" * 65}, "backtest_id"),
        ({"start_time": "9:30"}, "start_time"),
        ({"empty_bars": "keep"}, "empty_bars"),
        ({"retain_days": 0}, "retain_days"),
        ({"adjust": "splits"}, "adjust"),
    ],
)
def test_input_that_is_wrong_is_a_422_that_names_the_field(
    platform: Platform, change: dict[str, Any], field: str
) -> None:
    response = platform.http.post("/historical/stock", json={"backtest_id": "wrong", **GOOD, **change})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == 422
    assert set(body) == {"type", "title", "status", "detail", "errors"}
    assert field in [error["field"] for error in body["errors"]]
    assert field in body["detail"]
    assert platform.http.get("/backtests/wrong").status_code == 404


@pytest.mark.parametrize("body", [b"", b"hello", b'{"backtest_id": ', b"\xff\xfe"])
def test_a_body_that_is_no_json_is_a_400(platform: Platform, body: bytes) -> None:
    response = platform.http.post("/historical/stock", content=body)
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("body", [b"[]", b"3", b'"x"', b"null"])
def test_json_that_is_no_object_is_a_422(platform: Platform, body: bytes) -> None:
    assert platform.http.post("/historical/stock", content=body).status_code == 422


def test_a_body_of_two_megabytes_is_a_413(platform: Platform) -> None:
    body = b'{"backtest_id": "' + b"x" * 2_000_000 + b'"}'
    response = platform.http.post("/historical/stock", content=body)
    assert (response.status_code, response.headers["content-type"]) == (413, "application/problem+json")
    assert platform.http.get("/health/live").status_code == 200


def test_paths_and_methods_that_do_not_exist_are_problems_too(platform: Platform) -> None:
    for response in (platform.http.get("/nothing"), platform.http.get("/backtests/nothing")):
        assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    response = platform.http.put("/historical/stock", json={})
    assert (response.status_code, response.headers["content-type"]) == (405, "application/problem+json")
    assert "POST" in response.headers["allow"]


def test_the_same_request_again_is_no_second_run_and_another_one_is_a_conflict(platform: Platform) -> None:
    done = platform.run(**GOOD)
    again = platform.http.post("/historical/stock", json={"backtest_id": done["backtest_id"], **GOOD})
    assert (again.status_code, again.headers["location"]) == (202, f"/backtests/{done['backtest_id']}")
    assert again.json()["state"] == "complete"
    spelled_out = {**GOOD, "tickers": ["ko"], "schema": "ohlcv", "empty_bars": "drop", "retain_days": 5}
    same = platform.http.post("/historical/stock", json={"backtest_id": done["backtest_id"], **spelled_out})
    assert same.status_code == 202
    other = platform.http.post("/historical/stock", json={"backtest_id": done["backtest_id"], **GOOD, "interval": "1m"})
    assert (other.status_code, other.headers["content-type"]) == (409, "application/problem+json")
    after = platform.http.get(f"/backtests/{done['backtest_id']}").json()
    assert after["receipts"] == done["receipts"]


def test_of_two_requests_at_once_under_one_id_one_wins(platform: Platform) -> None:
    for _ in range(5):
        name = platform.new_id("race")
        bodies = [{"backtest_id": name, **GOOD, "interval": interval} for interval in ("1h", "30m", "15m")]
        with ThreadPoolExecutor(3) as pool:
            responses = list(pool.map(lambda body: platform.http.post("/historical/stock", json=body), bodies))
        assert sorted(response.status_code for response in responses) == [202, 409, 409]
        assert platform.finished(name)["state"] == "complete"


def test_a_ticker_alone_is_a_list_of_one(platform: Platform) -> None:
    body = {name: value for name, value in GOOD.items() if name != "tickers"}
    done = platform.run(ticker="ko", **body)
    assert [one["topic"] for one in done["series"]] == [f"stock-ko-ohlcv1h-historical-{done['backtest_id']}"]


def test_the_coordinators_own_form_mixes_schemas(platform: Platform) -> None:
    name = platform.new_id()
    series = [
        {"asset": "stock", "tickers": ["KO", "GE"], "schema": "ohlcv", "interval": "1h"},
        {"asset": "stock", "tickers": ["KO"], "schema": "eod"},
    ]
    body = {"backtest_id": name, "start": "2024-07-01", "end": "2024-07-03", "series": series}
    assert platform.http.post("/backtests", json=body).status_code == 202
    done = platform.finished(name)
    assert [one["topic"].split("-historical-")[0] for one in done["series"]] == [
        "stock-ko-ohlcv1h",
        "stock-ge-ohlcv1h",
        "stock-ko-eod",
    ]
    assert done["progress"]["rows"] == sum(one["rows"] for one in done["series"]) > 0
    assert done["progress"]["chunks_done"] == done["progress"]["chunks_total"] == 3
    twice = {**body, "backtest_id": "twice", "series": series + series[:1]}
    response = platform.http.post("/backtests", json=twice)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "series[2]"


def test_the_list_of_backtests_has_the_latest_first(platform: Platform) -> None:
    first, second = platform.run(**GOOD)["backtest_id"], platform.run(**GOOD)["backtest_id"]
    listed = [one["backtest_id"] for one in platform.http.get("/backtests").json()]
    assert listed.index(second) < listed.index(first)


def test_probes_and_metrics_of_both_roles(platform: Platform) -> None:
    history = f"http://127.0.0.1:{platform.local.settings.history_web_port}"
    for base, role in (("", "coordinator"), (history, "history")):
        assert platform.http.get(f"{base}/health/live").json() == {"status": "live", "role": role}
        ready = platform.http.get(f"{base}/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        assert ready.json()["terminal"] == "CONNECTED"
        metrics = platform.http.get(f"{base}/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        assert "process_resident_memory_bytes" in metrics.text


def test_the_schemas_are_those_of_the_registry(platform: Platform) -> None:
    for name, schema in platform.http.get("/schemas").json().items():
        latest = platform.http.get(f"{platform.registry}/subjects/{name}/versions/latest").json()
        assert _json(latest["schema"]) == schema


def _json(text: str) -> Any:
    import json

    return json.loads(text)
