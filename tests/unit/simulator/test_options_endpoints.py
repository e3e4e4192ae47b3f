"""The option endpoints' answers and refusals, over HTTP."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Callable
from itertools import groupby

import httpx
import pytest

from simulator.options import OPTION_ROUTES
from simulator.server import Simulator
from tests.unit.simulator.conftest import NOW, golden

Get = Callable[..., httpx.Response]
Rows = list[dict[str, str]]
H = "/v3/option/history/"
L = "/v3/option/list/"
AAPL = {"symbol": "AAPL", "expiration": "20240112"}
DAY = {**AAPL, "date": "20240109"}


def rows(response: httpx.Response) -> Rows:
    assert response.status_code == 200, response.text
    return list(csv.DictReader(response.text.splitlines()))


def contract(row: dict[str, str]) -> tuple[str, ...]:
    return row["symbol"], row["expiration"], row["strike"], row["right"]


def moment(stamp: str) -> dt.datetime:
    return dt.datetime.fromisoformat(stamp)


def refused(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "text/plain"
    return response.status_code, response.text


SAMPLES = {
    **{name: {**DAY, "interval": "1h"} for name in ("ohlc", "quote")},
    **dict.fromkeys(("trade", "trade_quote", "open_interest"), DAY),
    **{name: {**AAPL, "start_date": "20240109", "end_date": "20240109"} for name in ("eod", "greeks/eod")},
    **{
        f"greeks/{name}": {**DAY, "interval": "1h"}
        for name in ("all", "first_order", "second_order", "third_order", "implied_volatility")
    },
}


@pytest.mark.parametrize("name", SAMPLES)
def test_columns_are_the_vendors(get: Get, name: str) -> None:
    example = golden(f"option__history__{name.replace('/', '__')}.example.csv")
    answer = get(H + name, **SAMPLES[name])
    assert answer.status_code == 200, answer.text
    assert answer.text.split("\r\n")[0] == example.split("\r\n")[0]
    assert len(answer.text.split("\r\n")) > 2


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("symbols", {}),
        ("expirations", {"symbol": "AAPL"}),
        ("strikes", AAPL),
        ("dates/quote", AAPL),
        ("contracts/trade", {"symbol": "AAPL", "date": "20240109"}),
    ],
)
def test_lists_have_the_vendors_columns(get: Get, path: str, parameters: dict[str, str]) -> None:
    name = path.replace("dates/quote", "dates__request_type").replace("contracts/trade", "contracts__request_type")
    answer = get(L + path, **parameters)
    assert answer.text.split("\r\n")[0] == golden(f"option__list__{name}.example.csv").split("\r\n")[0]


def test_there_are_all_routes_of_the_two_families() -> None:
    assert len(OPTION_ROUTES) == 5 + 12


def test_expirations_are_sorted_and_strikes_are_not(get: Get) -> None:
    dates = [row["expiration"] for row in rows(get(L + "expirations", symbol="AAPL"))]
    assert dates == sorted(dates)
    assert dates[0] == "2012-06-01"
    assert dates[-1] > "2025-06"
    strikes = [float(row["strike"]) for row in rows(get(L + "strikes", **AAPL))]
    assert len(strikes) == len(set(strikes)) > 20
    assert strikes != sorted(strikes)
    assert all(row["strike"].partition(".")[2] in ("000", "500") for row in rows(get(L + "strikes", **AAPL)))


def test_lists_take_several_symbols(get: Get) -> None:
    assert {row["symbol"] for row in rows(get(L + "expirations", symbol="KO,SPX"))} == {"KO", "SPX"}
    several = rows(get(L + "contracts/quote", symbol="KO,PG", date="20240109"))
    assert {row["symbol"] for row in several} == {"KO", "PG"}


def test_contracts_of_a_day_know_nothing_that_was_listed_later(get: Get) -> None:
    early = rows(get(L + "contracts/quote", symbol="NVDA", date="20240201"))
    late = rows(get(L + "contracts/quote", symbol="NVDA", date="20240501"))
    day = {row["strike"] for row in early if row["expiration"] == "2024-06-21"}
    after = {row["strike"] for row in late if row["expiration"] == "2024-06-21"}
    ever = {row["strike"] for row in rows(get(L + "strikes", symbol="NVDA", expiration="20240621"))}
    assert day < after <= ever
    assert min(row["expiration"] for row in early) >= "2024-02-01"


def test_listed_contracts_are_those_that_quote(get: Get) -> None:
    listed = {contract(row) for row in rows(get(L + "contracts/quote", symbol="KO", date="20240109"))}
    quoted = {
        contract(row) for row in rows(get(H + "quote", symbol="KO", expiration="*", date="20240109", interval="1h"))
    }
    assert listed == quoted
    traded = {contract(row) for row in rows(get(L + "contracts/trade", symbol="KO", date="20240109"))}
    assert traded == {contract(row) for row in rows(get(H + "trade", symbol="KO", expiration="*", date="20240109"))}


def test_dates_are_the_sessions_of_the_contracts_life(get: Get) -> None:
    dates = [row["date"] for row in rows(get(L + "dates/quote", **AAPL))]
    assert dates[-1] == "2024-01-12"
    assert all(date >= "2023-12-08" for date in dates)
    one = [row["date"] for row in rows(get(L + "dates/trade", **AAPL, strike="200", right="call"))]
    assert set(one) < set(dates)
    assert refused(get(L + "dates/trade", **AAPL, strike="250", right="call"))[0] == 472


def test_a_quote_grid_is_the_last_tick_at_or_before_each_stamp(get: Get) -> None:
    one = {**DAY, "strike": "185", "right": "call"}
    ticks, grid = (rows(get(H + "quote", **one, interval=interval)) for interval in ("tick", "1m"))
    assert len(grid) == 391
    assert grid[0]["timestamp"] == "2024-01-09T09:30:00"
    assert (grid[0]["bid"], grid[0]["ask"], grid[0]["ask_size"], grid[0]["ask_exchange"]) == ("0.00", "0.00", "0", "42")
    last = 0
    for row in grid[1:]:
        while last + 1 < len(ticks) and moment(ticks[last + 1]["timestamp"]) <= moment(row["timestamp"]):
            last += 1
        assert {**ticks[last], "timestamp": ""} == {**row, "timestamp": ""}


@pytest.mark.parametrize("name", ["quote", "trade", "trade_quote", "ohlc"])
def test_windows_that_meet_join_to_the_whole(get: Get, name: str) -> None:
    asked = {**DAY, "strike_range": "2"} | ({"interval": "1m"} if name in ("ohlc", "quote") else {})
    whole = rows(get(H + name, **asked))
    cuts = (("09:30:00", "10:29:59.999"), ("10:30:00", "12:59:59.999"), ("13:00:00", "16:00:00"))
    parts = [row for start, end in cuts for row in rows(get(H + name, **asked, start_time=start, end_time=end))]
    joined = [row for _, group in groupby(sorted(parts, key=contract), key=contract) for row in group]
    assert joined == sorted(whole, key=contract)


def test_ticks_of_windows_join_too(get: Get) -> None:
    one = {**DAY, "strike": "185", "right": "put", "interval": "tick"}
    parts = [
        rows(get(H + "quote", **one, start_time=start, end_time=end))
        for start, end in (("09:30:00", "11:00:00"), ("11:00:00.001", "16:00:00"))
    ]
    assert parts[0] + parts[1] == rows(get(H + "quote", **one))


def test_bars_are_their_trades(get: Get) -> None:
    one = {**DAY, "strike": "185", "right": "call"}
    trades, minutes = rows(get(H + "trade", **one)), rows(get(H + "ohlc", **one, interval="1m"))
    assert len(trades) > 10
    for bar in minutes:
        inside = [row for row in trades if row["timestamp"][:16] == bar["timestamp"][:16]]
        making = [float(row["price"]) for row in inside if row["condition"] != "124"]
        assert int(bar["volume"]) == sum(int(row["size"]) for row in inside)
        assert float(bar["high"]) == max(making, default=0)
        assert float(bar["close"]) == (making[-1] if making else 0)


def test_a_bar_stamped_at_the_end_holds_only_that_moment(get: Get) -> None:
    one = {**DAY, "strike": "185", "interval": "1h", "end_time": "10:30:00"}
    last = [row for row in rows(get(H + "ohlc", **one)) if row["timestamp"].endswith("10:30:00")]
    assert last
    assert all(row["volume"] == "0" for row in last)


def test_filters_are_those_a_client_would_apply(get: Get) -> None:
    every = {"symbol": "AAPL", "expiration": "*", "date": "20240109", "interval": "1h"}
    whole = rows(get(H + "quote", **every))
    near = rows(get(H + "quote", **every, max_dte=3))
    assert near == [row for row in whole if row["expiration"] <= "2024-01-12"]
    assert rows(get(H + "quote", **every, right="P")) == [row for row in whole if row["right"] == "PUT"]
    assert rows(get(H + "quote", **every, right="call")) == [row for row in whole if row["right"] == "CALL"]
    assert rows(get(H + "quote", **every, strike="185.00")) == [row for row in whole if row["strike"] == "185.000"]
    opened = float(rows(get("/v3/stock/history/ohlc", symbol="AAPL", date="20240109", interval="1h"))[0]["open"])
    for expiration, group in groupby(whole, key=lambda row: row["expiration"]):
        listed = list(group)
        strikes = sorted({float(row["strike"]) for row in listed})
        nearest = min(range(len(strikes)), key=lambda i: abs(strikes[i] - opened))
        kept = strikes[max(nearest - 3, 0) : nearest + 4]
        got = rows(get(H + "quote", **{**every, "expiration": expiration}, strike_range=3))
        assert got == [row for row in listed if float(row["strike"]) in kept]


def test_a_parameter_that_is_not_declared_is_ignored(get: Get) -> None:
    every = {"symbol": "KO", "expiration": "*", "date": "20240109", "interval": "1h"}
    assert get(H + "ohlc", **every, max_dte=0).text == get(H + "ohlc", **every).text


def test_a_range_goes_contract_after_contract(get: Get) -> None:
    asked = {**AAPL, "strike_range": "2", "interval": "1h"}
    whole = rows(get(H + "quote", **asked, start_date="20240108", end_date="20240110"))
    order = [name for name, _ in groupby(whole, key=contract)]
    assert len(order) == len(set(order))
    for _, group in groupby(whole, key=contract):
        stamps = [row["timestamp"] for row in group]
        assert stamps == sorted(stamps)
    days = [row for day in (8, 9, 10) for row in rows(get(H + "quote", **asked, date=f"202401{day:02d}"))]
    key = lambda row: (contract(row), row["timestamp"])  # noqa: E731
    assert sorted(whole, key=key) == sorted(days, key=key)


def test_a_trade_is_paired_with_the_quote_before_it(get: Get) -> None:
    one = {"symbol": "SPXW", "expiration": "20240109", "date": "20240109", "strike_range": "5"}
    before, at = (rows(get(H + "trade_quote", **one, exclusive=flag)) for flag in ("true", "false"))
    assert before == rows(get(H + "trade_quote", **one))
    assert all(moment(row["quote_timestamp"]) < moment(row["trade_timestamp"]) for row in before)
    assert all(float(row["bid"]) <= float(row["price"]) <= float(row["ask"]) for row in before)
    assert any(row["quote_timestamp"] == row["trade_timestamp"] for row in at)
    trades = rows(get(H + "trade", **one))
    assert [row["sequence"] for row in trades] == [row["sequence"] for row in before]
    assert {row[f"ext_condition{n}"] for row in trades for n in (1, 2, 3, 4)} == {"255"}


def test_end_of_day_has_every_listed_contract_also_those_that_did_not_trade(get: Get) -> None:
    found = rows(get(H + "eod", symbol="KO", expiration="*", start_date="20240109", end_date="20240109"))
    assert [contract(row) for row in found] == [
        contract(row) for row in rows(get(L + "contracts/quote", symbol="KO", date="20240109"))
    ]
    silent = [row for row in found if row["count"] == "0"]
    assert silent
    for row in found:
        assert "2024-01-09T17:15" <= row["created"] <= "2024-01-09T17:20"
        assert float(row["ask"]) > 0
    assert {row["close"] for row in silent} == {"0.00"}


def test_end_of_day_is_the_day_of_the_trades(get: Get) -> None:
    asked = {**AAPL, "strike": "185", "right": "call"}
    trades = rows(get(H + "trade", **asked, date="20240109"))
    [row] = rows(get(H + "eod", **asked, start_date="20240109", end_date="20240109"))
    assert int(row["volume"]) == sum(int(trade["size"]) for trade in trades)
    assert row["last_trade"] == trades[-1]["timestamp"]
    last = rows(get(H + "quote", **asked, date="20240109", interval="1m"))[-1]
    assert (row["bid"], row["ask"]) == (last["bid"], last["ask"])


def test_all_expirations_over_many_days_are_for_the_daily_rows_only(get: Get) -> None:
    months = {"symbol": "QUIET", "expiration": "*", "start_date": "20240603", "end_date": "20240731"}
    for name in ("eod", "open_interest"):
        found = rows(get(H + name, **months, strike_range=1))
        assert len({row["expiration"] for row in found}) > 10
    text = "When expiration=*, you must request data a day-at-a-time"
    assert refused(get(H + "greeks/eod", **months)) == (400, text)
    assert refused(get(H + "quote", **{**months, "start_date": "20240730"}, interval="1m")) == (400, text)


def test_open_interest_is_told_in_the_morning_and_only_where_there_is_some(get: Get) -> None:
    found = rows(get(H + "open_interest", **DAY))
    assert all(row["timestamp"].startswith("2024-01-09T06:30:0") for row in found)
    assert all(int(row["open_interest"]) > 0 for row in found)
    assert len(found) < len(rows(get(H + "eod", **AAPL, start_date="20240109", end_date="20240109")))


def test_greeks_before_the_first_quote_have_an_error_of_a_hundred(get: Get) -> None:
    found = rows(get(H + "greeks/all", **DAY, interval="5m"))
    first = [row for row in found if row["timestamp"].endswith("09:30:00")]
    assert {(row["implied_vol"], row["iv_error"], row["delta"]) for row in first} == {("0.2500", "100.0000", "0.0000")}
    assert {(row["bid"], row["ask"]) for row in first} == {("", ""), ("0.00", "0.00")}
    calls = sorted(
        (float(r["strike"]), float(r["delta"])) for r in found if r["right"] == "CALL" and "12:00:00" in r["timestamp"]
    )
    deltas = [delta for _, delta in calls]
    assert deltas == sorted(deltas, reverse=True)
    assert deltas[0] > 0.99
    assert deltas[-1] < 0.01


def test_an_empty_price_is_null_in_json(get: Get) -> None:
    lines = get(H + "greeks/first_order", **DAY, interval="1h", format="ndjson").text.splitlines()
    first = [json.loads(line) for line in lines if "09:30:00" in line]
    assert {row["bid"] for row in first} == {None, 0.0}


def test_half_days_have_the_whole_grid(get: Get) -> None:
    asked = {"symbol": "AAPL", "expiration": "20231124", "date": "20231124", "strike_range": "1", "interval": "1m"}
    bars, quotes = rows(get(H + "ohlc", **asked)), rows(get(H + "quote", **asked))
    assert len(bars) == len(quotes) == 6 * 391
    assert all(row["volume"] == "0" for row in bars if row["timestamp"] > "2023-11-24T13:15:00")
    assert any(row["volume"] != "0" for row in bars if row["timestamp"] >= "2023-11-24T13:00:00")
    for _, group in groupby(quotes, key=contract):
        late = {tuple(list(r.values())[5:]) for r in group if r["timestamp"] >= "2023-11-24T13:15:00"}
        assert len(late) == 1


@pytest.mark.parametrize(
    "asked",
    [
        {**DAY, "date": "20240106"},  # Saturday
        {**DAY, "date": "20240115"},  # holiday
        {**DAY, "date": "20240116"},  # expired
        {**DAY, "date": "20231101"},  # not yet listed
        {**DAY, "date": "20240903"},  # future
        {**DAY, "expiration": "20240110"},
        {**DAY, "strike": "186.37"},
        {**DAY, "symbol": "ZZTOP"},
        {"symbol": "SPX", "expiration": "20240119", "date": "20240119"},  # settled in the morning
        {**DAY, "expiration": "20240119", "max_dte": "5"},
    ],
)
def test_nothing_found_is_472(get: Get, asked: dict[str, str]) -> None:
    assert refused(get(H + "quote", **asked, interval="1h")) == (472, "No data found for your request")


def test_a_contract_that_did_not_trade_has_no_trades(get: Get) -> None:
    [row] = rows(get(H + "eod", **AAPL, strike="250", right="call", start_date="20240109", end_date="20240109"))
    assert row["count"] == "0"
    assert refused(get(H + "trade", **DAY, strike="250", right="call"))[0] == 472


@pytest.mark.parametrize(
    "wrong",
    [
        {"expiration": "soon"},
        {"expiration": "20240230"},
        {"strike": "many"},
        {"strike": "-5"},
        {"right": "left"},
        {"max_dte": "-1"},
        {"strike_range": "0"},
        {"interval": "2m"},
        {"date": "20241301"},
        {"start_time": "15:00:00", "end_time": "10:00:00"},
        {"date": "", "start_date": "20240108", "end_date": "20240209", "interval": "1m"},
        {"date": "", "start_date": "20240108", "end_date": "20240109", "interval": "1s"},
        {"date": "", "start_date": "20240108", "end_date": "20240109", "interval": "tick"},
        {"date": ""},
        {"expiration": ""},
    ],
)
def test_what_cannot_be_read_is_400(get: Get, wrong: dict[str, str]) -> None:
    assert refused(get(H + "quote", **{**DAY, "interval": "1h", **wrong}))[0] == 400


def test_daily_rows_are_for_365_days_at_the_most(get: Get) -> None:
    text = "Too many days between start and end date; max 365 days allowed"
    assert refused(get(H + "eod", **AAPL, start_date="20230101", end_date="20240101")) == (400, text)
    assert refused(get(H + "open_interest", **AAPL, start_date="20230101", end_date="20240101")) == (400, text)


def test_the_running_session_has_what_has_happened(get: Get) -> None:
    today = {"symbol": "AAPL", "expiration": "20240802", "date": "20240801", "strike_range": "1"}
    quotes = rows(get(H + "quote", **today, interval="1m"))
    assert max(row["timestamp"] for row in quotes) == "2024-08-01T12:00:00"
    assert max(row["timestamp"] for row in rows(get(H + "trade", **today))) < "2024-08-01T12:00:00"
    asked = {"symbol": "AAPL", "expiration": "20240802", "start_date": "20240801", "end_date": "20240801"}
    assert refused(get(H + "eod", **asked)) == (400, "EOD is not available for the current day")


def test_subscriptions_bound_endpoints_and_dates() -> None:
    with (
        Simulator.in_thread(tier="value", clock=lambda: NOW) as simulator,
        httpx.Client(base_url=simulator.url) as client,
    ):
        old = {"symbol": "AAPL", "expiration": "20200117", "interval": "1h"}
        assert client.get(H + "quote", params={**old, "date": "20200106"}).status_code == 200
        text = "Invalid permissions for date. Your first access date is: 20200101"
        assert refused(client.get(H + "quote", params={**old, "date": "20191231"})) == (403, text)
        status, words = refused(client.get(H + "trade", params=DAY))
        assert (status, words.split(" requiring ")[0]) == (403, "Requesting an option endpoint")


def test_json_groups_the_rows_of_a_contract(get: Get) -> None:
    asked = {**AAPL, "strike": "185", "interval": "1h", "start_date": "20240108", "end_date": "20240109"}
    flat, grouped = rows(get(H + "quote", **asked)), get(H + "quote", **asked, format="json").json()
    assert [len(group["data"]) for group in grouped["response"]] == [14] * 2
    joined = [{**group["contract"], **row} for group in grouped["response"] for row in group["data"]]
    shown = [{key: f"{value:.3f}" if key == "strike" else value for key, value in row.items()} for row in joined]
    assert [(row["strike"], row["right"], row["timestamp"], row["bid_size"]) for row in shown] == [
        (row["strike"], row["right"], row["timestamp"], int(row["bid_size"])) for row in flat
    ]


@pytest.mark.parametrize("name", ["quote", "ohlc", "trade", "open_interest"])
def test_keys_of_json_rows_are_in_the_vendors_order(get: Get, name: str) -> None:
    example = json.loads(golden(f"option__history__{name}.example.json"))["response"][0]["data"][0]
    answer = get(H + name, **SAMPLES[name], format="json").json()["response"][0]
    assert list(answer["contract"]) == ["symbol", "expiration", "right", "strike"]
    assert list(answer["data"][0]) == list(example)
    line = json.loads(golden(f"option__history__{name}.example.ndjson").splitlines()[0])
    assert list(json.loads(get(H + name, **SAMPLES[name], format="ndjson").text.splitlines()[0])) == list(line)


def test_the_older_json_has_the_contract_as_columns() -> None:
    with Simulator.in_thread(tier="pro", json_dialect="legacy", clock=lambda: NOW) as simulator:
        answer = httpx.get(simulator.url + H + "quote", params={**DAY, "interval": "1h", "format": "json"}).json()
    assert {len(column) for column in answer.values()} == {len(answer["strike"])}
    assert set(answer["right"]) == {"CALL", "PUT"}


def test_large_answers_are_the_same_in_many_writes(get: Get) -> None:
    asked = {"symbol": "AAPL", "expiration": "*", "date": "20240109", "interval": "10m"}
    answer = get(H + "quote", **asked)
    assert answer.headers["transfer-encoding"] == "chunked"
    found = rows(answer)
    assert len(found) == 40 * len({contract(row) for row in found})


def test_faults_spoil_option_answers_too(get: Get) -> None:
    with (
        Simulator.in_thread(tier="pro", clock=lambda: NOW) as simulator,
        httpx.Client(base_url=simulator.url) as client,
    ):
        asked = {**DAY, "strike": "185", "interval": "1h"}
        good = client.get(H + "quote", params=asked).text.splitlines()
        simulator.set_faults([{"fault": {"kind": "backwards"}}])
        assert client.get(H + "quote", params=asked).text.splitlines() == [good[0], *reversed(good[1:])]
        simulator.set_faults([{"fault": {"kind": "cut", "after_bytes": 200}}])
        with pytest.raises(httpx.HTTPError):
            client.get(H + "quote", params=asked)


def test_the_clock_decides_what_is_ever_listed() -> None:
    then = dt.datetime(2023, 1, 3, 20, tzinfo=dt.UTC)
    with (
        Simulator.in_thread(tier="pro", clock=lambda: then) as simulator,
        httpx.Client(base_url=simulator.url) as client,
    ):
        found = rows(client.get(L + "expirations", params={"symbol": "AAPL"}))
        assert max(row["expiration"] for row in found) < "2024-01-05"
        assert refused(client.get(L + "strikes", params=AAPL))[0] == 472
