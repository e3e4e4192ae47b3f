"""``GET /``: the dashboard, and the files that it is made of."""

from __future__ import annotations

from aiohttp import ETag, web

from app.web.operations import Answer, Call, NoQuery, Operation
from app.web.page_files import BELOW, FILES, INDEX, PageFile
from app.web.problems import problem

#: Only what comes from here: no other host, nothing inline, in nobody's frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_UNCHANGED = Answer(304, "It is as `If-None-Match` says.")


def dashboard_operations() -> tuple[Operation, ...]:
    return (
        Operation(
            method="get",
            path="/",
            name="open_dashboard",
            tag="dashboard",
            summary="The dashboard, a page for browsers",
            run=_index,
            answers=(Answer(200, "The page.", {"text/html": None}, _HEADERS), _UNCHANGED),
        ),
        Operation(
            method="get",
            path=f"{BELOW}{{file}}",
            name="get_dashboard_file",
            tag="dashboard",
            summary="A file of the dashboard",
            run=_file,
            answers=(
                Answer(200, "The file.", {"text/javascript": None, "text/css": None, "image/svg+xml": None}, _HEADERS),
                _UNCHANGED,
            ),
            problems=(404,),
            path_docs={"file": "The file's name."},
        ),
    )


_HEADERS = {"ETag": "A strong validator.", "Content-Security-Policy": "Where the page may load from."}


async def _index(call: Call[NoQuery, None]) -> web.StreamResponse:
    return answer(call.request, FILES[INDEX])


async def _file(call: Call[NoQuery, None]) -> web.StreamResponse:
    name = call.path["file"]
    found = FILES.get(name)
    if found is None or name == INDEX:
        return problem(404, f"the dashboard has no file {name!r}")
    return answer(call.request, found)


def answer(request: web.Request, file: PageFile) -> web.Response:
    """The file, or 304 when the browser has it. It is asked for each time: a new version counts at once."""
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "Content-Type": file.media_type}
    known = request.if_none_match or ()
    if any(tag.value in (file.etag, "*") for tag in known):
        del headers["Content-Type"]
        response = web.Response(status=304, headers=headers)
    else:
        response = web.Response(body=file.content, headers=headers)
    response.etag = ETag(value=file.etag)
    return response
