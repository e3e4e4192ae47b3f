"""Calls, what is answered, and what is made of refusals."""

from __future__ import annotations

import datetime as dt
import json
import socket
import time
from decimal import Decimal
from typing import Any

import pytest
from speaking import Said, Speaking

from app import client
from app.client import (
    ApiError,
    AsyncPlatform,
    BadUse,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    Platform,
    ServerFailed,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreachable,
    calls,
    steps,
)


def refusal(status: int, detail: str = "no", **more: Any) -> Said:
    headers = more.pop("headers", {})
    return Said(status, {"type": "about:blank", "title": "No", "status": status, "detail": detail, **more}, headers)


# -- what is asked ----------------------------------------------------------------------------------------------------


def test_a_request_leaves_the_defaults_to_the_coordinator(server: Speaking, use: Any) -> None:
    server.say("POST", "/backtests", Said(202, server.status()))
    backtest = use(lambda p: p.backtest("spring", tickers="AAPL", start=dt.date(2024, 1, 2), end="2024-01-31"))
    assert (backtest.id, len(backtest.series), backtest.series[0].kind) == ("spring", 1, "ohlcv1m")
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/backtests")
    assert json.loads(asked.body) == {
        "backtest_id": "spring",
        "tickers": ["AAPL"],
        "start": "2024-01-02",
        "end": "2024-01-31",
    }


def test_options_of_a_chain_are_json(server: Speaking, use: Any) -> None:
    server.say("POST", "/backtests", Said(202, server.status()))
    contracts = {"expirations": (dt.date(2024, 3, 15),), "strikes": [Decimal("4750.5")], "max_dte": 0, "right": None}
    use(lambda p: p.backtest(1, root="SPXW", contracts=contracts, end_time=dt.time(15, 0)))
    assert json.loads(server.asked[0].body) == {
        "backtest_id": "1",
        "root": "SPXW",
        "contracts": {"expirations": ["2024-03-15"], "strikes": ["4750.5"], "max_dte": 0},
        "end_time": "15:00:00",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "one of tickers, root or series"),
        ({"tickers": ["A"], "root": "B"}, "one of tickers, root or series"),
    ],
)
def test_a_request_of_nothing_or_of_two_things_is_refused_here(use: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadUse, match=said):
        use(lambda p: p.backtest("spring", **given))


def test_names_are_quoted(server: Speaking, use: Any) -> None:
    with pytest.raises(NotFound):
        use(lambda p: p.open("a/b?c"))
    assert server.asked[0].path == "/backtests/a%2Fb%3Fc"


@pytest.mark.parametrize(
    ("given", "error"),
    [({"limit": 0}, "limit=0"), ({"start": dt.datetime(2024, 1, 2, tzinfo=None)}, "no time zone")],  # noqa: DTZ001
)
def test_a_selection_that_means_nothing_is_refused_here(use: Any, given: dict[str, Any], error: str) -> None:
    with pytest.raises(BadUse, match=error):
        use(lambda p: p.open("spring"), lambda bt: bt.to_arrow(**given))


def test_a_token_goes_with_every_call(server: Speaking, use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    use(lambda p: p.open("spring"), token="secret")
    monkeypatch.setenv("FDP_TOKEN", "other")
    use(lambda p: p.open("spring"))
    use(lambda p: p.open("spring"), token="")
    assert [one.headers.get("authorization") for one in server.asked] == ["Bearer secret", "Bearer other", None]


def test_the_address_is_that_of_the_environment(server: Speaking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FDP_URL", server.url)
    with Platform() as platform:
        assert platform.open("spring").id == "spring"
        assert platform.url == server.url


@pytest.mark.parametrize("kind", [Platform, AsyncPlatform])
@pytest.mark.parametrize("url", ["localhost", "ftp://x", "http://", "http://x:99999", "http://x:0", "http://[::1"])
def test_what_is_no_address_is_refused(kind: Any, url: str) -> None:
    with pytest.raises(BadUse, match="is not the address of a coordinator; write it as"):
        kind(url)


@pytest.mark.parametrize("token", ["schlüssel", "a\nb"])
def test_a_token_that_no_header_can_hold_is_refused(token: str) -> None:
    with pytest.raises(BadUse, match="no HTTP header can hold") as caught:
        Platform(token=token)
    assert token not in str(caught.value)


def test_a_password_in_the_address_is_not_shown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Platform(f"http://me:pass@127.0.0.1:{port}", retries=0) as platform:
        assert "pass" not in platform.url
        with pytest.raises(Unreachable) as caught:
            platform.backtests()
    assert "pass" not in str(caught.value)


# -- what is answered -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (406, ApiError),
        (409, Conflict),
        (413, InvalidRequest),
        (422, InvalidRequest),
        (429, TooManyRequests),
        (500, ServerFailed),
        (503, Unavailable),
    ],
)
def test_each_refusal_is_an_error_of_its_own(server: Speaking, use: Any, status: int, kind: type[ApiError]) -> None:
    server.say("GET", "/backtests/spring", *[refusal(status, "words", headers={"Retry-After": "0"})] * 4)
    with pytest.raises(kind) as caught:
        use(lambda p: p.open("spring"))
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.title, error.detail, error.retry_after) == (status, "No", "words", 0)
    assert len(server.asked) == (4 if status == 503 else 1), "of these only a 503 is asked again"


