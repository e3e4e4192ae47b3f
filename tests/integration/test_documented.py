"""What the docs show is what happens: every call of curl, and every JSON document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from documented import Call, calls, json_of
from harness import Platform
from pydantic import TypeAdapter
from tidy import emptied

from app.domain import sessions
from app.web import examples
from app.web.answers.plans import Plan
from app.web.answers.platform import OrphanedTopics

pytestmark = pytest.mark.integration

REQUESTS = [body for page in ("README.md", "docs/api.md") for body in json_of(page) if "start" in body]
SUBSCRIPTIONS = [
    body
    for page in ("README.md", "docs/api.md")
    for body in json_of(page)
    if "start" not in body and {"tickers", "root"} & set(body)
]


@pytest.fixture(scope="module", autouse=True)
def _tidy(platform: Platform) -> Iterator[None]:
    """Nothing of others is in the way, and nothing is left."""
    emptied(platform)
    yield
    emptied(platform)


@pytest.fixture
def spring(platform: Platform) -> None:
    """The backtest that the docs speak of, and no other: each page names its own as it likes."""
    emptied(platform)
    platform.http.post("/historical/stock", json=examples.STOCK["bars"])
    platform.finished("spring")


@pytest.mark.usefixtures("spring")
@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_every_call_of_curl_is_answered(platform: Platform, page: str) -> None:
    found = calls(page)
    assert found
    for call in found:
        response = platform.http.request(
            call.method, call.path, content=_body(call), headers=list(call.headers), timeout=120
        )
        assert response.status_code < 400, (call, response.text)


def _body(call: Call) -> str | None:
    # What the page has for the latest session that is over.
    latest = sessions.last_closed(dt.datetime.now(dt.UTC)).date
    return None if call.body is None else call.body.replace('"END"', f'"{latest}"')


@pytest.mark.parametrize("body", REQUESTS, ids=str)
def test_every_request_is_taken(platform: Platform, body: dict[str, Any]) -> None:
    response = platform.http.post("/backtests", json={**body, "backtest_id": platform.new_id("documented")})
    assert response.status_code == 202, response.text


@pytest.mark.parametrize("body", SUBSCRIPTIONS, ids=str)
def test_every_subscription_is_taken(platform: Platform, body: dict[str, Any]) -> None:
    response = platform.http.post(f"/live/{'option' if 'root' in body else 'stock'}", json=body)
    assert response.status_code == 202, response.text


def test_answers_are_what_their_models_say() -> None:
    plans = [body for body in json_of("docs/api.md") if "listings" in body]
    leftovers = [body for body in json_of("docs/topics.md") if "orphaned" in body]
    assert plans
    assert leftovers
    TypeAdapter(list[Plan]).validate_python(plans)
    TypeAdapter(list[OrphanedTopics]).validate_python(leftovers)
