"""``GET /backtests/{id}/data``: the rows of a series, in the form that is asked for."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Annotated

import cramjam
import orjson
import pyarrow as pa
from aiohttp import web
from pydantic import Field

from app.domain.records import UNWHOLE, BacktestRecord, Checkpoint
from app.domain.series import SeriesName
from app.domain.status import told_state
from app.errors import FieldProblem, InvalidRequest
from app.rows.formats import FORMATS, MEDIA_TYPES, VERSION, Format
from app.rows.selection import Selection, select
from app.web.backtests import BACKTEST_ID, unknown
from app.web.front import Front
from app.web.negotiation import best_encoding, best_type, matches
from app.web.operations import Answer, Call, Operation, Query
from app.web.packing import CODINGS, Coding
from app.web.problems import problem
from app.web.reading import Reading, Shelf
from app.web.sending import Open, Sending, Told

#: Topics that a refusal names.
_MOST_NAMED = 20
_FILES: Mapping[Format, str] = {"csv": "csv", "arrow": "arrows", "parquet": "parquet"}
_BYTES = {"type": "string", "contentEncoding": "binary"}
#: The format of each media type.
FORM_OF: Mapping[str, Format] = {media_type: form for form, media_type in MEDIA_TYPES.items()}
#: The content of an answer that is rows.
ROWS = dict.fromkeys(MEDIA_TYPES.values(), _BYTES)


class DataQuery(Query):
    """Which rows, which of their columns, and in which form."""

    series: str | None = Field(
        None,
        description="The series' topic; may be left out when the backtest has one series only.",
        examples=["stock-aapl-ohlcv1m-historical-spring"],
    )
    format: Format | None = Field(None, description="The form of the answer; goes before `Accept`.", examples=["csv"])
    start: str | None = Field(
        None,
        description="Only rows from here on: a session date (New York), or an instant with `Z` or an offset.",
        examples=["2024-01-02", "2024-01-02T14:30:00Z"],
    )
    end: str | None = Field(
        None,
        description="Only rows up to here, it included: a session date (New York), or an instant.",
        examples=["2024-01-31", "2024-01-02T16:00:00-05:00"],
    )
    limit: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = Field(
        None, description="So many rows at the most.", examples=[10]
    )
    columns: list[str] | None = Field(
        None,
        description="Only these columns, in this order, separated by commas; `_offset`: where the row lies.",
        examples=[["timestamp", "close", "_offset"]],
    )
    contract: list[str] | None = Field(
        None,
        description="Of options: only these contracts, as OCC symbols, with or without the spaces.",
        examples=[["SPXW240315C04800000"]],
    )
    after_offset: Annotated[int, Field(ge=-1, le=2**63 - 2)] | None = Field(
        None, description="Only rows that lie behind this offset: what was received up to there is not sent again."
    )
    follow: bool = Field(False, description="Wait for rows that are still to come, until the series is complete.")


def data_operations(front: Front, shelf: Shelf, told: Told) -> tuple[Operation, ...]:
    """The operation that gives rows out."""

    async def read(call: Call[DataQuery, None]) -> web.StreamResponse:
        return await _read(front, shelf, told, call)

    return (
        Operation(
            method="get",
            path="/backtests/{backtest_id}/data",
            name="read_data",
            tag="data",
            summary="Read the rows of a series",
            description=(
                "The rows as they are in the series' topic, in event-time order, streamed as they are read. An answer "
                "that ends properly is whole; one that cannot be finished is cut off without the closing chunk. "
                "Without `follow` it is what is committed at the moment of asking, and the header `FDP-Series-State` "
                "tells whether there is more to come. The answer for a complete series has a strong `ETag`."
            ),
            query=DataQuery,
            run=read,
            answers=(
                Answer(
                    200,
                    "The rows.",
                    ROWS,
                    {
                        "FDP-Series-State": "The series' state when the answer began.",
                        "FDP-Rows": "Rows of the series that were committed then, whether asked for or not.",
                        "FDP-Run": "The run of the backtest; what is cut off is gone on with only in the same one.",
                    },
                    at_times={
                        "FDP-Topic-Id": "The topic that holds the rows, once there is one; for the same purpose.",
                        "ETag": "Of a complete series: the same as long as the bytes are.",
                    },
                ),
                Answer(304, "`If-None-Match` names what would be sent."),
            ),
            header_docs={
                "If-None-Match": "An `ETag` that was told.",
                "Accept-Encoding": "`zstd` or `gzip` packs the rows.",
            },
            problems=(404, 406, 409, 422, 503),
            path_docs=BACKTEST_ID,
        ),
    )


async def _read(front: Front, shelf: Shelf, told: Told, call: Call[DataQuery, None]) -> web.StreamResponse:
    request, query, backtest_id = call.request, call.query, call.path["backtest_id"]
    record = front.index.backtest(backtest_id)
    if record is None:
        return unknown(backtest_id)
    names = {name.topic: name for name, _ in record.backtest.members()}
    topic = query.series or _only(list(names))
    name = names.get(topic)
    if name is None:
        return problem(
            404, f"backtest {backtest_id!r} has no series {topic!r}; GET /backtests/{backtest_id} names them"
        )
    form = query.format or form_of(header(request, "Accept"))
    if form is None:
        return unacceptable(request)
    selection = select(
        name,
        columns=query.columns,
        start=query.start,
        end=query.end,
        contracts=query.contract,
        limit=query.limit,
        after=query.after_offset,
    )
    coding = coding_of(request, form)
    if coding is None:
        return unpackable()
    found = front.index.checkpoint(topic, record.run)
    state = told_state(record, found)
    if query.follow and state in UNWHOLE:
        return ended(record, topic, state, found)
    headers = headers_of(form, coding) | {"FDP-Series-State": state, "FDP-Rows": str(found.rows if found else 0)}
    headers |= _file_header(topic, form)
    headers |= _writing(front, record, topic)
    about = {"topic": topic, "backtest_id": backtest_id}
    if state == "complete" and (sha256 := await _digest(front, record, topic)):
        assert found is not None
        about |= {"sha256": sha256, "schema": _schema_name(name)}
        headers["ETag"] = tag = entity_tag(form, coding, selection, about, found)
        # Kept by who asked, and asked about each time: the id may be another backtest's one day.
        headers["Cache-Control"] = "private, no-cache"
        if matches(header(request, "If-None-Match"), tag):
            kept = ("ETag", "Cache-Control", "Vary", "FDP-Series-State", "FDP-Rows", "FDP-Run", "FDP-Topic-Id")
            return web.Response(status=304, headers={name: headers[name] for name in kept if name in headers})
    if request.method == "HEAD":
        return await bare(request, headers)
    if shelf.full:
        return crowded(shelf)
    sending = Sending(shelf, told, request, headers, form, coding, about, selection.limit)
    return await sending.send(
        [(name, selection, opening(shelf, record, name, selection, request, follow=query.follow))]
    )


def opening(
    shelf: Shelf, record: BacktestRecord, name: SeriesName, selection: Selection, request: web.Request, *, follow: bool
) -> Open:
    """Begins to read a series when its turn comes."""

    def gone() -> bool:
        return request.transport is None or request.transport.is_closing()

    return lambda: Reading(shelf, record, name, selection, follow=follow, gone=gone)


def header(request: web.Request, name: str) -> str | None:
    """A header that is a list, which may come in several lines (RFC 9110, 5.3); None where there is none."""
    lines = request.headers.getall(name, [])
    return ", ".join(lines) if lines else None


def form_of(accept: str | None) -> Format | None:
    """The format that an ``Accept`` asks for; None when it takes none of them."""
    best = best_type(accept, list(FORM_OF))
    return None if best is None else FORM_OF[best]


def coding_of(request: web.Request, form: Format) -> Coding | None:
    """How the answer is packed. A Parquet file is packed inside."""
    best = best_encoding(header(request, "Accept-Encoding"), () if form == "parquet" else CODINGS)
    return next((coding for coding in (*CODINGS, "identity") if coding == best), None)


def headers_of(form: Format, coding: Coding) -> dict[str, str]:
    """What every answer with rows says of itself."""
    media_type = MEDIA_TYPES[form]
    headers = {
        "Content-Type": f"{media_type}; charset=utf-8; header=present" if form == "csv" else media_type,
        "Vary": "Accept, Accept-Encoding",
        "Cache-Control": "no-store",
        # Nothing between here and the reader may hold rows back until more have come.
        "X-Accel-Buffering": "no",
    }
    return headers if coding == "identity" else headers | {"Content-Encoding": coding}


def unacceptable(request: web.Request) -> web.Response:
    given = request.headers.get("Accept", "")
    return problem(
        406, f"{given!r} is none of {', '.join(MEDIA_TYPES.values())}; or name a format: {', '.join(FORMATS)}"
    )


def unpackable() -> web.Response:
    return problem(406, f"the rows can be had as they are, or packed with {' or '.join(CODINGS)}")


def ended(record: BacktestRecord, topic: str, state: str, found: Checkpoint | None) -> web.Response:
    """The answer to who would wait for the end of a series that has ended otherwise."""
    why = f" ({found.reason})" if found is not None and found.reason else ""
    return problem(
        409,
        f"{topic} is {state}{why}: its rows will not come by waiting; POST /backtests/{record.backtest_id}/retry, or "
        "read what there is without follow",
    )


def crowded(shelf: Shelf) -> web.Response:
    return problem(
        503,
        f"{shelf.places} answers with rows are being read, which is the most there may be at once (DATA_STREAMS); try "
        "again shortly",
        headers={"Retry-After": "2"},
    )


async def bare(request: web.Request, headers: Mapping[str, str]) -> web.StreamResponse:
    """The answer to HEAD."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    return response