def test_the_fields_at_fault_are_named(server: Speaking, use: Any) -> None:
    errors = [{"field": "interval", "message": "'2m' is none", "allowed": ["1m"]}, {"field": "", "message": "other"}]
    server.say("POST", "/backtests", refusal(422, "the request is not valid", errors=errors))
    with pytest.raises(InvalidRequest, match="answered 422 No: interval: '2m' is none; other") as caught:
        use(lambda p: p.backtest("spring", tickers=["AAPL"]))
    assert caught.value.errors[0]["allowed"] == ["1m"]


def test_a_refused_token_says_where_to_give_one(server: Speaking, use: Any) -> None:
    server.say("GET", "/backtests/spring", refusal(401))
    with pytest.raises(Unauthorized, match="token=, or in FDP_TOKEN"):
        use(lambda p: p.open("spring"))


def test_an_unavailable_coordinator_is_asked_again_when_it_says(
    server: Speaking, use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)

    async def slept(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("asyncio.sleep", slept)
    server.say("GET", "/backtests/spring", refusal(503, headers={"Retry-After": "2"}), refusal(503), Said(status=0))
    assert use(lambda p: p.open("spring")).id == "spring"
    assert pauses == [2.0, 0.001, 0.001]


def test_a_pause_that_is_too_long_is_left_to_the_caller(server: Speaking, use: Any) -> None:
    server.say("GET", "/backtests/spring", refusal(503, headers={"Retry-After": "3600"}))
    with pytest.raises(Unavailable) as caught:
        use(lambda p: p.open("spring"))
    assert caught.value.retry_after == 3600
    assert len(server.asked) == 1


@pytest.mark.parametrize("kind", [Platform, AsyncPlatform])
def test_nobody_at_the_address_is_one_sentence(kind: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(Unreachable, match=f"^no coordinator answers at {url} ") as caught:
        _run(kind(url, retries=1).backtests())
    assert "\n" not in str(caught.value)


def _run(call: Any) -> Any:
    import asyncio

    return asyncio.run(call) if asyncio.iscoroutine(call) else call


def test_a_deletion_whose_answer_was_lost_is_done(server: Speaking, use: Any) -> None:
    server.say("DELETE", "/backtests/spring", Said(status=0), refusal(404))
    use(lambda p: p.open("spring"), lambda bt: bt.delete())
    assert [one.query for one in server.asked if one.method == "DELETE"] == [{"topics": "true"}] * 2
    server.say("DELETE", "/backtests/spring", refusal(404))
    with pytest.raises(NotFound):
        use(lambda p: p.open("spring"), lambda bt: bt.delete())


def test_live_topics_are_asked_for_and_told(server: Speaking, use: Any) -> None:
    one = {"topic": "stock-aapl-trade-live", "state": "live", "until": "2024-01-02T15:00:00Z", "rows": 3, "gaps": []}
    server.say("POST", "/live/stock", Said(202, {"series": [one]}))
    (found,) = use(lambda p: p.live.subscribe(tickers=["AAPL"], schema="trade"))
    assert (found.topic, found.until) == (one["topic"], dt.datetime(2024, 1, 2, 15, tzinfo=dt.UTC))
    server.say("GET", "/live", Said(body=[one]))
    assert use(lambda p: p.live.list()) == [found]
    server.say("DELETE", "/live/stock-aapl-trade-live", Said(202, {"topic": one["topic"], "state": "ended"}))
    assert use(lambda p: p.live.unsubscribe(one["topic"])) == "ended"
    with pytest.raises(BadUse, match="either tickers or root"):
        use(lambda p: p.live.subscribe(schema="trade"))


def test_a_date_is_no_retry_after() -> None:
    reply = steps.Reply("http://x", 503, {"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, b"{}")
    error = steps.error_of(reply)
    assert error is not None
    assert error.retry_after is None


def test_every_error_of_the_tree_is_exported_and_drawn() -> None:
    import app.client.errors as tree

    kinds = {name for name, kind in vars(tree).items() if isinstance(kind, type) and kind.__module__ == tree.__name__}
    assert kinds <= set(client.__all__)
    drawn = tree.__doc__ or ""
    assert all(name in drawn for name in kinds)


def test_both_clients_have_the_same_names_and_parameters() -> None:
    import inspect

    for blocking, other in (
        (client.Platform, client.AsyncPlatform),
        (client.Backtest, client.AsyncBacktest),
        (client.Series, client.AsyncSeries),
        (client.Live, client.AsyncLive),
    ):
        mine = {name for name in vars(blocking) if not name.startswith("_")}
        assert mine == {name for name in vars(other) if not name.startswith("_")}
        for name in mine:
            found = getattr(blocking, name)
            if inspect.isfunction(found):
                theirs = inspect.signature(getattr(other, name))
                assert list(inspect.signature(found).parameters.values()) == list(theirs.parameters.values()), name


def test_calls_say_how_long_they_may_be_silent() -> None:
    assert calls.status("a", 30).waits == 30
    assert calls.data("a", "t", "csv", calls.Selection(follow=True)).forever
    assert not calls.data("a", "t", "csv", calls.Selection(follow=False)).forever
