"""Live subscriptions as they are asked for, told and ended: over HTTP and on the topic ``requests``."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests_topic
from confluent_kafka import Message, Producer
from harness import NEW_YORK, Platform, until
from requests_topic import dead_letter

from app.domain.sessions import sessions

pytestmark = pytest.mark.integration

#: Tickers of their own for each test: a subscription stands until somebody ends it.
_NUMBERS = itertools.count()


@pytest.fixture
def ticker(platform: Platform) -> Iterator[str]:
    """A ticker that nobody else uses; what is subscribed of it ends with the test."""
    name = f"Q{next(_NUMBERS)}X"
    yield name
    for one in platform.http.get("/live").json():
        if name in (one.get("symbol"), one.get("root")):
            assert platform.http.delete(f"/live/{one['topic']}").status_code == 202


def post(platform: Platform, asset: str = "stock", status: int = 202, **body: Any) -> dict[str, Any]:
    response = platform.http.post(f"/live/{asset}", json=body)
    assert response.status_code == status, response.text
    found: dict[str, Any] = response.json()
    return found


def told(platform: Platform, topic: str) -> dict[str, Any]:
    response = platform.http.get(f"/live/{topic}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def publish(platform: Platform, body: object) -> int:
    return requests_topic.publish(platform, json.dumps(body).encode())


def reason(platform: Platform, offset: int) -> str:
    """Why the message at an offset of ``requests`` is a dead letter."""
    return str(dict(dead_letter(platform, offset).headers())["reason"].decode())


# --- asking and telling -----------------------------------------------------------------------------------


def test_each_ticker_becomes_a_live_topic_that_is_told(platform: Platform, ticker: str) -> None:
    answer = post(platform, tickers=[ticker, ticker.lower()], schema="trade")
    (one,) = answer["series"]
    assert one["topic"] == f"stock-{ticker.lower()}-trade-live"
    assert (one["asset"], one["symbol"], one["schema"], one["interval"]) == ("stock", ticker, "trade", None)
    assert one["state"] in ("waiting", "live")
    assert one["gaps"] == []
    assert told(platform, one["topic"])["run"] == one["run"]
    assert one["topic"] in [other["topic"] for other in platform.http.get("/live").json()]


def test_bars_of_a_minute_are_what_is_meant_without_a_schema(platform: Platform, ticker: str) -> None:
    (one,) = post(platform, ticker=ticker)["series"]
    assert (one["topic"], one["interval"]) == (f"stock-{ticker.lower()}-ohlcv1m-live", "1m")


def test_asking_again_is_the_same_subscription(platform: Platform, ticker: str) -> None:
    first = post(platform, tickers=[ticker], schema="quote")["series"][0]
    again = post(platform, tickers=[ticker], schema="quote", interval="tick", start_time="09:30:00")["series"][0]
    assert again["run"] == first["run"]
    assert again["topic"] == f"stock-{ticker.lower()}-quote-live"


def test_contracts_of_one_root_are_joined_in_one_topic(platform: Platform, ticker: str) -> None:
    calls = post(platform, "option", root=ticker, schema="quote", contracts={"right": "call", "max_dte": 7})
    both = post(platform, "option", root=ticker, schema="quote", contracts={"right": "put", "max_dte": 2})
    (one,) = both["series"]
    assert one["topic"] == f"option-{ticker.lower()}-quote-live"
    assert one["run"] == calls["series"][0]["run"]
    assert [universe["right"] for universe in one["universes"]] == ["call", "put"]
    # The whole chain holds them all.
    (one,) = post(platform, "option", root=ticker, schema="quote")["series"]
    assert len(one["universes"]) == 1
    (again,) = post(platform, "option", root=ticker, schema="quote", contracts={"max_dte": 1})["series"]
    # What becomes of it meanwhile is another matter.
    assert again["run"] == one["run"]
    assert again["universes"] == one["universes"]


def test_other_hours_than_those_of_a_standing_topic_are_a_conflict(platform: Platform, ticker: str) -> None:
    post(platform, tickers=[ticker], schema="trade", end_time="12:00:00")
    body = post(platform, status=409, tickers=[f"{ticker}Y", ticker], schema="trade")
    assert [error["field"] for error in body["errors"]] == ["end_time"]
    assert "09:30:00 to 12:00:00" in body["detail"]
    # All or nothing: the first of the two was free.
    assert platform.http.get(f"/live/stock-{ticker.lower()}y-trade-live").status_code == 404
    assert post(platform, tickers=[ticker], schema="trade", end_time="12:00:00")


@pytest.mark.parametrize(
    ("asset", "body", "field"),
    [
        ("stock", {"schema": "trade"}, "tickers"),
        ("stock", {"tickers": ["A B"]}, "tickers[0]"),
        ("stock", {"tickers": ["A"], "schema": "eod"}, "schema"),
        ("stock", {"tickers": ["A"], "schema": "quote", "interval": "1m"}, "interval"),
        ("stock", {"tickers": ["A"], "schema": "trade", "interval": "1m"}, "interval"),
        ("stock", {"tickers": ["A"], "interval": "tick"}, "interval"),
        ("stock", {"root": "SPXW"}, "root"),
        ("stock", {"ticker": "A", "start": "2024-01-02"}, "start"),
        ("option", {"tickers": ["A"]}, "root"),
        ("option", {"root": "SPXW", "contracts": {"right": "up"}}, "contracts.right"),
        ("option", {"root": "SPXW", "contracts": {"expirations": ["2024-13-01"]}}, "contracts.expirations[0]"),
    ],
)
def test_what_cannot_be_live_is_told_by_its_field(
    platform: Platform, asset: str, body: dict[str, Any], field: str
) -> None:
    errors = post(platform, asset, 422, **body)["errors"]
    assert field in [error["field"] for error in errors]


@pytest.mark.parametrize(("content", "status"), [(b"{", 400), (b"[]", 422), (b'"' + b"x" * (1 << 20) + b'"', 413)])
def test_a_body_that_is_none_is_a_problem(platform: Platform, content: bytes, status: int) -> None:
    response = platform.http.post("/live/stock", content=content)
    assert response.status_code == response.json()["status"] == status


# --- contracts that are not there -------------------------------------------------------------------------


@pytest.fixture
def listed(platform: Platform) -> tuple[str, list[float]]:
    """An expiration of SPXW and its strikes."""
    expirations = [row["expiration"] for row in platform.table("/v3/option/list/expirations", symbol="SPXW")]
    last = max(day for day in expirations if day < dt.datetime.now(dt.UTC).date())
    rows = platform.table("/v3/option/list/strikes", symbol="SPXW", expiration=last.strftime("%Y%m%d"))
    return last.isoformat(), sorted(row["strike"] for row in rows)


def test_a_contract_that_is_listed_is_taken(platform: Platform, listed: tuple[str, list[float]]) -> None:
    day, strikes = listed
    contracts = {"expirations": [day], "strikes": [strikes[3]], "right": "call"}
    (one,) = post(platform, "option", root="SPXW", schema="trade", contracts=contracts)["series"]
    assert one["universes"][0]["strikes"] == [strikes[3]]
    assert platform.http.delete(f"/live/{one['topic']}").status_code == 202


def test_a_strike_that_is_not_listed_is_told_with_its_neighbours(
    platform: Platform, listed: tuple[str, list[float]]
) -> None:
    day, strikes = listed
    contracts = {"expirations": [day], "strikes": [strikes[0], strikes[3] + 0.125]}
    body = post(platform, "option", 422, root="SPXW", schema="trade", contracts=contracts)
    (error,) = body["errors"]
    assert error["field"] == "contracts.strikes[1]"
    assert f"{strikes[3]:g}" in error["allowed"]


def test_an_expiration_that_is_not_listed_is_told_with_its_neighbours(
    platform: Platform, listed: tuple[str, list[float]]
) -> None:
    day, strikes = listed
    contracts = {"expirations": [day, "2024-01-06"], "strikes": [strikes[0]]}
    (error,) = post(platform, "option", 422, root="SPXW", schema="trade", contracts=contracts)["errors"]
    assert error["field"] == "contracts.expirations[1]"
    assert "2024-01-05" in error["allowed"]


def test_a_root_without_any_options_is_told(platform: Platform) -> None:
    (error,) = post(platform, "option", 422, root="ZZ+ZZ", schema="trade")["errors"]
    assert error["field"] == "root"


@pytest.mark.parametrize("fault", [{"kind": "stall", "seconds": 4}, {"status": 571}])
def test_a_terminal_that_does_not_answer_refuses_nothing(
    platform: Platform, ticker: str, fault: dict[str, Any]
) -> None:
    platform.simulator.set_faults([{"match": {"path": "/v3/option/list/"}, "fault": fault}])
    contracts = {"expirations": ["2024-01-06"], "strikes": [1]}
    (one,) = post(platform, "option", root=ticker, schema="trade", contracts=contracts)["series"]
    assert one["topic"] == f"option-{ticker.lower()}-trade-live"


# --- ending -----------------------------------------------------------------------------------------------


def test_what_is_ended_is_unknown_and_begins_anew_as_another_run(platform: Platform, ticker: str) -> None:
    (one,) = post(platform, ticker=ticker, schema="trade")["series"]
    response = platform.http.delete(f"/live/{one['topic']}")
    assert (response.status_code, response.json()) == (202, {"topic": one["topic"], "state": "ended"})
    assert platform.http.get(f"/live/{one['topic']}").status_code == 404
    assert platform.http.delete(f"/live/{one['topic']}").status_code == 404
    # With other hours, for nothing stands that they could be in conflict with.
    (again,) = post(platform, ticker=ticker, schema="trade", start_time="10:00:00")["series"]
    assert again["run"] > one["run"]


@pytest.mark.parametrize(
    "topic", ["stock-aapl-trade-live-x", "stock-aapl-trade-historical-1", "x", "stock-zzzq-trade-live"]
)
def test_a_topic_that_is_not_live_is_not_found(platform: Platform, topic: str) -> None:
    for method in ("GET", "DELETE"):
        response = platform.http.request(method, f"/live/{topic}")
        assert response.status_code == response.json()["status"] == 404


def test_several_may_end_one_topic_at_once(platform: Platform, ticker: str) -> None:
    (one,) = post(platform, ticker=ticker, schema="trade")["series"]
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda _: platform.http.delete(f"/live/{one['topic']}").status_code, range(4)))
    assert 202 in codes
    assert set(codes) <= {202, 404}
    assert platform.http.get(f"/live/{one['topic']}").status_code == 404


# --- by the topic -----------------------------------------------------------------------------------------


def test_the_topic_does_the_same(platform: Platform, ticker: str) -> None:
    topic = f"stock-{ticker.lower()}-trade-live"
    offset = publish(platform, {"subscribe": {"asset": "stock", "tickers": [ticker], "schema": "trade"}})
    until(f"{topic} to stand", lambda: platform.http.get(f"/live/{topic}").status_code == 200)
    assert told(platform, topic)["run"] == offset
    assert post(platform, ticker=ticker, schema="trade")["series"][0]["run"] == offset
    publish(platform, {"unsubscribe": topic})
    until(f"{topic} to end", lambda: platform.http.get(f"/live/{topic}").status_code == 404)


def test_decisions_in_a_row_see_each_other(platform: Platform, ticker: str) -> None:
    topic = f"stock-{ticker.lower()}-trade-live"
    asked = {"subscribe": {"asset": "stock", "ticker": ticker, "schema": "trade"}}
    offsets: list[int] = []
    producer = Producer({"bootstrap.servers": platform.kafka, "linger.ms": 50})
    for body in (asked, asked, {"unsubscribe": topic}, {"unsubscribe": topic}, asked):
        producer.produce("requests", json.dumps(body), on_delivery=lambda _, done: offsets.append(done.offset()))
    assert producer.flush(20) == 0
    until(f"{topic} in its second run", lambda: platform.http.get(f"/live/{topic}").json().get("run") == offsets[4])
    assert "is not subscribed to" in reason(platform, offsets[3])
    letters = {int(dict(one.headers())["source_offset"]) for one in platform.messages("requests.dlq")}
    assert letters & set(offsets) == {offsets[3]}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"subscribe": {"asset": "stock", "schema": "trade"}}, "subscribe.tickers: name at least one"),
        ({"subscribe": {"asset": "stock", "ticker": "A", "schema": "eod"}}, "subscribe.schema"),
        ({"subscribe": {"ticker": "A"}}, "subscribe.asset: is required"),
        ({"subscribe": ["A"]}, "subscribe: what to subscribe to is a JSON object"),
        ({"subscribe": {"asset": "stock", "ticker": "A"}, "live": True}, "live: does not belong beside subscribe"),
        ({"unsubscribe": "stock-nobody-trade-live"}, "unsubscribe: stock-nobody-trade-live is not subscribed to"),
        ({"unsubscribe": "stock-aapl-trade-historical-1"}, "unsubscribe: 'stock-aapl-trade-historical-1' is not the"),
        ({"unsubscribe": 7}, "unsubscribe: name a live topic, this is a number"),
        ({"cancel": "spring"}, "cancel: there is no backtest 'spring'"),
    ],
)
def test_what_is_wrong_on_the_topic_is_a_dead_letter(platform: Platform, body: dict[str, Any], word: str) -> None:
    assert word in reason(platform, publish(platform, body))


# --- from history into live -------------------------------------------------------------------------------

DAYS = {"start": "2024-07-02", "end": "2024-07-03", "schema": "trade"}


def test_a_backtest_that_goes_on_live_subscribes_its_series(platform: Platform, ticker: str) -> None:
    name = platform.ask(tickers=[ticker], live=True, **DAYS)
    one = told(platform, f"stock-{ticker.lower()}-trade-live")
    (record,) = [m for m in platform.messages("live") if m.key() == one["topic"].encode()][-1:]
    # After the close of the last session, New York.
    assert json.loads(record.value())["start"] == "2024-07-03T20:00:00Z"
    # The same again is the same backtest, and no second subscription.
    body = {"backtest_id": name, "tickers": [ticker], "live": True, **DAYS}
    assert platform.http.post("/historical/stock", json=body).status_code == 202
    assert told(platform, one["topic"])["run"] == one["run"]
    assert platform.http.post("/historical/stock", json={**body, "live": False}).status_code == 409


def test_a_backtest_widens_a_standing_subscription(platform: Platform, ticker: str) -> None:
    (before,) = post(platform, ticker=ticker, schema="trade")["series"]
    platform.ask(tickers=[ticker], live=True, **DAYS)
    (record,) = [m for m in platform.messages("live") if m.key() == before["topic"].encode()][-1:]
    body = json.loads(record.value())
    assert (body["run"], body["start"]) == (before["run"], "2024-07-03T20:00:00Z")


def test_a_backtest_with_other_hours_than_its_live_topic_is_a_conflict(platform: Platform, ticker: str) -> None:
    post(platform, ticker=ticker, schema="trade")
    body = {"backtest_id": platform.new_id(), "tickers": [ticker], "live": True, "start_time": "10:00:00", **DAYS}
    response = platform.http.post("/historical/stock", json=body)
    assert response.status_code == 409, response.text
    assert [error["field"] for error in response.json()["errors"]] == ["start_time"]
    assert platform.http.get(f"/backtests/{body['backtest_id']}").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"), [({"schema": "eod"}, "schema"), ({"schema": "quote", "interval": "1m"}, "interval")]
)
def test_a_backtest_whose_series_cannot_be_live_is_told_so(
    platform: Platform, change: dict[str, Any], field: str
) -> None:
    body = {"backtest_id": platform.new_id(), "ticker": "GE", "live": True, **DAYS, **change}
    response = platform.http.post("/historical/stock", json=body)
    assert response.status_code == 422
    assert field in [error["field"] for error in response.json()["errors"]]


def test_a_backtest_until_today_is_fetched_as_far_as_it_is_over(platform: Platform, ticker: str) -> None:
    today = dt.datetime.now(NEW_YORK).date()
    start = today - dt.timedelta(days=7)
    body = {"ticker": ticker, "interval": "1h", "start": str(start), "end": str(today), "live": True}
    plan = platform.http.post("/plan", json={"backtest_id": "p", **body})
    assert plan.status_code == 200, plan.text
    name = platform.ask(**body)

    def find() -> Message | None:
        found = [m for m in platform.messages("series") if m.key().decode().endswith(f"-{name}")]
        return found[0] if found else None

    record = until(f"the series of {name}", find)
    last = json.loads(record.value())["end"]
    assert str(start) < last <= str(today)
    assert plan.json()["sessions"] == len(sessions(start, dt.date.fromisoformat(last)))
    late = {**body, "backtest_id": platform.new_id(), "end": str(today + dt.timedelta(days=1))}
    (error,) = platform.http.post("/historical/stock", json=late).json()["errors"]
    assert (error["field"], error["allowed"]) == ("end", [f"<= {today}"])


def test_what_stands_is_counted(platform: Platform, ticker: str) -> None:
    def count() -> float:
        lines = platform.http.get("/metrics").text.splitlines()
        (line,) = [line for line in lines if line.startswith("fdp_coordinator_live_topics ")]
        assert any(line.startswith("fdp_coordinator_live_gaps_open ") for line in lines)
        return float(line.split()[1])

    before = count()
    post(platform, ticker=ticker, schema="trade")
    assert count() == before + 1
