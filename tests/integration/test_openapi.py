"""What is answered is what the description says, whatever is asked: schemathesis makes up requests from it, right and
wrong ones, and holds each answer against it. Whoever brings no token is told nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
import schemathesis
from guarded import guarded_coordinator
from harness import Platform
from hypothesis import HealthCheck, Phase, seed, settings
from pydantic import TypeAdapter
from schemathesis import checks as builtin
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks
from tidy import emptied

from app.web import examples
from app.web.declared import declared
from app.web.description import VERSION
from app.web.openapi import openapi
from app.web.operations import AnyQuery, Operation

pytestmark = pytest.mark.integration

#: The same requests each time; CHAOS_SEED gives others.
SEED = int(os.environ.get("CHAOS_SEED") or 7)
#: Requests made up for each operation, beside those that go once through each rule of the description.
EXAMPLES = 100 if os.environ.get("CHAOS") == "full" else 12
TOKEN = "token-of-the-described"
CHECKS = [
    builtin.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]
OPERATIONS = declared(tokens=False)
PATHS = sorted({one.path for one in OPERATIONS})


def loaded(*, tokens: bool) -> Any:
    described = openapi(declared(tokens=tokens), VERSION, tokens=tokens)
    return schemathesis.openapi.from_dict(described, config=SchemathesisConfig.from_dict({}))


def some(count: int) -> Any:
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


OPEN, GUARDED = loaded(tokens=False), loaded(tokens=True)


@pytest.fixture(scope="module", autouse=True)
def _tidy(platform: Platform) -> Iterator[None]:
    """What was made up is taken away again."""
    emptied(platform)
    yield
    emptied(platform)


@pytest.mark.parametrize("one", [one for one in OPERATIONS if one.body], ids=lambda one: one.name)
def test_every_example_of_a_body_is_taken(one: Operation, platform: Platform) -> None:
    assert one.body is not None
    for name, body in one.body.examples.items():
        response = platform.http.request(one.method, one.path, content=orjson.dumps(body))
        assert response.status_code in (200, 202), (name, response.text)
        answer = next(each for each in one.answers if each.status == response.status_code)
        TypeAdapter(answer.content["application/json"]).validate_python(response.json())


def test_answers_are_what_their_models_say_and_their_examples_have_the_same_fields(platform: Platform) -> None:
    done = platform.finished(platform.ask(**{**examples.STOCK["reports"], "backtest_id": "told-reports"}))
    failed = platform.ask(ticker="KO", start="2024-07-02", end="2024-07-02", start_time="09:30:00", schema="trade")
    platform.http.delete(f"/backtests/{failed}")
    subscribed = platform.http.post("/live/stock", json=examples.LIVE_STOCK["trades"]).json()
    values = {"backtest_id": done["backtest_id"], "topic": subscribed["series"][0]["topic"]}
    asked = [one for one in OPERATIONS if one.method == "get" and not one.path.endswith("/events")]
    for one in asked:
        response = platform.http.get(re.sub(r"{(\w+)}", lambda part: values[part[1]], one.path))
        answer = next(each for each in one.answers if each.status == response.status_code)
        kind = answer.content.get("application/json")
        if kind is None or isinstance(kind, dict):
            continue
        TypeAdapter(kind).validate_python(response.json())
        for example in answer.examples.values():
            assert alike(example, response.json()), one.name
    assert alike(dict(examples.COMPLETE), done)
    assert done["progress"] == examples.COMPLETE["progress"]
    # The seconds are those of an account with fewer slots.
    plan = platform.http.post("/plan", json=examples.STOCK["bars"]).json()
    assert _without_seconds(plan) == _without_seconds(examples.PLAN)


def _without_seconds(plan: Any) -> Any:
    series = [{name: value for name, value in one.items() if name != "seconds"} for one in plan["series"]]
    return {**{name: value for name, value in plan.items() if name != "seconds"}, "series": series}


def alike(example: Any, answer: Any) -> bool:
    """Whether an example has the fields that are answered; lists by their first part."""
    match example, answer:
        case dict(), dict():
            # Names that are data, as those of checks and partitions are, are no fields.
            return example.keys() == answer.keys() and all(alike(example[name], answer[name]) for name in example)
        case [first, *_], [_, *_]:
            return any(alike(first, other) for other in answer)
        case _:
            return True


@pytest.mark.parametrize("path", PATHS)
def test_a_path_takes_no_other_methods_than_are_declared_and_names_those(path: str, platform: Platform) -> None:
    url = re.sub(r"{\w+}", "nothing", path)
    # What is no word of a path of its own is a name: there is no live topic `stock`, which DELETE says by a 404.
    takes = {one.method.upper() for one in OPERATIONS if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one.path), url)}
    takes |= {"HEAD"} if "GET" in takes else set()
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"} - takes:
        response = platform.http.request(method, url)
        assert (response.status_code, set(response.headers["allow"].split(","))) == (405, takes), method


def test_head_answers_as_get_does_without_a_body(platform: Platform) -> None:
    for path in ("/backtests", "/schemas", "/health/live", "/openapi.json", "/docs"):
        head, got = platform.http.head(path), platform.http.get(path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["content-type"] == got.headers["content-type"]


#: Where whatever stands behind the question mark is passed over.
LENIENT = {one.path for one in OPERATIONS if one.query is AnyQuery}


@pytest.mark.parametrize("path", sorted({"/health/live", "/health/ready", "/metrics", "/", "/docs"}))
def test_probes_and_pages_take_what_parameters_others_give_them(path: str, platform: Platform) -> None:
    assert platform.http.get(path, params={"unheard": "1"}).status_code == 200


@pytest.mark.parametrize("path", [path for path in PATHS if "{" not in path and path not in LENIENT])
def test_a_parameter_that_is_not_declared_is_refused_and_named(path: str, platform: Platform) -> None:
    method = next(one.method for one in OPERATIONS if one.path == path)
    response = platform.http.request(method, path, params={"unheard": "1"})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["unheard"]


def test_a_parameter_that_is_misspelt_is_told_the_right_one(platform: Platform) -> None:
    for url, wrong in (("/topics/orphaned?frehs=true", "fresh"), ("/backtests/x?waits=3", "wait")):
        (error,) = platform.http.get(url).json()["errors"]
        assert error["message"].endswith(f"did you mean {wrong}?")


def test_the_descriptions_are_served_once_and_kept_by_their_name(platform: Platform) -> None:
    for path, first in (("/openapi.json", {"openapi": "3.1.0"}), ("/asyncapi.json", {"asyncapi": "3.0.0"})):
        response = platform.http.get(path)
        assert response.json().items() >= first.items()
        again = platform.http.get(path, headers={"If-None-Match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert platform.http.get(path, headers={"If-None-Match": '"another"'}).status_code == 200
    assert platform.http.get("/openapi.json").json() == openapi(OPERATIONS, VERSION, tokens=False)


@OPEN.parametrize()
@seed(SEED)
@some(EXAMPLES)
def test_every_answer_is_as_it_is_described(case: schemathesis.Case, platform: Platform) -> None:
    case.call_and_validate(base_url=platform.local.endpoints.web, checks=CHECKS)


@pytest.fixture(scope="module")
def guarded(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of another coordinator of the platform, which asks for a token."""
    with guarded_coordinator(platform, tmp_path_factory.mktemp("guarded"), TOKEN) as url:
        yield url


@GUARDED.parametrize()
@seed(SEED)
@some(2)
def test_without_a_token_nothing_is_told(case: schemathesis.Case, guarded: str) -> None:
    case.headers["Authorization"] = f"Bearer {TOKEN}"
    case.call_and_validate(base_url=guarded, checks=[checks.ignored_auth])


@pytest.mark.parametrize("path", PATHS)
def test_all_but_the_probes_and_the_shells_want_one(path: str, guarded: str) -> None:
    one = next(each for each in declared(tokens=True) if each.path == path)
    url = guarded + re.sub(r"{\w+}", "nothing", path)
    assert (httpx.request(one.method, url, trust_env=False).status_code == 401) is not one.open
