"""``GET /``: the dashboard, and the files that it is made of."""

from __future__ import annotations

from aiohttp import web

from app.web.documents import Document
from app.web.operations import Answer, Call, NoQuery, Operation
from app.web.page_files import FILES


def dashboard_operations() -> tuple[Operation, ...]:
    return tuple(_file(path, file) for path, file in FILES.items())


def _file(path: str, file: Document) -> Operation:
    async def run(call: Call[NoQuery, None]) -> web.StreamResponse:
        return file.answer(call.request)

    page = path == "/"
    return Operation(
        method="get",
        path=path,
        name="get_dashboard" if page else f"get_{path.rpartition('/')[2]}",
        summary="The dashboard, a page for browsers" if page else "A part of the page",
        run=run,
        answers=(Answer(200, "The page", {"text/html": {"type": "string"}}), Answer(304, "As it was")),
        tag="platform",
        open=True,
        hidden=not page,
    )
