"""``GET /docs``: the description as a page to read and to try calls on, without any host but this one."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

from aiohttp import web
from swagger_ui_bundle import swagger_ui_path

from app.web.documents import FOREVER, REVALIDATE, Document
from app.web.operations import Answer, AnyQuery, Call, Operation

#: Swagger UI of this very version: its files may be kept for ever.
_VERSION = swagger_ui_path.name.rpartition("-")[2]
_SCRIPT, _STYLE, _ICON = f"swagger-ui-{_VERSION}.js", f"swagger-ui-{_VERSION}.css", f"icon-{_VERSION}.png"
_THEIRS = {_SCRIPT: "swagger-ui-bundle.js", _STYLE: "swagger-ui.css", _ICON: "favicon-32x32.png"}
_OURS = ("docs.js", "docs.css")
_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "png": "image/png"}
#: The parts of the page, which tell nothing of the platform.
ASSET_PATHS = tuple(f"/docs/assets/{name}" for name in (*_THEIRS, *_OURS))
#: The page may load and ask nothing but this host. Swagger UI has pictures, and sets styles, in its own text.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def docs_page() -> tuple[Operation, ...]:
    async def shell(call: Call[AnyQuery, None]) -> web.StreamResponse:
        return _shell().answer(call.request)

    page = Operation(
        method="get",
        query=AnyQuery,
        path="/docs",
        name="get_docs",
        summary="This description as a page, on which calls can be tried out",
        run=shell,
        answers=(Answer(200, "The page", {"text/html": {"type": "string"}}), Answer(304, "As it was")),
        tag="platform",
        open=True,
    )
    return page, *(_asset(path) for path in ASSET_PATHS)


def _asset(path: str) -> Operation:
    name = path.rpartition("/")[2]

    async def run(call: Call[AnyQuery, None]) -> web.StreamResponse:
        return _part(name).answer(call.request)

    return Operation(
        method="get",
        query=AnyQuery,
        path=path,
        name=f"get_{name}",
        summary="A part of the page",
        run=run,
        answers=(Answer(200, "The part"),),
        tag="platform",
        open=True,
        hidden=True,
    )


@lru_cache(maxsize=1)
def _shell() -> Document:
    text = (resources.files("app.web") / "docs" / "index.html").read_text(encoding="utf-8")
    for word, name in (("SCRIPT", _SCRIPT), ("STYLE", _STYLE), ("ICON", _ICON)):
        text = text.replace(f"/docs/assets/{word}", f"/docs/assets/{name}")
    return Document(text.encode(), "text/html; charset=utf-8", headers={"Content-Security-Policy": _POLICY})


@lru_cache(maxsize=len(ASSET_PATHS))
def _part(name: str) -> Document:
    kind = _TYPES[name.rpartition(".")[2]]
    if name in _THEIRS:
        return Document((swagger_ui_path / _THEIRS[name]).read_bytes(), kind, FOREVER)
    return Document((resources.files("app.web") / "docs" / name).read_bytes(), kind, REVALIDATE)
