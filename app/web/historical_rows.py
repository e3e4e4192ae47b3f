"""The rows as the answer to a request: whether they are asked for, and sending them as they are committed."""

from __future__ import annotations

from aiohttp import web

from app.domain.request import Backtest
from app.domain.status import told_state
from app.errors import InvalidRequest
from app.rows.formats import FORMATS, MEDIA_TYPES, Format
from app.rows.selection import Selection, all_columns
from app.web.data import coding_of, ended, gone, header, headers_of, unpackable
from app.web.front import Front
from app.web.negotiation import best_type, prefers
from app.web.problems import problem
from app.web.reading import Reading, Shelf
from app.web.sending import Sending, Told

JSON = "application/json"
_ENDED = ("failed", "cancelled")
#: What is sent when the head has gone and the rows of series of several kinds cannot stand in one table.
_TABLES = ("csv", "arrow", "parquet")


def asked_form(request: web.Request) -> Format | None:
    """The form in which a POST wants the rows themselves; None when it is content with what was decided."""
    if prefers(request.headers.getall("Prefer", []), "respond-async"):
        return None
    best = best_type(header(request, "Accept"), [JSON, *MEDIA_TYPES.values()])
    return next((form for form in FORMATS if MEDIA_TYPES[form] == best), None)


def check_form(backtest: Backtest, form: Format) -> None:
    """Raise ``InvalidRequest`` when the series of a request do not fit into one answer of this form."""
    kinds = sorted({entry.record.name for entry in backtest.series})
    if form in _TABLES and len(kinds) > 1:
        raise InvalidRequest.of(
            "series",
            f"{' and '.join(kinds)} have other columns and do not fit into one answer of {MEDIA_TYPES[form]}; ask for "
            f"{MEDIA_TYPES['ndjson']}, or read each series from GET /backtests/{backtest.backtest_id}/data",
        )


async def rows_of(
    front: Front, shelf: Shelf, told: Told, request: web.Request, backtest: Backtest, form: Format
) -> web.StreamResponse:
    """The rows of all series of a backtest that was accepted, one series after the other, as they are committed. That
    the client goes away does not end the backtest."""
    record = front.index.backtest(backtest.backtest_id)
    if record is None:
        return problem(404, f"backtest {backtest.backtest_id!r} was deleted meanwhile; ask again")
    for name, _ in backtest.members():
        found = front.index.checkpoint(name.topic, record.run)
        state = told_state(record, found)
        if state in _ENDED:
            return ended(record, name.topic, state, found)
    coding = coding_of(request, form)
    if coding is None:
        return unpackable()
    headers = headers_of(form, coding) | {"Location": f"/backtests/{backtest.backtest_id}"}
    members = [name for name, _ in backtest.members()]
    whole = {name.topic: Selection(all_columns(name.record)) for name in members}
    sending = Sending(shelf, told, request, headers, form, coding, {"backtest_id": backtest.backtest_id})
    return await sending.send(
        [
            (
                name,
                whole[name.topic],
                lambda name=name: Reading(  # type: ignore[misc]
                    shelf, record, name, whole[name.topic], follow=True, gone=lambda: gone(request)
                ),
            )
            for name in members
        ]
    )