def entity_tag(form: Format, coding: Coding, selection: Selection, about: Mapping[str, str], found: Checkpoint) -> str:
    """A strong validator: of two answers with the same one every byte is the same."""
    libraries = [pa.__version__] if coding == "identity" else [pa.__version__, cramjam.__version__]
    # Arrow's batches tell offsets, and the pages of the topic are its batches.
    place = [found.first_offset, found.next_offset, found.rows]
    whole = [VERSION, libraries, form, coding, selection.key(), dict(about), place]
    return f'"{hashlib.sha256(orjson.dumps(whole)).hexdigest()[:40]}"'


def _schema_name(name: SeriesName) -> str:
    """Names what is said of the columns, which stands in files."""
    return hashlib.sha256(orjson.dumps(name.record.avro())).hexdigest()[:16]


async def _digest(front: Front, record: BacktestRecord, topic: str) -> str:
    receipts = await asyncio.to_thread(front.index.receipts, {topic: record.run})
    return str(receipts.get(topic, {}).get("sha256", ""))


def _writing(front: Front, record: BacktestRecord, topic: str) -> dict[str, str]:
    """What names this writing of a series: rows of another one do not go on where these were cut off."""
    topic_id = front.index.topic_id_of(topic, record.run)
    return {"FDP-Run": str(record.run), **({"FDP-Topic-Id": topic_id} if topic_id is not None else {})}


def _file_header(topic: str, form: Format) -> dict[str, str]:
    if form not in _FILES:
        return {}
    return {"Content-Disposition": f'attachment; filename="{topic}.{_FILES[form]}"'}


def _only(topics: list[str]) -> str:
    """The topic of a backtest's only series. Raises ``InvalidRequest`` when it has several."""
    if len(topics) == 1:
        return topics[0]
    some = tuple(topics[:_MOST_NAMED])
    more = "" if len(topics) == len(some) else f", of which {len(some)} are named here"
    message = f"is required: the backtest has {len(topics)} series{more}"
    raise InvalidRequest([FieldProblem("series", message, some)])
