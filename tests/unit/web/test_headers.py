"""Every answer tells browsers how to treat it; pages of other hosts make nothing happen."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.web.headers import ALWAYS, add_headers, called_by_name, own_names, own_pages_only, same_host
from app.web.problems import problems


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    await response.write(b"{}\n")
    return response


async def page(_: web.Request) -> web.Response:
    own = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "max-age=60"}
    return web.json_response({}, headers=own)


async def fault(_: web.Request) -> web.Response:
    raise KeyError("x")


async def work(_: web.Request) -> web.Response:
    return web.json_response({})


def application() -> web.Application:
    app = web.Application(middlewares=[problems, called_by_name(("localhost", "box", "here")), own_pages_only])
    app.router.add_get("/stream", stream)
    app.router.add_get("/page", page)
    app.router.add_get("/fault", fault)
    app.router.add_get("/health/live", work)
    app.router.add_route("*", "/work", work)
    add_headers(app)
    return app


def ask(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str]]:
    async def run() -> tuple[int, dict[str, str]]:
        async with TestClient(TestServer(application())) as client:
            response = await client.request(method, path, headers=headers)
            await response.read()
            return response.status, {name.lower(): value for name, value in response.headers.items()}

    return asyncio.run(run())


@pytest.mark.parametrize(("path", "status"), [("/stream", 200), ("/work", 200), ("/fault", 500), ("/nothing", 404)])
def test_every_answer_has_them(path: str, status: int) -> None:
    got, headers = ask(path)
    assert got == status
    assert {name.lower(): value for name, value in ALWAYS.items()}.items() <= headers.items()
    assert headers["server"] == "fdp"


def test_json_and_problems_are_not_kept() -> None:
    assert ask("/work")[1]["cache-control"] == "no-store"
    assert ask("/nothing")[1]["cache-control"] == "no-store"
    assert "cache-control" not in ask("/stream")[1]


def test_what_a_view_has_set_stays() -> None:
    headers = ask("/page")[1]
    assert headers["content-security-policy"] == "default-src 'self'"
    assert headers["cache-control"] == "max-age=60"


def test_what_is_no_http_is_not_told_what_answers() -> None:
    async def run() -> bytes:
        async with TestServer(application()) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"nonsense\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 10)
            writer.close()
            return answer

    answer = asyncio.run(run())
    assert b" 400 " in answer
    assert b"aiohttp" not in answer.lower()
    assert b"python" not in answer.lower()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_page_of_another_host_makes_nothing_happen(method: str) -> None:
    assert ask("/work", method, Origin="https://elsewhere.example")[0] == 403
    assert ask("/work", method, Origin="null")[0] == 403
    assert ask("/work", method, Origin="http://here:1", Host="here:1")[0] == 200
    assert ask("/work", method)[0] == 200


def test_reading_is_left_to_the_browsers_own_rules() -> None:
    assert ask("/work", Origin="https://elsewhere.example")[0] == 200


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://127.0.0.1:6066", "127.0.0.1:6066", True),
        ("http://a.example", "a.example", True),
        ("http://a.example", "a.example:80", True),
        ("https://a.example", "a.example:443", True),
        ("https://a.example", "a.example", True),
        ("http://A.example:1", "a.EXAMPLE:1", True),
        ("http://[::1]:6066", "[::1]:6066", True),
        ("http://127.0.0.1:6067", "127.0.0.1:6066", False),
        ("http://localhost:6066", "127.0.0.1:6066", False),
        ("http://a.example.evil", "a.example", False),
        ("http://evil/a.example", "a.example", False),
        ("null", "a.example", False),
        ("", "", False),
        ("http://a.example:port", "a.example", False),
        ("http://[", "a.example", False),
        ("file://", "", False),
    ],
)
def test_the_same_host_is_the_same_name_and_port(origin: str, host: str, same: bool) -> None:
    assert same_host(origin, host) is same


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:6066", 200),
        ("127.0.0.1", 200),
        ("[::1]:6066", 200),
        ("192.168.1.7:80", 200),
        ("BOX", 200),
        ("localhost.", 200),
        ("fdp.localhost:6066", 200),
        ("", 200),
        ("rebound.example:6066", 421),
        ("localhost.rebound.example", 421),
        ("[::1", 421),
    ],
)
def test_a_server_answers_only_under_names_that_it_knows(host: str, status: int) -> None:
    assert ask("/stream", Host=host)[0] == status


def test_the_probes_are_answered_under_any_name() -> None:
    assert ask("/health/live", Host="sidecar.example")[0] == 200


@pytest.mark.parametrize("web_host", ["127.0.0.1", "::1", "localhost"])
def test_who_listens_on_this_machine_alone_knows_what_it_is_called(web_host: str) -> None:
    assert own_names(web_host, ("box",)) == ("localhost", "box")


@pytest.mark.parametrize("web_host", ["0.0.0.0", "::", "10.0.0.5", "box"])
def test_who_listens_for_others_answers_under_any_name(web_host: str) -> None:
    assert own_names(web_host, ()) is None
