"""Documents are sent once to whoever keeps them, and small to whoever takes them so; the page needs no other host."""

from __future__ import annotations

import asyncio
import gzip
import re

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.web.docs_page import ASSET_PATHS, docs_page
from app.web.documents import FOREVER, Document
from app.web.operations import Call, NoQuery

BODY = b"what is told " * 100
DOCUMENT = Document(BODY, "text/plain; charset=utf-8", FOREVER, {"X-Own": "1"})


def ask(document: Document, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and bytes as they come."""

    async def view(request: web.Request) -> web.Response:
        return document.answer(request)

    async def run() -> tuple[int, dict[str, str], bytes]:
        app = web.Application()
        app.router.add_get("/", view)
        async with TestClient(TestServer(app), auto_decompress=False) as client:
            response = await client.get("/", headers={"Accept-Encoding": "identity", **headers})
            return response.status, {n.lower(): v for n, v in response.headers.items()}, await response.read()

    return asyncio.run(run())


def test_a_document_has_a_name_and_its_own_headers() -> None:
    status, headers, body = ask(DOCUMENT)
    assert (status, body) == (200, BODY)
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert (headers["cache-control"], headers["x-own"], headers["vary"]) == (FOREVER, "1", "Accept-Encoding")
    assert ask(Document(BODY + b"!", "text/plain"))[1]["etag"] != headers["etag"]


@pytest.mark.parametrize("accepts", ["gzip", "br, gzip;q=0.5", "*", "GZIP"])
def test_who_takes_gzip_gets_it_under_another_name(accepts: str) -> None:
    status, headers, body = ask(DOCUMENT, **{"Accept-Encoding": accepts})
    assert (status, headers["content-encoding"], gzip.decompress(body)) == (200, "gzip", BODY)
    assert headers["etag"] != ask(DOCUMENT)[1]["etag"]


@pytest.mark.parametrize("accepts", ["", "identity", "br", "gzip;q=0", "gzip; q=0.0, br"])
def test_who_does_not_take_it_does_not_get_it(accepts: str) -> None:
    assert "content-encoding" not in ask(DOCUMENT, **{"Accept-Encoding": accepts})[1]


def test_who_has_it_is_told_so() -> None:
    plain, small = ask(DOCUMENT)[1]["etag"], ask(DOCUMENT, **{"Accept-Encoding": "gzip"})[1]["etag"]
    for known in (plain, small, f"W/{plain}", f'"x", {plain}', "*"):
        status, headers, body = ask(DOCUMENT, **{"If-None-Match": known})
        assert (status, body) == (304, b"")
        assert headers["etag"] == plain
    assert ask(DOCUMENT, **{"If-None-Match": '"x"'})[0] == 200


def served() -> dict[str, bytes]:
    """The page and its parts, by path."""

    async def run() -> dict[str, bytes]:
        app = web.Application()
        for one in docs_page():

            async def view(request: web.Request, one: object = one) -> web.StreamResponse:
                return await one.run(Call(request, NoQuery(), None, {}))  # type: ignore[attr-defined]

            app.router.add_get(one.path, view)
        async with TestClient(TestServer(app)) as client:
            return {one.path: await (await client.get(one.path)).read() for one in docs_page()}

    return asyncio.run(run())


def test_the_page_names_each_of_its_parts_and_nothing_else() -> None:
    found = served()
    named = re.findall(r'(?:src|href)="([^"]+)"', found["/docs"].decode())
    assert set(named) == {*ASSET_PATHS, "/openapi.json"}
    assert all(found[path] for path in ASSET_PATHS)


def test_what_swagger_ui_brings_can_show_this_version_of_the_standard() -> None:
    (path,) = (path for path in ASSET_PATHS if re.search(r"swagger-ui-[\d.]+\.js$", path))
    assert tuple(map(int, re.findall(r"\d+", path))) >= (5, 0, 0)
    assert b"openapi: 3.1" in served()[path] or b"isOAS31" in served()[path]
