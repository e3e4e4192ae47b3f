"""Whatever goes wrong is told as an RFC 9457 problem; whoever has no token is told nothing."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.errors import Conflict, Fenced, FieldProblem, InvalidRequest, LogError, RegistryError, TransactionAborted
from app.settings import Settings, load
from app.web.auth import OPEN_PATHS, Tokens, bearer
from app.web.problems import problem, problems

Raise = Callable[[], Exception]
Told = tuple[int, dict[str, Any], dict[str, str]]


def application(settings: Settings, error: Raise | None = None) -> web.Application:
    async def view(request: web.Request) -> web.Response:
        if request.can_read_body:
            await request.read()
        if error is not None:
            raise error()
        return web.Response(text="secret")

    app = web.Application(middlewares=[problems, bearer(Tokens.of(settings))], client_max_size=1_000)
    for path in {*OPEN_PATHS, "/thing", "/metrics", "/openapi.json", "/backtests"}:
        app.router.add_get(path, view)
    app.router.add_post("/thing", view)
    return app


def ask(
    path: str = "/thing",
    *,
    error: Raise | None = None,
    tokens: str = "",
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Told:
    """Status, body (of problems) and headers of one request."""

    async def run() -> Told:
        async with TestClient(TestServer(application(load(api_tokens=tokens), error))) as client:
            response = await client.request(method, path, data=body, headers=headers, allow_redirects=False)
            content = await response.read()
            parsed = orjson.loads(content) if response.content_type == "application/problem+json" else {}
            return response.status, parsed, {name.lower(): value for name, value in response.headers.items()}

    return asyncio.run(run())


def ask_raw(head: bytes, tokens: str) -> bytes:
    """The answer to a request that no client would send."""

    async def run() -> bytes:
        async with TestServer(application(load(api_tokens=tokens))) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /thing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + head + b"\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 10)
            writer.close()
            return answer

    return asyncio.run(run())


def test_a_problem_has_the_members_of_the_standard() -> None:
    response = problem(422, "no", [FieldProblem("a", "is wrong", ("b", "c")), FieldProblem("d", "is required")])

    assert response.content_type == "application/problem+json"
    assert response.status == 422
    assert orjson.loads(response.body) == {
        "type": "about:blank",
        "title": "Unprocessable Content" if "Content" in _title(422) else "Unprocessable Entity",
        "status": 422,
        "detail": "no",
        "errors": [
            {"field": "a", "message": "is wrong", "allowed": ["b", "c"]},
            {"field": "d", "message": "is required"},
        ],
    }


def _title(status: int) -> str:
    import http

    return http.HTTPStatus(status).phrase


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (lambda: InvalidRequest.of("interval", "is wrong"), 422, "interval: is wrong"),
        (lambda: Conflict("spring"), 409, "'spring' is taken"),
        (lambda: LogError("the broker is away"), 503, "the broker is away"),
        (lambda: Fenced("fenced"), 503, "fenced"),
        (lambda: TransactionAborted("aborted"), 503, "aborted"),
        (lambda: RegistryError("the registry is away"), 503, "the registry is away"),
        (lambda: web.HTTPBadRequest(text="the body is not JSON"), 400, "the body is not JSON"),
        (web.HTTPNotFound, 404, "/thing"),
        (web.HTTPNotAcceptable, 406, "Not Acceptable"),
        (lambda: KeyError("inner secret"), 500, "defect"),
        (AssertionError, 500, "defect"),
    ],
)
def test_what_a_view_raises_is_told_as_a_problem(error: Raise, status: int, words: str) -> None:
    got, body, headers = ask(error=error)

    assert got == body["status"] == status
    assert words in body["detail"]
    assert {"type", "title"} <= set(body)
    assert headers["content-type"].startswith("application/problem+json")


def test_what_is_wrong_with_a_request_is_listed_by_field() -> None:
    _, body, _ = ask(error=lambda: InvalidRequest([FieldProblem("a", "one"), FieldProblem("b", "two", ("x",))]))

    assert body["errors"] == [{"field": "a", "message": "one"}, {"field": "b", "message": "two", "allowed": ["x"]}]


def test_a_conflict_names_the_id() -> None:
    assert ask(error=lambda: Conflict("spring"))[1]["errors"][0]["field"] == "backtest_id"


def test_a_defect_tells_nothing_of_its_inside_but_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "app.web.problems"):
        _, body, _ = ask(error=lambda: KeyError("inner secret"))

    assert "inner secret" not in str(body)
    assert "inner secret" in caplog.text


def test_what_can_be_tried_again_says_when() -> None:
    assert int(ask(error=lambda: LogError("x"))[2]["retry-after"]) > 0


def test_a_path_that_does_not_exist_is_a_problem() -> None:
    status, body, _ = ask("/nothing/here")

    assert status == 404
    assert "/nothing/here" in body["detail"]


def test_a_method_that_a_path_does_not_take_names_those_it_does() -> None:
    status, body, headers = ask(method="DELETE")

    assert status == 405
    assert "DELETE" in body["detail"]
    assert {"GET", "POST"} <= set(headers["allow"].split(","))


def test_a_body_that_is_too_large_is_told_the_limit() -> None:
    status, body, _ = ask(method="POST", body=b"x" * 1_001)

    assert status == 413
    assert "1000" in body["detail"]
    assert ask(method="POST", body=b"x" * 1_000)[0] == 200


def test_a_redirect_is_no_problem() -> None:
    status, body, headers = ask(error=lambda: web.HTTPFound("/docs"))

    assert (status, body, headers["location"]) == (302, {}, "/docs")


# --- tokens -----------------------------------------------------------------------------------------------


def test_without_tokens_nobody_is_asked_for_one() -> None:
    assert ask()[0] == 200
    assert ask(headers={"Authorization": "Bearer whatever"})[0] == 200


@pytest.mark.parametrize("path", ["/thing", "/metrics", "/openapi.json", "/backtests", "/nothing"])
def test_with_tokens_everything_that_tells_something_wants_one(path: str) -> None:
    status, body, headers = ask(path, tokens="one,two")

    assert status == body["status"] == 401
    assert headers["www-authenticate"] == "Bearer"
    assert "secret" not in str(body)


@pytest.mark.parametrize("path", OPEN_PATHS)
def test_the_probes_and_the_shells_are_open(path: str) -> None:
    assert ask(path, tokens="one")[0] == 200


@pytest.mark.parametrize(
    "header", ["Bearer one", "Bearer two", "bearer one", "BEARER one", "Bearer  one", "Bearer one "]
)
def test_every_token_is_let_in(header: str) -> None:
    assert ask(tokens=" one , two ,", headers={"Authorization": header})[0] == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "one",
        "Bearer",
        "Bearer ",
        "Bearer on",
        "Bearer onee",
        "Bearer ONE",
        "Basic one",
        "Bearer one,two",
        "Bearer ,",
    ],
)
def test_anything_else_is_kept_out(header: str) -> None:
    assert ask(tokens="one,two", headers={"Authorization": header})[0] == 401


def test_a_method_that_is_not_taken_is_not_told_to_strangers() -> None:
    assert ask(method="DELETE", tokens="one")[0] == 401


def test_the_right_token_in_raw_bytes_is_let_in() -> None:
    assert ask_raw(b"Authorization: Bearer one", "one").startswith(b"HTTP/1.1 200")


def test_a_token_in_bytes_that_are_no_text_is_kept_out() -> None:
    assert ask_raw(b"Authorization: Bearer \xff\xfe", "one").startswith(b"HTTP/1.1 401")


def test_a_token_outside_of_ascii_is_let_in() -> None:
    assert ask_raw("Authorization: Bearer schlüssel".encode(), "schlüssel").startswith(b"HTTP/1.1 200")


def test_a_path_that_is_no_utf8_can_be_told() -> None:
    answer = problem(404, "there is nothing at /\udcff")
    assert json.loads(bytes(answer.body))["detail"] == "there is nothing at /?"  # type: ignore[arg-type]
