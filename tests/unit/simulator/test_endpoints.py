"""Each endpoint's answers and refusals, over HTTP."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable
from importlib import resources

import httpx
import pytest

from simulator.server import Simulator
from tests.unit.simulator.conftest import NOW

Get = Callable[..., httpx.Response]
OHLC = "/v3/stock/history/ohlc"
EOD = "/v3/stock/history/eod"


def refused(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "text/plain"
    return response.status_code, response.text


def test_recorded_end_of_day_rows_are_answered_byte_for_byte(get: Get) -> None:
    recorded = resources.files("simulator.captures").joinpath("stock_history_eod_AAPL_2024-01-02.csv").read_text()
    response = get(EOD, symbol="AAPL", start_date="20240101", end_date="2024-01-05")
    assert response.text.splitlines() == recorded.splitlines()


def test_end_of_day_has_a_row_for_every_session(get: Get) -> None:
    rows = list(csv.DictReader(get(EOD, symbol="KO", start_date="20240101", end_date="20240110").text.splitlines()))
    assert [row["created"][:10] for row in rows] == [f"2024-01-{day:02d}" for day in (2, 3, 4, 5, 8, 9, 10)]
    for row in rows:
        assert row["last_trade"] < row["created"]
        assert "17:15" <= row["created"][11:16] <= "17:20"
        assert float(row["low"]) <= float(row["open"]) <= float(row["high"])
        assert float(row["bid"]) < float(row["close"]) < float(row["ask"])


def test_content_types_have_no_charset_and_the_server_is_jetty(get: Get) -> None:
    types = {"csv": "text/csv", "json": "application/json", "ndjson": "application/x-ndjson", "html": "text/html"}
    for name, content_type in types.items():
        response = get(OHLC, symbol="AAPL", date="20240102", interval="1h", format=name)
        assert response.headers["content-type"] == content_type
        assert response.headers["server"] == "Jetty(12.0.14)"


def test_small_bodies_have_a_length_and_large_ones_are_chunked(get: Get) -> None:
    small = get(OHLC, symbol="AAPL", date="20240102", interval="1h").headers
    assert "content-length" in small
    large = get(OHLC, symbol="AAPL", date="20240102", interval="1s").headers
    assert large["transfer-encoding"] == "chunked"


def test_csv_is_the_default_format_and_a_second_the_default_interval(get: Get) -> None:
    lines = get(OHLC, symbol="AAPL", date="20240102").text.split("\r\n")
    assert lines[0] == "timestamp,open,high,low,close,volume,count,vwap"
    assert len(lines) == 1 + 23_401 + 1


def test_a_range_is_its_days_one_after_the_other(get: Get) -> None:
    whole = get(OHLC, symbol="AAPL", start_date="20240105", end_date="20240108", interval="1m").text
    days = [get(OHLC, symbol="AAPL", date=day, interval="1m").text for day in ("20240105", "20240108")]
    assert whole == days[0] + days[1].partition("\r\n")[2]


def test_date_overrides_the_range(get: Get) -> None:
    both = get(OHLC, symbol="AAPL", date="20240105", start_date="20240102", end_date="20240104", interval="1h")
    assert both.text == get(OHLC, symbol="AAPL", date="2024-01-05", interval="1h").text


def test_unknown_parameters_are_ignored(get: Get) -> None:
    plain = get(EOD, symbol="KO", start_date="20240102", end_date="20240103")
    assert get(EOD, symbol="KO", start_date="20240102", end_date="20240103", adjust="splits").text == plain.text


@pytest.mark.parametrize(
    "query",
    [
        {"symbol": "AAPL", "date": "20240106"},
        {"symbol": "AAPL", "date": "20240101"},
        {"symbol": "AAPL", "date": "20240802"},
        {"symbol": "AAPL", "date": "20991231"},
        {"symbol": "ZZTOP", "date": "20240102"},
        {"symbol": "NEWCO", "date": "20240109"},
        {"symbol": "GONECO", "date": "20240111"},
    ],
)
def test_nothing_to_tell_is_472(get: Get, query: dict[str, str]) -> None:
    response = get(OHLC, **query, interval="1m")
    assert refused(response) == (472, "No data found for your request")
    assert response.reason_phrase == "NO_DATA"


def test_listing_and_delisting_days_are_inclusive(get: Get) -> None:
    for symbol in ("NEWCO", "GONECO"):
        assert get(OHLC, symbol=symbol, date="20240110", interval="1h").status_code == 200


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"date": "20240102"}, "Missing required parameter: symbol"),
        ({"symbol": "", "date": "20240102"}, "Missing required parameter: symbol"),
        ({"symbol": "AAPL"}, "Missing required parameter: start_date"),
        ({"symbol": "AAPL", "start_date": "20240102"}, "Missing required parameter: end_date"),
        ({"symbol": "AAPL", "date": "20240102", "interval": "2m"}, "Invalid interval: 2m"),
        ({"symbol": "AAPL", "date": "20240102", "interval": "tick"}, "Invalid interval: tick"),
        ({"symbol": "AAPL", "date": "20240230"}, "Invalid date: 20240230"),
        ({"symbol": "AAPL", "date": "tomorrow"}, "Invalid date: tomorrow"),
        ({"symbol": "AAPL", "date": "20240102", "start_time": "9:30"}, "Invalid start_time: 9:30"),
        (
            {"symbol": "AAPL", "date": "20240102", "start_time": "12:00:00", "end_time": "11:00:00"},
            "Invalid time range",
        ),
        ({"symbol": "AAPL", "start_date": "20240103", "end_date": "20240102"}, "Invalid date range"),
        ({"symbol": "AAPL", "date": "20240102", "format": "xml"}, "Invalid format: xml"),
        ({"symbol": "AAPL", "date": "20240102", "venue": "moon"}, "Invalid venue: moon"),
        (
            {"symbol": "AAPL", "start_date": "20240102", "end_date": "20240103", "interval": "30s"},
            "Interval 30s is only",
        ),
        ({"symbol": "AAPL", "start_date": "20240115", "end_date": "20240216", "interval": "1m"}, "Too many days"),
    ],
)
def test_a_bad_request_is_400_and_says_why(get: Get, query: dict[str, str], said: str) -> None:
    status, text = refused(get(OHLC, **query))
    assert status == 400
    assert text.startswith(said)


@pytest.mark.parametrize(
    ("start", "end"), [("20240115", "20240215"), ("20240131", "20240229"), ("20231215", "20240115")]
)
def test_a_month_of_bars_is_allowed(get: Get, start: str, end: str) -> None:
    assert get(OHLC, symbol="KO", start_date=start, end_date=end, interval="1h").status_code == 200
    following = (dt.date.fromisoformat(end) + dt.timedelta(days=1)).isoformat()
    assert get(OHLC, symbol="KO", start_date=start, end_date=following, interval="1h").status_code == 400


def test_end_of_day_takes_365_days_and_not_366(get: Get) -> None:
    assert get(EOD, symbol="KO", start_date="20230101", end_date="20231231").status_code == 200
    assert refused(get(EOD, symbol="KO", start_date="20230101", end_date="20240101")) == (
        400,
        "Too many days between start and end date; max 365 days allowed",
    )


def test_v2_names_are_gone_in_the_recorded_words(get: Get) -> None:
    response = get("/v3/option/list/strikes", symbol="AAPL", exp="20250103")
    assert response.headers["content-length"] == "198"
    assert refused(response) == (
        410,
        "We have upgraded to API v3. Please use API v3 query parameters instead. \n"
        "Deprecated query parameters:\n"
        "\texp -> expiration\n"
        "Consult API v3 documentation for more information: https://docs.thetadata.us/",
    )
    assert "\troot -> symbol\n\tivl -> interval\n" in get(OHLC, root="AAPL", ivl="60000").text
    assert get("/v2/list/roots/stock").status_code == 410


def test_other_paths_are_404_and_other_methods_405(get: Get, simulator: Simulator) -> None:
    assert refused(get("/v3/stock/history/nothing"))[0] == 404
    assert httpx.post(simulator.url + OHLC).status_code == 405


def test_status_probes_answer_one_word(get: Get) -> None:
    response = get("/v3/terminal/mdds/status")
    assert (response.text, response.headers["content-length"]) == ("CONNECTED", "9")
    assert get("/v3/terminal/fpss/status").text == "DISCONNECTED"


def test_calendar(get: Get) -> None:
    assert get("/v3/calendar/today").text == "type,open,close\r\nopen,09:30:00,16:00:00\r\n"
    assert get("/v3/calendar/on_date", date="20241225").text == "type,open,close\r\nfull_close,,\r\n"
    assert get("/v3/calendar/on_date", date="2024-07-06").text == "type,open,close\r\nweekend,,\r\n"
    year = get("/v3/calendar/year_holidays", year="2024").text
    assert "2024-11-29,early_close,09:30:00,13:00:00\r\n" in year
    assert "2024-12-25,full_close,,\r\n" in year
    assert get("/v3/calendar/year_holidays", year="2026").status_code == 472
    assert get("/v3/calendar/year_holidays", year="soon").status_code == 400


def test_lists(get: Get) -> None:
    assert "BRK.B" in get("/v3/stock/list/symbols").text.split("\r\n")
    dates = get("/v3/stock/list/dates/trade", symbol="NEWCO").text.split("\r\n")
    assert dates[:3] == ["date", "2024-01-10", "2024-01-11"]
    assert dates[-2:] == ["2024-07-31", ""]
    assert get("/v3/stock/list/dates/quote", symbol="NEWCO,KO").text.split("\r\n")[1] == "2012-06-01"
    assert get("/v3/stock/list/dates/candle", symbol="KO").status_code == 400
    assert get("/v3/stock/list/dates/trade", symbol="ZZTOP").status_code == 472


def test_the_running_session_has_rows_up_to_now(get: Get) -> None:
    lines = get(OHLC, symbol="AAPL", date="20240801", interval="1m").text.split("\r\n")
    assert lines[-2].startswith("2024-08-01T12:00:00,")
    finished = lines[1:-2]
    with Simulator.in_thread(tier="pro", clock=lambda: NOW + dt.timedelta(days=1)) as later:
        whole = httpx.get(later.url + OHLC, params={"symbol": "AAPL", "date": "20240801", "interval": "1m"})
    assert whole.text.split("\r\n")[1 : 1 + len(finished)] == finished


def test_the_late_hours_of_today_have_not_happened_yet() -> None:
    query = {"symbol": "AAPL", "date": "20240801", "interval": "1h", "start_time": "16:00:01", "end_time": "20:00:00"}
    with Simulator.in_thread(tier="pro", clock=lambda: NOW + dt.timedelta(hours=5)) as evening:  # 17:00
        assert httpx.get(evening.url + OHLC, params=query).text.count("\r\n") == 2
    with Simulator.in_thread(tier="value", clock=lambda: NOW + dt.timedelta(hours=4)) as late_by_a_quarter:
        assert httpx.get(late_by_a_quarter.url + OHLC, params=query).status_code == 472


def test_end_of_day_of_the_current_day_is_refused_until_it_is_made(get: Get) -> None:
    query = {"symbol": "KO", "start_date": "20240731", "end_date": "20240801"}
    assert refused(get(EOD, **query)) == (400, "EOD is not available for the current day")
    with Simulator.in_thread(clock=lambda: NOW + dt.timedelta(hours=6)) as evening:
        assert httpx.get(evening.url + EOD, params=query).text.count("\r\n") == 3


def test_json_dialect_belongs_to_the_account() -> None:
    with Simulator.in_thread(json_dialect="legacy") as old:
        query = {"symbol": "AAPL", "start_date": "20240102", "end_date": "20240105", "interval": "1h", "format": "json"}
        columns = httpx.get(old.url + OHLC, params=query).json()
    assert {len(values) for values in columns.values()} == {28}


def test_a_tier_below_the_endpoint_is_403_in_the_vendor_s_words() -> None:
    with Simulator.in_thread(tier="free") as free:
        response = httpx.get(free.url + OHLC, params={"symbol": "AAPL", "date": "20240102"})
        assert httpx.get(free.url + "/v3/calendar/on_date", params={"date": "20240102"}).status_code == 403
        assert httpx.get(free.url + "/v3/calendar/today").status_code == 200
    assert refused(response) == (
        403,
        "Requesting a stock endpoint requiring a value subscription, but you only have a FREE subscription.",
    )


@pytest.mark.parametrize(
    ("tier", "first"), [("free", "20230601"), ("value", "20210101"), ("standard", "20160101"), ("pro", "20120601")]
)
def test_a_range_that_begins_before_the_first_access_date_fails_whole(tier: str, first: str) -> None:
    day = dt.date.fromisoformat(first)
    query = {"symbol": "KO", "start_date": day.isoformat(), "end_date": (day + dt.timedelta(days=9)).isoformat()}
    with Simulator.in_thread(tier=tier) as terminal:
        assert httpx.get(terminal.url + EOD, params=query).status_code == 200
        early = query | {"start_date": (day - dt.timedelta(days=1)).isoformat()}
        assert refused(httpx.get(terminal.url + EOD, params=early)) == (
            403,
            f"Invalid permissions for date. Your first access date is: {first}",
        )
