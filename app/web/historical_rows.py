"""The rows as the answer to a request: whether they are asked for, and sending them as they are committed."""

from __future__ import annotations

from aiohttp import web

from app.domain.records import UNWHOLE, BacktestRecord
from app.domain.request import Backtest
from app.domain.status import told_state
from app.errors import InvalidRequest
from app.rows.formats import MEDIA_TYPES, Format
from app.rows.selection import Selection, all_columns
from app.web.data import FORM_OF, ended, header, headers_of, opening
from app.web.front import Front
from app.web.negotiation import best_type, prefers
from app.web.packing import Coding
from app.web.reading import Shelf
from app.web.sending import Sending, Told

JSON = "application/json"
#: What is sent when the head has gone and the rows of series of several kinds cannot stand in one table.
_TABLES = ("csv", "arrow", "parquet")


def asked_form(request: web.Request) -> Format | None:
    """The form in which a POST wants the rows themselves; None when it is content with what was decided."""
    if prefers(request.headers.getall("Prefer", []), "respond-async"):
        return None
    return FORM_OF.get(best_type(header(request, "Accept"), [JSON, *FORM_OF]) or JSON)


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
    front: Front,
    shelf: Shelf,
    told: Told,
    request: web.Request,
    record: BacktestRecord,
    form: Format,
    coding: Coding,
) -> web.StreamResponse:
    """The rows of all series of a backtest that was accepted, one series after the other, as they are committed. That
    the client goes away does not end the backtest."""
    members = [name for name, _ in record.backtest.members()]
    for name in members:
        found = front.index.checkpoint(name.topic, record.run)
        state = told_state(record, found)
        if state in UNWHOLE:
            return ended(record, name.topic, state, found)
    headers = headers_of(form, coding) | {"Location": f"/backtests/{record.backtest_id}"}
    sending = Sending(shelf, told, request, headers, form, coding, {"backtest_id": record.backtest_id})
    whole = [(name, Selection(all_columns(name.record))) for name in members]
    return await sending.send(
        [(name, selection, opening(shelf, record, name, selection, request, follow=True)) for name, selection in whole]
    )
